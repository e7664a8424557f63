//! Redis: a single server, a master with a replica and sentinels, a cluster.

use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::house::{House, START, find, free_port, is_listening, signal, wait_until};

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// More settings of `redis.conf`, each a name and its words.
    pub extra: Vec<(&'static str, String)>,
    /// It speaks TLS on its port, and nothing else; the settings of the certificate are in `extra`.
    pub tls: bool,
}

/// A server of our own. Dropping it ends it.
#[derive(Debug)]
pub struct Redis {
    house: House,
    port: u16,
    is_sentinel: bool,
    child: Mutex<Option<Child>>,
}

impl Redis {
    /// The server that the tests of one process share; nothing of it is kept on disk.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(RedisOptions::default()))
    }

    /// Starts a server.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(options: RedisOptions) -> Self {
        let port = free_port();
        let (plain, tls) = if options.tls { (0, port) } else { (port, 0) };
        let mut lines = vec![format!("port {plain}"), "save \"\"".to_owned(), "appendonly no".to_owned()];
        if tls != 0 {
            lines.push(format!("tls-port {tls}"));
        }
        lines.extend(options.extra.into_iter().map(|(name, words)| format!("{name} {words}")));
        Self::run(port, &lines, false)
    }

    fn run(port: u16, lines: &[String], is_sentinel: bool) -> Self {
        let house = House::new("redis", None);
        let text = format!("bind 127.0.0.1\ndaemonize no\n{}\n", lines.join("\n"));
        std::fs::write(house.folder().join("redis.conf"), text).expect("written");
        let server = Self { house, port, is_sentinel, child: Mutex::new(None) };
        server.start_again();
        server
    }

    /// Starts it after it was stopped or killed.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&self) {
        let mut command = self.house.command(&find("redis-server", "redis-server", &[]));
        command.arg("redis.conf");
        if self.is_sentinel {
            command.arg("--sentinel");
        }
        let mut child = self.house.spawn(command, "log");
        let up = wait_until(START, || matches!(child.try_wait(), Ok(Some(_))) || is_listening(self.port));
        let ended = matches!(child.try_wait(), Ok(Some(_)));
        *self.child() = Some(child);
        assert!(up && !ended, "Redis does not come up:\n{}", self.log());
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder; settings may name files in it.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.house.folder()
    }

    /// The number of its process; 0 when it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child().as_ref().map_or(0, Child::id)
    }

    /// Its address, without user and password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What it has written.
    #[must_use]
    pub fn log(&self) -> String {
        self.house.log("log")
    }

    /// Runs a command with `redis-cli` (no TLS, no password); answers what it prints.
    ///
    /// # Panics
    /// When `redis-cli` is not there.
    #[must_use]
    pub fn cli(&self, words: &[&str]) -> String {
        cli(self.port, words)
    }

    /// Ends it in good order.
    pub fn stop(&self) {
        self.end("TERM");
    }

    /// Ends it at once (SIGKILL).
    pub fn kill9(&self) {
        self.end("KILL");
    }

    fn end(&self, name: &str) {
        let mut place = self.child();
        if let Some(mut child) = place.take() {
            signal(child.id(), name);
            let _ = child.wait();
        }
    }

    /// Stops it in its tracks (SIGSTOP): connections stay open and nothing is answered.
    pub fn pause(&self) {
        signal(self.pid(), "STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        signal(self.pid(), "CONT");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.resume();
        self.kill9();
    }
}

fn cli(port: u16, words: &[&str]) -> String {
    let done = Command::new(find("redis-cli", "redis-tools", &[]))
        .args(["-p", &port.to_string()])
        .args(words)
        .output()
        .expect("redis-cli starts");
    String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
}

/// Three masters that share the slots.
#[derive(Debug)]
pub struct RedisCluster {
    /// The masters.
    pub masters: Vec<Redis>,
}

