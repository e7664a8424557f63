//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::house::{House, START, children, find, free_port, signal, wait_until};

const USER: &str = "latchbolt";
const PASSWORD: &str = "only-for-tests";

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct PgOptions {
    /// Whether a commit waits for the disk: for crash tests.
    pub fsync: bool,
    /// Connections at most.
    pub max_connections: u16,
    /// More settings of `postgresql.conf`.
    pub extra: Vec<(&'static str, String)>,
}

impl Default for PgOptions {
    fn default() -> Self {
        Self { fsync: false, max_connections: 500, extra: Vec::new() }
    }
}

/// A server of our own. Dropping it ends it.
#[derive(Debug)]
pub struct Postgres {
    house: House,
    port: u16,
    child: Mutex<Option<Child>>,
}

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct Database<'a> {
    server: &'a Postgres,
    name: String,
}

fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    find(name, "postgresql", &folders)
}

impl Postgres {
    /// The server that the tests of one process share; not durable.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        // Many short-lived processes connect, unoptimised ones: SCRAM alone costs each 50 ms of the processor.
        SHARED.get_or_init(|| Self::make(&std::env::temp_dir(), PgOptions::default(), "md5"))
    }

    /// Starts a server.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(options: PgOptions) -> Self {
        Self::start_in(&std::env::temp_dir(), options)
    }

    /// Starts a server that keeps its data in a folder of this one.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_in(place: &Path, options: PgOptions) -> Self {
        Self::make(place, options, "scram-sha-256")
    }

    fn make(place: &Path, options: PgOptions, authentication: &str) -> Self {
        let house = House::new_in(place, "postgres", Some("postgres"));
        let secret = house.folder().join("password");
        std::fs::write(&secret, PASSWORD).expect("written");
        house.give_away();
        let made = house
            .command(&program("initdb"))
            .args(["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"])
            .arg(format!("--auth={authentication}"))
            .arg(format!("--username={USER}"))
            .arg(format!("--pwfile={}", secret.display()))
            .arg("data")
            .output();
        succeeded("initdb", made);
        let port = free_port();
        let on = |yes| if yes { "on" } else { "off" };
        let mut settings = vec![
            ("port", port.to_string()),
            ("listen_addresses", "'127.0.0.1'".to_owned()),
            ("unix_socket_directories", "''".to_owned()),
            ("max_connections", options.max_connections.to_string()),
            ("fsync", on(options.fsync).to_owned()),
            ("full_page_writes", on(options.fsync).to_owned()),
            ("synchronous_commit", on(options.fsync).to_owned()),
            ("shared_buffers", "'64MB'".to_owned()),
            ("autovacuum_naptime", "'10s'".to_owned()),
            ("log_min_messages", "warning".to_owned()),
        ];
        settings.extend(options.extra);
        let text: String = settings.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let file = house.folder().join("data/postgresql.conf");
        std::fs::write(&file, text).expect("written");
        let server = Self { house, port, child: Mutex::new(None) };
        server.start_again();
        server
    }

    /// Starts it after it was stopped or killed.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&self) {
        let came = wait_until(START, || {
            let mut command = self.house.command(&program("postgres"));
            command.args(["-D", "data"]);
            let mut child = self.house.spawn(command, "log");
            let up = wait_until(START, || {
                matches!(child.try_wait(), Ok(Some(_))) || self.query("postgres", "SELECT 1").is_ok()
            });
            // Right after a kill the old processes may still hold its memory.
            let ended = matches!(child.try_wait(), Ok(Some(_)));
            *self.child() = Some(child);
            up && !ended
        });
        assert!(came, "PostgreSQL does not come up:\n{}", self.log());
    }

    /// Starts it if it has ended by itself.
    pub fn start_if_ended(&self) {
        let has_ended = self.child().as_mut().is_none_or(|child| matches!(child.try_wait(), Ok(Some(_))));
        if has_ended {
            self.start_again();
        }
    }

    /// Makes a standby of it, which follows nobody: read only.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn make_standby(&self) {
        self.stop();
        std::fs::write(self.house.folder().join("data/standby.signal"), "").expect("written");
        self.house.give_away();
        self.start_again();
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The number of its first process; 0 when it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child().as_ref().map_or(0, Child::id)
    }

    /// What it has written.
    #[must_use]
    pub fn log(&self) -> String {
        self.house.log("log")
    }

    /// The role that owns everything.
    #[must_use]
    pub fn user(&self) -> &'static str {
        USER
    }

    /// Its password.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The address of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_at(self.port, database)
    }

    /// The same through another port, of a [`crate::Wire`].
    #[must_use]
    pub fn url_at(&self, port: u16, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}")
    }

    /// Runs SQL with `psql`; answers what it prints, without heads.
    ///
    /// # Errors
    /// What `psql` said.
    pub fn query(&self, database: &str, sql: &str) -> Result<String, String> {
        self.bytes(database, sql).map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    fn bytes(&self, database: &str, sql: &str) -> Result<Vec<u8>, String> {
        let done = Command::new(program("psql"))
            .args([
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                sql,
            ])
            .arg(self.url(database))
            .env("PGCONNECT_TIMEOUT", "2")
            .output()
            .map_err(|error| error.to_string())?;
        if done.status.success() {
            Ok(done.stdout)
        } else {
            Err(String::from_utf8_lossy(&done.stderr).trim_end().to_owned())
        }
    }

    /// A new, empty database.
    #[must_use]
    pub fn new_database(&self) -> Database<'_> {
        self.new_database_like("template0")
    }

    /// A copy of a database that nobody is connected to.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new_database_like(&self, template: &str) -> Database<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        self.query("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG"))
            .unwrap_or_else(|why| panic!("no database could be made: {why}"));
        Database { server: self, name }
    }

    /// Ends it in good order: running transactions are broken off.
    pub fn stop(&self) {
        self.end("INT");
    }

    /// Ends all its processes at once (SIGKILL).
    pub fn kill9(&self) {
        self.end("KILL");
    }

    fn end(&self, name: &str) {
        let mut place = self.child();
        if let Some(mut child) = place.take() {
            let theirs = children(child.id());
            signal(child.id(), name);
            if name == "KILL" {
                theirs.iter().for_each(|pid| signal(*pid, name));
            }
            let _ = child.wait();
        }
    }

    /// Stops all its processes in their tracks (SIGSTOP): connections stay open and nothing is answered.
    pub fn pause(&self) {
        let pid = self.pid();
        signal(pid, "STOP");
        children(pid).iter().for_each(|pid| signal(*pid, "STOP"));
    }

    /// Lets them go on.
    pub fn resume(&self) {
        let pid = self.pid();
        children(pid).iter().for_each(|pid| signal(*pid, "CONT"));
        signal(pid, "CONT");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.resume();
        self.stop();
    }
}

impl Database<'_> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, with user and password.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Runs SQL in it; answers what `psql` prints.
    ///
    /// # Errors
    /// What `psql` said.
    pub fn query(&self, sql: &str) -> Result<String, String> {
        self.server.query(&self.name, sql)
    }

    /// Every value of every table, as bytes, for searching.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let tables = self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
        let tables = tables.unwrap_or_else(|why| panic!("no list of tables: {why}"));
        let copies: Vec<String> = tables
            .lines()
            .map(|table| format!("COPY public.\"{table}\" TO STDOUT (FORMAT binary)"))
            .collect();
        self.server.bytes(&self.name, &copies.join("; ")).unwrap_or_else(|why| panic!("no copy: {why}"))
    }

    /// Keeps it: it goes with its server.
    #[must_use]
    pub fn keep(self) -> String {
        let name = self.name.clone();
        std::mem::forget(self);
        name
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        let _ = self.server.query("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn succeeded(what: &str, done: std::io::Result<Output>) {
    let done = done.unwrap_or_else(|why| panic!("{what} does not start: {why}"));
    assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
}
