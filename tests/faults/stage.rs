//! What is played on: PostgreSQL, Redis, three nodes, and a wire between each node and each server.
//!
//! Owns: folders, configuration, processes, commands of the program. Not here: faults (`inflict`), who
//! visits (`visitor`).

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use backing::{PgOptions, Postgres, Program, Redis, RedisOptions, Wire};
use serde_json::Value;
use testkit::wire::{Connection, Request};
use tokio::io::AsyncWriteExt as _;

/// How many nodes there are.
pub const NODES: usize = 3;
/// A command of the program that takes longer is given up.
const COMMAND: Duration = Duration::from_secs(20);

/// Where a node stands, as far as we have a hand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It runs and nobody touches it.
    Up,
    /// Somebody is killing, stopping, pausing or starting it.
    Touched,
}

/// One node and its wires.
#[derive(Debug)]
pub struct Node {
    pub number: usize,
    pub port: u16,
    pub program: Program,
    pub to_postgres: Wire,
    pub to_redis: Wire,
    /// Grows whenever the standing changes: what began and ended at the same count was not disturbed.
    standing: Mutex<(Standing, u64)>,
}

impl Node {
    pub fn standing(&self) -> (Standing, u64) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stands(&self, standing: Standing) {
        let mut place = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        *place = (standing, place.1 + 1);
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let at = std::net::SocketAddr::from(([127, 0, 0, 1], self.port));
        let asked = async {
            let mut connection = Connection::open(at, "localhost", at.ip()).await.ok()?;
            connection.send(&Request::get("/readyz")).await.ok()
        };
        let answer = tokio::time::timeout(Duration::from_secs(2), asked).await;
        answer.ok().flatten().is_some_and(|answer| answer.status == 200)
    }

