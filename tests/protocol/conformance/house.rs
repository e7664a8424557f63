//! The provider under test, over https, with a clock that can be moved; and the relying parties' site beside it.
//!
//! Owns: two servers of this process, made once: one that all modules share, and one whose time a module may move
//! while it has it alone. The wiring is the program's own (`server::wiring`); accounts and static clients are made by
//! its commands. Not here: who visits (`visitor`), clients (`party`).

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use app::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::site::Site;
use testkit::tls::{Authority, Trust};
use testkit::{Browser, Server, Setup};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::party::Registered;

/// Who signs in.
pub(crate) const USER: &str = "ada";
/// Somebody else.
pub(crate) const OTHER_USER: &str = "grace";

/// A provider.
pub(crate) struct House {
    pub(crate) issuer: String,
    pub(crate) site: Site,
    pub(crate) server: Server,
    pub(crate) statics: Mutex<HashMap<String, Registered>>,
    trust: Trust,
    clock: Clock,
    _papers: TempDir,
    _broom: Child,
}

/// A value for every claim of `claims_supported` (section 1 of the checklist).
pub(crate) fn claims_of_the_user() -> Value {
    json!({
        "name": "Ada King", "given_name": "Ada", "family_name": "King", "middle_name": "Augusta",
        "nickname": "Countess", "preferred_username": "ada", "profile": "https://people.example/ada",
        "picture": "https://people.example/ada.png", "website": "https://ada.example/", "gender": "female",
        "birthdate": "1815-12-10", "zoneinfo": "Europe/London", "locale": "en-GB",
        "email": "ada@people.example", "email_verified": true,
        "phone_number": "+44 20 7946 0000", "phone_number_verified": false,
        "address": {
            "formatted": "12 St James's Square\nLondon SW1Y 4JH\nUnited Kingdom",
            "street_address": "12 St James's Square", "locality": "London", "region": "England",
            "postal_code": "SW1Y 4JH", "country": "United Kingdom",
        },
    })
}

impl House {
    /// The one that all modules share. Its time is the machine's.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<House> = OnceCell::const_new();
        SHARED.get_or_init(|| async { Self::open() }).await
    }

    /// The one whose time may be moved, alone.
    pub(crate) async fn timed() -> (&'static Self, MutexGuard<'static, ()>) {
        static TIMED: OnceCell<House> = OnceCell::const_new();
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        (TIMED.get_or_init(|| async { Self::open() }).await, turn)
    }

    fn open() -> Self {
        let papers = tempfile::tempdir().expect("a folder");
        let paper = |name: &str, text: &str| {
            let path = papers.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.to_string_lossy().into_owned()
        };
        let authority = Authority::new();
        let certified = authority.certify();
        let site = Site::start(&authority);
        let server = Setup::one_node()
            .set("tls.cert_file", paper("cert.pem", &certified.certificate))
            .set("tls.key_file", paper("key.pem", &certified.key))
            .set("outbound.extra_ca", paper("ca.pem", &authority.pem()))
            .set("outbound.allow", vec![site.host()])
            .set("registration.mode", "open")
            .set("limits.off", true)
            .prepare();
        let clock = Clock::shifted(Arc::new(AtomicI64::new(0)));
        serve(&server, &clock);
        for name in [USER, OTHER_USER] {
            let mut claims = claims_of_the_user();
            if name != USER {
                claims["preferred_username"] = name.into();
                claims["email"] = format!("{name}@people.example").into();
            }
            let claims = paper(&format!("{name}.json"), &claims.to_string());
            let args = ["user", "create", name, "--claims", &claims, "--password-stdin", "--json"];
            let _made = server.command_with(&args, &format!("{}\n", password(name))).done();
        }
        Self {
            issuer: server.issuer.clone(),
            trust: authority.client(),
            site,
            statics: Mutex::default(),
            _broom: sweep_afterwards(&[papers.path(), server.folder()]),
            _papers: papers,
            server,
            clock,
        }
    }

    /// A browser, or another caller, with an empty jar.
    pub(crate) fn caller(&self) -> Browser {
        Browser::new(&self.issuer).trusting(&self.trust)
    }

    /// The server's time, in seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().seconds()
    }

    /// Moves the server's time on.
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A user's password.
pub(crate) fn password(name: &str) -> String {
    format!("{name} keeps a long secret 7")
}

/// Runs a server on a thread of its own till the process ends.
fn serve(server: &Server, clock: &Clock) {
    let (ready, is_ready) = mpsc::channel::<()>();
    let (file, clock) = (server.config().to_owned(), clock.clone());
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let config = server::config::load_from(Some(&file), &[]);
            let config = config.unwrap_or_else(|why| panic!("a good configuration: {why:?}"));
            let ground = server::wiring::ground_at(&config, clock).await.expect("the ground");
            let running = server::serve::start(&config, &ground).await.expect("a server");
            ready.send(()).expect("somebody waits");
            let _ended = running.server.await;
        });
    });
    is_ready.recv_timeout(Duration::from_secs(60)).expect("a server");
}

/// Removes folders when this process has ended, however it does: what is made once is never dropped.
fn sweep_afterwards(folders: &[&Path]) -> Child {
    Command::new("sh")
        .args(["-c", "cat >/dev/null; sleep 0.2; rm -rf -- \"$@\"", "sh"])
        .args(folders)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh")
}
