//! One process of the program that serves.
//!
//! Owns: starting it and waiting until it is ready, stopping, killing and pausing it, its log.
//! Not here: what several of them share (`server`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Run, program};
use crate::wire::{Connection, Request};

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(30);
/// How long a stop may take.
const STOP: Duration = Duration::from_secs(20);

/// A node: its configuration file, its log, its process.
#[derive(Debug)]
pub struct Node {
    /// The port it listens on.
    pub port: u16,
    host: String,
    config: PathBuf,
    log: PathBuf,
    environment: Vec<(String, String)>,
    child: Option<Child>,
}

impl Node {
    pub(crate) fn new(port: u16, host: String, config: PathBuf, log: PathBuf) -> Self {
        Self { port, host, config, log, environment: Vec::new(), child: None }
    }

    /// Sets a variable of its environment from its next start on.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// What it has written.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Process id.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running node").id()
    }

    /// Whether it was started and has not been stopped by us.
    #[must_use]
    pub const fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Starts the process, and does not wait.
    ///
    /// # Panics
    /// When there is no such program.
    pub fn spawn(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).expect("a log");
        let child = Command::new(program())
            .args(["serve", "--config"])
            .arg(&self.config)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        self.child = Some(child);
    }

    /// Waits until it is ready.
    ///
    /// # Panics
    /// When it is not in time, or has ended.
    pub async fn wait(&mut self) {
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

    /// Starts it and waits until it is ready.
    pub async fn start(&mut self) {
        self.spawn();
        self.wait().await;
    }

    /// What `GET /readyz` says; none when nobody answers.
    pub async fn ready(&self) -> Option<u16> {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut connection =
            Connection::open(SocketAddr::new(local, self.port), &self.host, local).await.ok()?;
        connection.send(&Request::get("/readyz")).await.ok().map(|answer| answer.status)
    }

    async fn is_ready(&self) -> bool {
        self.ready().await == Some(200)
    }

    /// Resident memory in KiB (`VmRSS`); 0 when it does not run.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let Some(child) = &self.child else { return 0 };
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// Sends it a signal: `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            let _ = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
        }
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it does not in 20 seconds.
    pub async fn ended(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        let began = Instant::now();
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status);
            }
            if began.elapsed() > STOP {
                let _ = child.kill();
                let _ = child.wait();
                panic!("the server does not stop:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks it to stop (SIGTERM) and waits until it has; answers its exit code.
    pub async fn stop(&mut self) -> i32 {
        self.signal("TERM");
        self.ended().await.map_or(0, |status| status.code().unwrap_or(-1))
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Runs `serve`, which must end by itself: how a start is refused. Exit code -1: it did not in 30 seconds.
    ///
    /// # Panics
    /// When there is no such program.
    #[must_use]
    pub fn try_serve(&self) -> Run {
        let mut child = Command::new(program())
            .args(["serve", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let began = Instant::now();
        while matches!(child.try_wait(), Ok(None)) {
            if began.elapsed() > START {
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let done = child.wait_with_output().expect("the program ends");
        Run {
            code: done.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&done.stdout).into_owned(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
