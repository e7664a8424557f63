//! The real program, started for one test.
//!
//! Owns: building and finding the program, a folder with configuration and database, a free port, commands
//! of the same program beside it, stopping it. Not here: what visitors do.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use domain::AuditEntry;
use serde_json::{Value, json};
use store::{AuditFilter, Store as _};
use store_sql::{Settings, SqlStore};
use tempfile::TempDir;
use toml::{Table, Value as Toml};

use crate::browser::Browser;
use crate::phone::{Kind, Phone};
use crate::relying_party::RelyingParty;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(30);

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    config: Table,
}

impl Setup {
    /// With one key of the configuration set: `section.key`.
    ///
    /// # Panics
    /// When the name has no section.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Toml>) -> Self {
        let (section, key) = key.split_once('.').expect("section.key");
        let table = self.config.entry(section).or_insert_with(|| Toml::Table(Table::new()));
        table.as_table_mut().expect("a section").insert(key.to_owned(), value.into());
        self
    }

    /// Starts the server.
    pub async fn start(self) -> Server {
        let mut server = self.prepare();
        server.run_again().await;
        server
    }

    /// Folder, port and configuration of a server that somebody else runs, or that is started later.
    ///
    /// # Panics
    /// When they cannot be made.
    #[must_use]
    pub fn prepare(self) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let issuer = format!("http://localhost:{port}");
        let database = folder.path().join("latchbolt.db");
        let setup = self
            .set("issuer.url", issuer.as_str())
            .set("server.listen", vec![Toml::from(format!("127.0.0.1:{port}"))])
            .set("server.workers", 2)
            .set("server.stop_seconds", 1)
            .set("database.url", format!("sqlite:{}", database.display()));
        let config = folder.path().join("latchbolt.toml");
        std::fs::write(&config, toml::to_string(&setup.config).expect("TOML")).expect("written");
        Server { issuer, port, folder, config, child: None }
    }
}

/// A running server with its own folder.
#[derive(Debug)]
pub struct Server {
    /// The issuer's address.
    pub issuer: String,
    /// The port it listens on.
    pub port: u16,
    folder: TempDir,
    config: PathBuf,
    child: Option<Child>,
}

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

impl Server {
    /// Starts a server as it comes.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// Starts the program again after [`Server::stop`] or [`Server::kill`].
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn run_again(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("server.log"))
            .expect("a log");
        let child = Command::new(program())
            .args(["serve", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        self.child = Some(child);
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            if self.is_ready().await {
                return;
            }
            assert!(began.elapsed() < START, "the server does not become ready:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        let at = std::net::SocketAddr::from(([127, 0, 0, 1], self.port));
        let host = format!("localhost:{}", self.port);
        let Ok(mut connection) = crate::wire::Connection::open(at, &host, at.ip()).await else {
            return false;
        };
        let answer = connection.send(&crate::wire::Request::get("/readyz")).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Process id.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running server").id()
    }

    /// Resident memory in KiB (`VmRSS`).
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// When it does not within 20 seconds.
    pub async fn stop(&mut self) -> i32 {
        let Some(mut child) = self.child.take() else { return 0 };
        let _ = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
        let began = Instant::now();
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return status.code().unwrap_or(-1);
            }
            if began.elapsed() > Duration::from_secs(20) {
                let _ = child.kill();
                let _ = child.wait();
                panic!("the server does not stop:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it has written.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Its database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("latchbolt.db")
    }

    /// Every byte of the database and its log of writes, for searching.
    #[must_use]
    pub fn database_bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).expect("folder").flatten() {
            if entry.file_name().to_string_lossy().starts_with("latchbolt.db")
                && let Ok(mut file) = std::fs::File::open(entry.path())
            {
                let _ = file.read_to_end(&mut all);
            }
        }
        all
    }

    /// The database, opened beside the server.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn store(&self) -> SqlStore {
        SqlStore::open(Settings::file(self.database())).await.expect("the database")
    }

    /// The audit trail, oldest first; `event` empty: all of it.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn audit(&self, event: &str) -> Vec<AuditEntry> {
        let store = self.store().await;
        let mut view = store.read().await.expect("a view");
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let some = view.audit_trail(&AuditFilter::default(), after, 500).await.expect("the trail");
            let Some(last) = some.last() else { break };
            after = last.number;
            all.extend(some.into_iter().map(|stored| stored.entry));
        }
        drop(view);
        store.close().await;
        all.retain(|entry| event.is_empty() || entry.event.as_str() == event);
        all
    }

    /// Runs a command of the program with this server's configuration.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Run {
        self.command_with(args, "")
    }

    /// Runs a command and feeds its standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn command_with(&self, args: &[&str], input: &str) -> Run {
        let mut child = Command::new(program())
            .args(args)
            .arg("--config")
            .arg(&self.config)
            .current_dir(self.folder.path())
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

    /// Writes a file into the server's folder.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Makes a user with a password; answers the password.
    #[must_use]
    pub fn user(&self, name: &str) -> String {
        let password = format!("{name} keeps a long secret 7");
        let _ = self
            .command_with(&["user", "create", name, "--password-stdin", "--json"], &format!("{password}\n"))
            .done();
        password
    }

    /// Registers a client by RFC 7591 metadata over plain ones (which skip consent).
    ///
    /// # Panics
    /// When that is refused.
    #[must_use]
    pub fn client_with(&self, id: &str, more: &Value) -> RelyingParty {
        let mut metadata = json!({
            "client_name": format!("The {id}"),
            "redirect_uris": [format!("https://{id}.example/callback")],
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": "openid profile email",
            "latchbolt_skip_consent": true,
        });
        if let (Some(metadata), Some(more)) = (metadata.as_object_mut(), more.as_object()) {
            metadata.extend(more.clone());
        }
        let file = self.file(&format!("{id}.json"), &metadata.to_string());
        let file = file.to_string_lossy().into_owned();
        let made =
            self.command(&["client", "create", "--file", &file, "--client-id", id, "--json"]).done().json();
        RelyingParty {
            line: Browser::new(&self.issuer),
            client_id: made["client_id"].as_str().expect("client_id").to_owned(),
            secret: made["client_secret"].as_str().map(str::to_owned),
            redirect_uri: metadata["redirect_uris"][0].as_str().expect("a redirect URI").to_owned(),
            scope: "openid".to_owned(),
        }
    }

    /// Registers a confidential client.
    #[must_use]
    pub fn client(&self, id: &str) -> RelyingParty {
        self.client_with(id, &json!({}))
    }

    /// A new browser.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser::new(&self.issuer)
    }

    /// Enrols a phone of a user made by [`Server::user`].
    pub async fn phone(&self, username: &str, password: &str, kind: Kind) -> Phone {
        Phone::enrol(Browser::new(&self.issuer), username, password, kind).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("server log, newest first:\n{}", tail.join("\n"));
        }
    }
}