    /// Starts it, again and again should it end, as a system's supervisor does, until it is ready.
    ///
    /// # Errors
    /// What it has written, when it is not ready in time.
    pub async fn start(&self, most: Duration) -> Result<Duration, String> {
        self.stands(Standing::Touched);
        let began = Instant::now();
        self.program.start();
        while !self.is_ready().await {
            if began.elapsed() > most {
                return Err(self.program.log());
            }
            if !self.program.is_running() {
                tokio::time::sleep(Duration::from_millis(200)).await;
                self.program.start();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        self.stands(Standing::Up);
        Ok(began.elapsed())
    }
}

/// How durable PostgreSQL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As it should be.
    Full,
    /// A commit waits for nothing: to show that losses are found.
    None,
}

/// All of it.
#[derive(Debug)]
pub struct Stage {
    pub postgres: Postgres,
    pub database: String,
    pub redis: Redis,
    pub nodes: Vec<Node>,
    pub issuer: String,
    folder: PathBuf,
    config: PathBuf,
}

/// What a command of the program said.
pub enum Said {
    /// Exit code 0, and its JSON.
    Done(Value),
    /// It refused or failed; it may have done it all the same.
    Failed(String),
}

impl Stage {
    /// Starts the servers and the nodes; all nodes at once, as after a power cut.
    ///
    /// # Errors
    /// What a node said that does not come up.
    pub async fn start(durability: Durability, folder: PathBuf) -> Result<Self, String> {
        let mut options =
            PgOptions { fsync: durability == Durability::Full, max_connections: 200, ..PgOptions::default() };
        if durability == Durability::None {
            // Asynchronous commits are written by this process: the seldomer, the more is lost.
            options.extra.push(("wal_writer_delay", "'10s'".to_owned()));
        }
        let (postgres, redis) =
            tokio::task::spawn_blocking(|| (Postgres::start(options), Redis::start(RedisOptions::default())))
                .await
                .map_err(|why| why.to_string())?;
        let database = "faults".to_owned();
        postgres.query("postgres", "CREATE DATABASE faults TEMPLATE template0")?;

        let ports: Vec<u16> = (0..NODES).map(|_| testkit::free_port()).collect();
        let issuer = format!("http://localhost:{}", ports[0]);
        let key = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(testkit::random::<32>())
        };
        let config = |port: u16, to_postgres: u16, to_redis: u16| {
            let url = postgres.url_at(to_postgres, &database);
            format!(
                "[issuer]\nurl = \"{issuer}\"\n\
                 [server]\nlisten = [\"127.0.0.1:{port}\"]\nworkers = 2\nstop_seconds = 3\n\
                 [database]\nurl = \"{url}\"\nconnections = 12\n\
                 [live]\nurl = \"redis://127.0.0.1:{to_redis}/0\"\nprefix = \"faults:\"\n\
                 [keys]\nwrapping_key = \"{key}\"\n\
                 [sign_in]\nsession_idle_minutes = 1440\nunknown_browser_idle_minutes = 1440\nunknown_browser_hours = 24\n\
                 [phones]\nper_person = 100\n\
                 [tokens]\naccess_token_seconds = 86400\n\
                 [limits]\nfactor = 1000\n\
                 [log]\nlevel = \"info\"\n"
            )
        };
        let write = |path: PathBuf, text: String| {
            std::fs::write(&path, text).map_err(|why| format!("{}: {why}", path.display())).map(|()| path)
        };
        let mut nodes = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            let (to_postgres, to_redis) = (Wire::to(postgres.port()), Wire::to(redis.port()));
            let program = Program::new("node", testkit::program(), &["serve", "--config", "latchbolt.toml"]);
            let text = config(port, to_postgres.port(), to_redis.port());
            write(program.folder().join("latchbolt.toml"), text)?;
            let standing = Mutex::new((Standing::Touched, 0));
            nodes.push(Node { number, port, program, to_postgres, to_redis, standing });
        }
        // In a folder of this run alone: another run must not change whose commands these are.
        let admin = nodes[0].program.folder().join("admin.toml");
        let admin = write(admin, config(testkit::free_port(), postgres.port(), redis.port()))?;
        let stage = Self { postgres, database, redis, nodes, issuer, folder, config: admin };
        let most = Duration::from_secs(60);
        let [a, b, c] = [&stage.nodes[0], &stage.nodes[1], &stage.nodes[2]];
        let (a, b, c) = tokio::join!(a.start(most), b.start(most), c.start(most));
        for came in [a, b, c] {
            came.map_err(|log| format!("a node does not come up:\n{log}"))?;
        }
        Ok(stage)
    }

    /// Runs a command of the program beside the nodes, on the database and Redis themselves.
    pub async fn command(&self, words: &[&str], input: &str) -> Said {
        let failed = |why: std::io::Error| Said::Failed(why.to_string());
        let mut command = tokio::process::Command::new(testkit::program());
        command.args(words).arg("--json").arg("--config").arg(&self.config).current_dir(&self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(why) => return failed(why),
        };
        if let Some(mut stdin) = child.stdin.take() {
            // A program that refuses early does not read its input.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        match tokio::time::timeout(COMMAND, child.wait_with_output()).await {
            Err(_) => Said::Failed("no end within 20 seconds".to_owned()),
            Ok(Err(why)) => failed(why),
            Ok(Ok(done)) if done.status.success() => {
                Said::Done(serde_json::from_slice(&done.stdout).unwrap_or(Value::Null))
            }
            Ok(Ok(done)) => Said::Failed(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
        }
    }

    /// Everything as it should be: nothing cut, stalled or paused. Processes that were killed stay so.
    pub fn mend(&self) {
        self.redis.resume();
        self.postgres.resume();
        for node in &self.nodes {
            node.to_postgres.mend();
            node.to_redis.mend();
            node.program.resume();
        }
    }

    /// Keeps what the nodes and PostgreSQL have written.
    pub fn keep_logs(&self) {
        for node in &self.nodes {
            let _ = std::fs::write(self.folder.join(format!("node-{}.log", node.number)), node.program.log());
        }
        let _ = std::fs::write(self.folder.join("postgres.log"), self.postgres.log());
    }
}
