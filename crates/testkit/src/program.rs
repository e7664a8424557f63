//! The program under test, as a file that can be run.
//!
//! Owns: building and finding it, running a command of it, free ports. Not here: what serves (`node`).

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

/// What a command of the program did.
#[derive(Debug, Clone)]
pub struct Run {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Run {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("no JSON ({why}): {self:?}"))
    }

    /// The same run, which must have succeeded.
    ///
    /// # Panics
    /// When it has not.
    #[must_use]
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// Runs a command with a configuration file and feeds its standard input.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn run(args: &[&str], config: &Path, input: &str) -> Run {
    let mut child = Command::new(program())
        .args(args)
        .arg("--config")
        .arg(config)
        .current_dir(config.parent().unwrap_or(Path::new("/")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes());
    }
    let done = child.wait_with_output().expect("the program ends");
    Run {
        code: done.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// The program: `LATCHBOLT_BIN`, else built by cargo in the profile of this test.
///
/// # Panics
/// When it cannot be built or found.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = std::env::var_os("LATCHBOLT_BIN") {
            return PathBuf::from(path);
        }
        let this = std::env::current_exe().expect("this program");
        let folder = this
            .ancestors()
            .find(|path| path.ends_with("debug") || path.ends_with("release"))
            .expect("a folder of cargo's")
            .to_owned();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "-p", "latchbolt", "--bin", "latchbolt"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        build.env("CARGO_TARGET_DIR", folder.parent().expect("target"));
        let status = build.status().expect("cargo runs");
        assert!(status.success(), "the program does not build");
        folder.join(format!("latchbolt{}", std::env::consts::EXE_SUFFIX))
    })
}

/// A port nobody listens on, below those the system gives to clients.
///
/// # Panics
/// When all are taken.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 97).unwrap_or(0) * 100;
    for _ in 0..10_000 {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port")
}
