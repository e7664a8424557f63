//! What a server stands on: a file, or servers of others.
//!
//! Owns: the database of one test (a file, or a copy of a migrated template), its part of Redis, and the nginx in
//! front of its nodes. Not here: the nodes (`node`).

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use backing::{Database, Nginx, Postgres, Redis};
use store_sql::{PgSettings, Settings, SqlStore};

/// Where the nodes' proxy comes from: not where browsers come from, which are not to be believed.
pub const PROXY: &str = "127.255.0.1";

/// What is under the nodes, and in front of them.
#[derive(Debug)]
pub(crate) enum Ground {
    /// One node, a file.
    File(PathBuf),
    /// Several nodes: nginx, PostgreSQL, Redis.
    Shared(Box<Shared>),
}

/// What several nodes share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) nginx: Nginx,
    believes_peers: bool,
    pub(crate) database: Database<'static>,
    pub(crate) prefix: String,
}

impl Shared {
    /// A new database and prefix, and nginx in front of these ports.
    pub(crate) fn new(port: u16, nodes: &[u16], believes_peers: bool) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self {
            nginx: Nginx::start(port, &front(port, nodes, believes_peers)),
            believes_peers,
            database: Postgres::shared().new_database_like(template()),
            prefix: format!("t{}-{number}:", std::process::id()),
        }
    }
}

impl Shared {
    /// nginx in front of these nodes alone, from now on.
    pub(crate) fn balance(&self, nodes: &[u16]) {
        self.nginx.reload(&front(self.nginx.port(), nodes, self.believes_peers));
    }
}

/// The shared Redis.
pub(crate) fn redis_url() -> String {
    Redis::shared().url()
}

/// A database with all tables and nothing in it; made once for each test process.
fn template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let database = Postgres::shared().new_database();
        let settings = settings(&database);
        // Its own thread: a test has a runtime of its own already.
        let made = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(store_sql::migrate(&settings))
        });
        made.join().expect("the migration ran").expect("a migrated template");
        database.keep()
    })
}

fn settings(database: &Database<'_>) -> Settings {
    Settings::postgres(PgSettings::new(database.url()))
}

/// nginx in front: each request to the next node, nothing held back.
fn front(port: u16, nodes: &[u16], believes_peers: bool) -> String {
    let servers: String =
        nodes.iter().map(|node| format!("    server 127.0.0.1:{node} max_fails=0;\n")).collect();
    // A test that names proxies of its own puts them in front of this one.
    let forwarded = if believes_peers { "$proxy_add_x_forwarded_for" } else { "$remote_addr" };
    format!(
        "  upstream nodes {{\n{servers}    keepalive 16;\n  }}\n\
         map $http_upgrade $upgrading {{ default upgrade; \"\" \"\"; }}\n\
         server {{\n\
           listen 127.0.0.1:{port};\n\
           client_max_body_size 64k;\n\
           location / {{\n\
             proxy_pass http://nodes;\n\
             proxy_bind {PROXY};\n\
             proxy_http_version 1.1;\n\
             proxy_set_header Host $http_host;\n\
             proxy_set_header X-Forwarded-For {forwarded};\n\
             proxy_set_header Forwarded \"\";\n\
             proxy_set_header Upgrade $http_upgrade;\n\
             proxy_set_header Connection $upgrading;\n\
             proxy_buffering off;\n\
             proxy_read_timeout 400s;\n\
           }}\n\
         }}\n"
    )
}

impl Ground {
    /// Everything that is kept for good, byte by byte.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::File(file) => file_bytes(file),
            Self::Shared(shared) => shared.database.bytes(),
        }
    }

    /// The database, opened beside the server.
    pub(crate) async fn store(&self) -> SqlStore {
        let settings = match self {
            Self::File(file) => Settings::file(file),
            Self::Shared(shared) => settings(&shared.database),
        };
        SqlStore::open(settings).await.expect("the database")
    }
}

/// The file and its log of writes.
fn file_bytes(file: &Path) -> Vec<u8> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut all = Vec::new();
    for entry in std::fs::read_dir(file.parent().expect("a folder")).expect("a folder").flatten() {
        if entry.file_name().to_string_lossy().starts_with(&name)
            && let Ok(mut file) = std::fs::File::open(entry.path())
        {
            let _ = file.read_to_end(&mut all);
        }
    }
    all
}
