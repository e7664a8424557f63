//! The town: a server with its people, and visitors who do one operation after another.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::wire::{Connection, Request};
use testkit::{Browser, Kind, Phone, RelyingParty};

use crate::machine::Process;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Discovery,
    Jwks,
    Userinfo,
    Sso,
    Password,
    Qr,
}

impl Operation {
    pub(crate) const ALL: &'static [Self] =
        &[Self::Sso, Self::Discovery, Self::Jwks, Self::Userinfo, Self::Password, Self::Qr];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::Userinfo => "userinfo",
            Self::Sso => "sso",
            Self::Password => "password",
            Self::Qr => "qr",
        }
    }
}

/// A server and those who live there.
pub(crate) struct Town {
    program: PathBuf,
    config: PathBuf,
    pub(crate) issuer: String,
    pub(crate) at: SocketAddr,
    child: Option<Child>,
    secret: String,
    phones: Vec<Arc<Phone>>,
}

const PASSWORD: &str = "a long secret of the bench 7";

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

impl Town {
    /// Sets a server up, with a client and one user for each of 64 visitors.
    pub(crate) async fn build(program: &Path, folder: &Path) -> Self {
        let port = testkit::free_port();
        let issuer = format!("http://localhost:{port}");
        let config = folder.join("latchbolt.toml");
        let database = folder.join("latchbolt.db");
        let text = format!(
            "[issuer]\nurl = \"{issuer}\"\n[server]\nlisten = [\"127.0.0.1:{port}\"]\nmax_connections = 40000\n\
             [database]\nurl = \"sqlite:{}\"\n[limits]\noff = true\n[log]\nlevel = \"warn\"\n",
            database.display()
        );
        std::fs::write(&config, text).expect("written");
        let mut town = Self {
            program: program.to_owned(),
            config,
            issuer,
            at: SocketAddr::from(([127, 0, 0, 1], port)),
            child: None,
            secret: String::new(),
            phones: Vec::new(),
        };
        for index in 0..64 {
            town.command(&["user", "create", &format!("user{index}"), "--password-stdin"], PASSWORD);
        }
        let client = json!({"client_name": "Bench", "redirect_uris": ["https://bench.example/callback"],
            "scope": "openid profile email", "latchbolt_skip_consent": true});
        let file = folder.join("client.json");
        std::fs::write(&file, client.to_string()).expect("written");
        let made = town.command(
            &["client", "create", "--file", &file.to_string_lossy(), "--client-id", "bench", "--json"],
            "",
        );
        let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
        town.secret = made["client_secret"].as_str().expect("a secret").to_owned();
        town
    }

    fn command(&self, args: &[&str], input: &str) -> String {
        use std::io::Write as _;
        let mut child = Command::new(&self.program)
            .args(args)
            .arg("--config")
            .arg(&self.config)
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

    /// Starts the server, anew if it runs; the time from start to first answer.
    pub(crate) async fn restart(&mut self) -> Duration {
        self.stop();
        let began = Instant::now();
        let child = Command::new(&self.program)
            .args(["serve", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        self.child = Some(child);
        wait_for(self.at, "/.well-known/openid-configuration").await;
        began.elapsed()
    }

    fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
        for _ in 0..300 {
            if child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Enrols a web phone for each of the first users.
    pub(crate) async fn open_doors(&mut self, count: usize) {
        for index in 0..count {
            let line = Browser::new(&self.issuer);
            let phone = Phone::enrol(line, &format!("user{index}"), PASSWORD, Kind::Web).await;
            self.phones.push(Arc::new(phone));
        }
    }

    pub(crate) fn process(&self) -> Process {
        crate::process_of(self.child.as_ref().expect("a running server"))
    }

    /// A visitor with a connection and a phone of their own.
    pub(crate) async fn visitor(&self, index: usize) -> Visitor {
        let party = RelyingParty {
            line: Browser::new(&self.issuer),
            client_id: "bench".to_owned(),
            secret: Some(self.secret.clone()),
            redirect_uri: "https://bench.example/callback".to_owned(),
            scope: "openid".to_owned(),
        };
        let host = format!("localhost:{}", self.at.port());
        Visitor {
            user: format!("user{}", index % 64),
            phone: Arc::clone(&self.phones[index % self.phones.len()]),
            line: Connection::open(self.at, &host, IpAddr::V4(Ipv4Addr::LOCALHOST))
                .await
                .expect("the server"),
            browser: Browser::new(&self.issuer),
            party,
            ready: Vec::new(),
            issuer: self.issuer.clone(),
        }
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Somebody who does an operation again and again.
pub(crate) struct Visitor {
    user: String,
    pub(crate) phone: Arc<Phone>,
    line: Connection,
    browser: Browser,
    party: RelyingParty,
    /// A request made ready, where it is always the same.
    ready: Vec<u8>,
    issuer: String,
}

impl Visitor {
    pub(crate) async fn prepare(&mut self, operation: Operation) {
        let ready = match operation {
            Operation::Discovery => Request::get("/.well-known/openid-configuration"),
            Operation::Jwks => Request::get("/jwks"),
            Operation::Userinfo | Operation::Sso => {
                let started = self.party.start();
                let landed = self.browser.sign_in(&started.url, &self.user, PASSWORD).await;
                let tokens = self.party.exchange(&started, &landed).await;
                let bearer = format!("Bearer {}", tokens.access_token);
                Request::get("/userinfo").header("authorization", &bearer)
            }
            Operation::Password | Operation::Qr => return,
        };
        self.ready = ready.bytes("localhost");
    }

    pub(crate) async fn once(&mut self, operation: Operation) {
        match operation {
            Operation::Discovery | Operation::Jwks | Operation::Userinfo => {
                let answer = self.line.send_bytes(&self.ready, "GET").await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
            Operation::Sso => {
                let started = self.party.start();
                let landed = self.browser.follow(&started.url).await;
                let code = landed.query("code").expect("a code");
                let answer = self.party.redeem(&started, &code).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
            Operation::Password => {
                let browser = Browser::new(&self.issuer);
                let landed = browser.sign_in(&self.party.start().url, &self.user, PASSWORD).await;
                assert!(landed.query("code").is_some(), "{}", landed.html());
            }
            Operation::Qr => {
                self.sign_in_by_phone().await;
            }
        }
    }

    /// All requests of browser and phone; the time from sending the approval to the word in the browser.
    pub(crate) async fn sign_in_by_phone(&mut self) -> Duration {
        let browser = Browser::new(&self.issuer);
        let page = browser.follow(&self.party.start().url).await;
        let qr = browser.show_qr(&page).await;
        let mut events = browser.watch(&page).await;
        let claim = self.phone.scan(&qr.url).await;
        events.until("claimed").await.expect("claimed");
        let code = browser.check_code(&page).await;
        let draft = self.phone.draft(&claim, "approve", Some(&code));
        let sent = Instant::now();
        let (answer, told) = tokio::join!(self.phone.send(&claim, &draft), async {
            events.until("approved").await.expect("approved");
            sent.elapsed()
        });
        assert_eq!(answer.status, 204, "{}", answer.text());
        let landed = browser.redeem(&page).await;
        assert!(landed.query("code").is_some(), "{}", landed.html());
        told
    }
}
