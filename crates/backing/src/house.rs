//! A folder, the processes in it, and who takes them away.
//!
//! Owns: spawning, signals, waiting, the guardian. A guardian is a shell that waits for the end of a pipe: when
//! this process is gone, for whatever reason, it kills what still runs in the folder and removes it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to come up on a busy machine.
pub(crate) const START: Duration = Duration::from_secs(30);

/// What the guardian does when the pipe ends. Only processes that still live in the folder are killed: the
/// number of a process that is gone may be another's by then.
const GUARD: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
for signal in CONT QUIT KILL; do
  for pid in $(cat "$1/pids" 2>/dev/null); do
    case "$(readlink "/proc/$pid/cwd")" in "$1"*) kill -s "$signal" "$pid" 2>/dev/null ;; esac
  done
  [ "$signal" = QUIT ] && sleep 0.3
done
sleep 0.1
rm -rf "$1"
"#;

/// A folder with processes.
#[derive(Debug)]
pub(crate) struct House {
    folder: PathBuf,
    user: Option<&'static str>,
    guardian: Mutex<Option<Child>>,
}

impl House {
    /// A new folder. `user`: who the processes run as when we are root.
    pub(crate) fn new(name: &str, user: Option<&'static str>) -> Self {
        Self::new_in(&std::env::temp_dir(), name, user)
    }

    /// The same in a folder of choice.
    pub(crate) fn new_in(place: &Path, name: &str, user: Option<&'static str>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("latchbolt-{name}-"))
            .tempdir_in(place)
            .expect("a folder for a server")
            .keep();
        let user = user.filter(|_| is_root());
        let guardian = Command::new("sh")
            .args(["-c", GUARD, "guardian"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let house = Self { folder, user, guardian: Mutex::new(Some(guardian)) };
        house.give_away();
        house
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Hands everything in the folder to the processes' user.
    pub(crate) fn give_away(&self) {
        if let Some(user) = self.user {
            let done = Command::new("chown").args(["-R", user]).arg(&self.folder).status();
            assert!(done.is_ok_and(|status| status.success()), "the folder cannot be given to {user}");
        }
    }

    /// A command that runs in the folder as the processes' user.
    pub(crate) fn command(&self, program: &Path) -> Command {
        // What many tests share goes first where that may be asked for: between the nodes of all of them, on few
        // cores, it would not answer within the seconds that a node waits.
        let mut command = if is_root() {
            let mut command = Command::new("nice");
            command.args(["-n", "-5"]);
            if let Some(user) = self.user {
                command.arg("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={user}")).arg("--clear-groups");
            }
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
        command
    }

    /// Starts a server; what it says goes into `log`.
    pub(crate) fn spawn(&self, mut command: Command, log: &str) -> Child {
        let file = |name: &str| {
            OpenOptions::new().create(true).append(true).open(self.folder.join(name)).expect("a log")
        };
        let (out, err, mut pids) = (file(log), file(log), file("pids"));
        let child = command.stdout(out).stderr(err).spawn().expect("the server's program starts");
        writeln!(pids, "{}", child.id()).expect("written");
        child
    }

    pub(crate) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let guardian = self.guardian.lock().ok().and_then(|mut guardian| guardian.take());
        if let Some(mut guardian) = guardian {
            drop(guardian.stdin.take());
            let _ = guardian.wait();
        }
    }
}

pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

/// The program of that name on the path or in one of these folders.
pub(crate) fn find(name: &str, package: &str, folders: &[PathBuf]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/bin", "/sbin"].map(PathBuf::from);
    folders
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path))
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: install the package {package}, or run tests/run"))
}

pub(crate) fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// The processes that this one has started.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let tasks = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(tasks).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

pub(crate) fn is_listening(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_millis(500)).is_ok()
}

/// Looks again and again, at most so long; answers whether it came true.
pub fn wait_until(most: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if began.elapsed() > most {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A port nobody listens on, below those that the system gives to clients and beside those of our own program.
///
/// # Panics
/// When all are taken.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 79).unwrap_or(0) * 100;
    for _ in 0..8_000 {
        let port = 12_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 7_900;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port")
}
