//! The town: one to three nodes with their people, and how to start and stop them.
//!
//! Owns: configuration files, node processes, users, phones, a client. Not here: where things are kept
//! (`ground`), what visitors do (`visit`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::site::Site;
use testkit::tls::Authority;
use testkit::wire::{Connection, Request};
use testkit::{Browser, Kind, Phone};

use crate::ground::Ground;
use crate::meter::Meter;
use crate::spread::Spread;
use crate::visit::Visitor;

/// Visitors at once at most; each has a user and a phone of their own.
pub(crate) const VISITORS: usize = 64;

pub(crate) const PASSWORD: &str = "a long secret of the bench 7";

/// Waits until a path is answered; the time it took.
pub(crate) async fn wait_for(at: SocketAddr, path: &str) -> Duration {
    let began = Instant::now();
    loop {
        if let Ok(mut connection) = Connection::open(at, "localhost", IpAddr::V4(Ipv4Addr::LOCALHOST)).await
            && connection.send(&Request::get(path)).await.is_ok_and(|answer| answer.status < 400)
        {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no answer at {at}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Nodes and those who live there.
pub(crate) struct Town {
    program: PathBuf,
    folder: PathBuf,
    ground: Arc<Ground>,
    pub(crate) issuer: String,
    /// Where clients connect: the only node, or the balancer in front of several.
    pub(crate) at: SocketAddr,
    nodes: Vec<Child>,
    /// How many there are when it runs.
    size: usize,
    spread: Option<Spread>,
    pub(crate) secret: String,
    phones: Vec<Arc<Phone>>,
    /// The party that is told when sessions end, and who vouches for it.
    site: Site,
    authority: Authority,
    /// Whether CAS is on.
    speaks_cas: bool,
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl Town {
    /// Sets a town of one node up, with a client and one user for each visitor. Nothing runs yet.
    pub(crate) fn build(program: &Path, folder: &Path, ground: Arc<Ground>) -> Self {
        let port = testkit::free_port();
        let authority = Authority::new();
        let mut town = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            ground,
            issuer: format!("http://localhost:{port}"),
            at: loopback(port),
            nodes: Vec::new(),
            size: 1,
            spread: None,
            secret: String::new(),
            phones: Vec::new(),
            site: Site::start(&authority),
            authority,
            speaks_cas: false,
        };
        std::fs::write(folder.join("authority.pem"), town.authority.pem()).expect("written");
        town.configure(0, port);
        for index in 0..VISITORS {
            town.command(&["user", "create", &format!("user{index}"), "--password-stdin"], PASSWORD);
        }
        let client = json!({"client_name": "Bench", "redirect_uris": ["https://bench.example/callback"],
            "scope": "openid profile email offline_access bench.read", "latchbolt_skip_consent": true,
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"]});
        let file = folder.join("client.json");
        std::fs::write(&file, client.to_string()).expect("written");
        let made = town.command(
            &["client", "create", "--file", &file.to_string_lossy(), "--client-id", "bench", "--json"],
            "",
        );
        let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
        made["client_secret"].as_str().expect("a secret").clone_into(&mut town.secret);
        let told = json!({"client_name": "Told", "redirect_uris": ["https://bench.example/callback"],
            "scope": "openid", "latchbolt_skip_consent": true,
            "backchannel_logout_uri": town.site.url(crate::goodbyes::PATH)});
        std::fs::write(&file, told.to_string()).expect("written");
        let file = file.to_string_lossy();
        let args = ["client", "create", "--file", &*file, "--client-id", "told", "--client-secret-stdin"];
        town.command(&args, &town.secret);
        town
    }

    fn config(&self, node: usize) -> PathBuf {
        self.folder.join(format!("node{node}.toml"))
    }

    fn configure(&self, node: usize, port: u16) {
        let text = format!(
            "[issuer]\nurl = \"{}\"\n[server]\nlisten = [\"127.0.0.1:{port}\"]\nmax_connections = 40000\n\
             [log]\nlevel = \"warn\"\n[outbound]\nextra_ca = \"{}\"\nallow = [\"{}\"]\n{}{}",
            self.issuer,
            self.folder.join("authority.pem").display(),
            self.site.host(),
            self.ground.sections(),
            if self.speaks_cas { crate::cas::SECTIONS } else { "" }
        );
        std::fs::write(self.config(node), text).expect("written");
    }

    /// Switches CAS on for its one node, and registers what speaks it. It has to be restarted then.
    pub(crate) fn learn_cas(&mut self) {
        self.stop();
        self.speaks_cas = true;
        self.configure(0, self.at.port());
        let file = self.folder.join("service.json");
        std::fs::write(&file, crate::cas::service().to_string()).expect("written");
        self.command(&["client", "create", "--file", &file.to_string_lossy(), "--client-id", "service"], "");
        self.command(&["user", "create", crate::apps::OWNER, "--password-stdin"], PASSWORD);
        self.command(&["device", "add", "--user", crate::apps::OWNER, "--cas-id", crate::apps::DEVICE], "");
    }

    /// The party that is told when sessions end.
    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// Runs a command of the program; answers what it prints.
    pub(crate) fn command(&self, args: &[&str], input: &str) -> String {
        use std::io::Write as _;
        let mut child = Command::new(&self.program)
            .args(args)
            .arg("--config")
            .arg(self.config(0))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("input");
        writeln!(stdin, "{input}").expect("written");
        drop(stdin);
        let done = child.wait_with_output().expect("the program ends");
        assert!(done.status.success(), "{args:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Stops it and gives it so many nodes; several get a balancer in front. It does not run yet.
    pub(crate) async fn resize(&mut self, size: usize) {
        self.stop();
        self.spread = None;
        self.size = size;
        if size == 1 {
            return self.configure(0, self.at.port());
        }
        let nodes: Vec<SocketAddr> = (0..size).map(|_| loopback(testkit::free_port())).collect();
        for (node, at) in nodes.iter().enumerate() {
            self.configure(node, at.port());
        }
        self.spread = Some(Spread::start(self.at, nodes).await);
    }

    /// Starts the nodes, anew if they run; the time from start until all have answered.
    pub(crate) async fn restart(&mut self) -> Duration {
        self.stop();
        let began = Instant::now();
        for node in 0..self.size {
            let child = Command::new(&self.program)
                .args(["serve", "--config"])
                .arg(self.config(node))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .expect("the program starts");
            self.nodes.push(child);
        }
        let ports = self.spread.as_ref().map_or_else(|| vec![self.at], |spread| spread.nodes().to_vec());
        for at in ports {
            wait_for(at, "/.well-known/openid-configuration").await;
        }
        began.elapsed()
    }

    /// Ends the nodes in good order.
    pub(crate) fn stop(&mut self) {
        for child in &self.nodes {
            let _ = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
        }
        for mut child in self.nodes.drain(..) {
            let began = Instant::now();
            while child.try_wait().is_ok_and(|status| status.is_none()) {
                if began.elapsed() > Duration::from_secs(6) {
                    let _ = child.kill();
                    let _ = child.wait();
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Enrols a web phone for each of the first users. It has to run.
    pub(crate) async fn open_doors(&mut self) {
        for index in 0..VISITORS {
            let line = Browser::new(&self.issuer);
            let phone = Phone::enrol(line, &format!("user{index}"), PASSWORD, Kind::Web).await;
            self.phones.push(Arc::new(phone));
        }
    }

    /// All that does work for it, as it runs now.
    pub(crate) fn meter(&self) -> Meter {
        let nodes = self.nodes.iter().map(crate::process_of).collect();
        Meter { nodes, ..self.ground.meter() }
    }

    /// Phones are sent to the second node and browsers to the first, or each request to the next again.
    pub(crate) fn part_phones(&self, yes: bool) {
        if let Some(spread) = &self.spread {
            spread.part_phones(yes);
        }
    }

    /// The phone of a visitor.
    pub(crate) fn phone(&self, index: usize) -> Arc<Phone> {
        Arc::clone(&self.phones[index % self.phones.len()])
    }

    /// A visitor with a connection and a phone of their own.
    pub(crate) async fn visitor(&self, index: usize) -> Visitor {
        Visitor::of(self, index).await
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.stop();
    }
}