impl RedisCluster {
    /// Starts a cluster.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let masters: Vec<Redis> = (0..3)
            .map(|_| {
                let (port, bus) = (free_port(), free_port());
                let lines = [
                    format!("port {port}"),
                    format!("cluster-port {bus}"),
                    "cluster-enabled yes".to_owned(),
                    "cluster-node-timeout 1500".to_owned(),
                    // A master that is gone takes its own slots along and no others.
                    "cluster-require-full-coverage no".to_owned(),
                    "save \"\"".to_owned(),
                    "appendonly no".to_owned(),
                ];
                Redis::run(port, &lines, false)
            })
            .collect();
        let addresses: Vec<String> =
            masters.iter().map(|redis| format!("127.0.0.1:{}", redis.port)).collect();
        let mut words = vec!["--cluster", "create"];
        words.extend(addresses.iter().map(String::as_str));
        words.push("--cluster-yes");
        let said = cli(masters[0].port, &words);
        let is_ok = |redis: &Redis| {
            let info = redis.cli(&["cluster", "info"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        assert!(wait_until(START, || masters.iter().all(is_ok)), "the cluster does not come up: {said}");
        Self { masters }
    }

    /// `host:port` of each master.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.masters.iter().map(|redis| format!("127.0.0.1:{}", redis.port)).collect()
    }
}

/// A master, a replica, and three sentinels that watch them.
#[derive(Debug)]
pub struct Sentinel {
    /// Master and replica, as they were at the start.
    pub servers: Vec<Redis>,
    /// The sentinels.
    pub sentinels: Vec<Redis>,
}

impl Sentinel {
    /// The name under which the sentinels know the master.
    pub const MASTER: &'static str = "latchbolt";

    /// Starts them.
    ///
    /// # Panics
    /// When they do not come up.
    #[must_use]
    pub fn start() -> Self {
        let master = Redis::start(RedisOptions::default());
        let replica = Redis::start(RedisOptions {
            extra: vec![("replicaof", format!("127.0.0.1 {}", master.port))],
            tls: false,
        });
        let name = Self::MASTER;
        let sentinels: Vec<Redis> = (0..3)
            .map(|_| {
                let port = free_port();
                let lines = [
                    format!("port {port}"),
                    format!("sentinel monitor {name} 127.0.0.1 {} 2", master.port),
                    format!("sentinel down-after-milliseconds {name} 800"),
                    format!("sentinel failover-timeout {name} 3000"),
                    format!("sentinel parallel-syncs {name} 1"),
                ];
                Redis::run(port, &lines, true)
            })
            .collect();
        let sees_all = |sentinel: &Redis| {
            let said = sentinel.cli(&["sentinel", "ckquorum", name]);
            let replicas = sentinel.cli(&["sentinel", "replicas", name]);
            said.starts_with("OK 3") && replicas.contains(&replica.port.to_string())
        };
        assert!(
            wait_until(START, || sentinels.iter().all(sees_all)
                && replica.cli(&["info", "replication"]).contains("master_link_status:up")),
            "the sentinels do not come up"
        );
        Self { servers: vec![master, replica], sentinels }
    }

    /// `host:port` of each sentinel.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.sentinels.iter().map(|redis| format!("127.0.0.1:{}", redis.port)).collect()
    }

    /// The port of the master that the sentinels name now.
    #[must_use]
    pub fn master_port(&self) -> u16 {
        let said = self.sentinels[0].cli(&["sentinel", "get-master-addr-by-name", Self::MASTER]);
        said.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or_default()
    }

    /// Kills the first master (-9) and waits until the sentinels name another.
    ///
    /// # Panics
    /// When they do not.
    pub fn fail_over(&self) {
        let old = self.master_port();
        self.servers.iter().filter(|redis| redis.port == old).for_each(Redis::kill9);
        let moved = wait_until(Duration::from_secs(30), || ![0, old].contains(&self.master_port()));
        assert!(moved, "the sentinels do not name another master");
    }
}
