//! The real program, started for one test: one node with SQLite, or three behind nginx.
//!
//! Owns: a folder with configurations, the nodes over their ground, commands of the same program beside them.
//! Which of the two it is decides the environment, `LATCHBOLT_TEST_ON=cluster`, so that every test of the flows
//! shows both (SEC-064). Not here: what visitors do.

use std::path::{Path, PathBuf};

use domain::{AuditEntry, AuditFilter};
use serde_json::{Value, json};
use store::Store as _;
use store_sql::SqlStore;
use tempfile::TempDir;
use toml::{Table, Value as Toml};

use crate::browser::Browser;
use crate::ground::{Ground, PROXY, Shared, redis_url};
use crate::node::Node;
use crate::phone::{Kind, Phone};
use crate::program::{Run, free_port, run};
use crate::relying_party::RelyingParty;
use crate::{b64, one_node, random};

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    config: Table,
    nodes: Option<usize>,
}

/// How many nodes the environment asks for, and 0 for one with SQLite.
fn nodes_of_the_run() -> usize {
    match std::env::var("LATCHBOLT_TEST_ON").as_deref() {
        Ok("cluster") if !one_node::is_named() => 3,
        Ok("cluster" | "") | Err(_) => 0,
        Ok(other) => panic!("LATCHBOLT_TEST_ON is {other}: write cluster, or nothing"),
    }
}

impl Setup {
    /// Nodes on PostgreSQL and Redis behind nginx, whatever the environment says.
    #[must_use]
    pub fn cluster(nodes: usize) -> Self {
        Self { nodes: Some(nodes), ..Self::default() }
    }

    /// One node on SQLite, whatever the environment says.
    #[must_use]
    pub fn one_node() -> Self {
        Self { nodes: Some(0), ..Self::default() }
    }

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

    fn get(&self, key: &str) -> Option<&Toml> {
        let (section, key) = key.split_once('.')?;
        self.config.get(section)?.get(key)
    }

    /// With a key set unless it is.
    fn unless_set(self, key: &str, value: impl Into<Toml>) -> Self {
        if self.get(key).is_some() { self } else { self.set(key, value) }
    }

    /// Starts the server.
    pub async fn start(self) -> Server {
        let mut server = self.prepare();
        server.run_again().await;
        server
    }

    /// Folder, ports and configuration of a server that somebody else runs, or that is started later.
    ///
    /// # Panics
    /// When they cannot be made.
    #[must_use]
    pub fn prepare(self) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let scheme = if self.get("tls.cert_file").is_some() { "https" } else { "http" };
        let setup = self
            .unless_set("issuer.url", format!("{scheme}://localhost:{port}"))
            .unless_set("server.workers", 2)
            .unless_set("server.stop_seconds", 1);
        match setup.nodes.unwrap_or_else(nodes_of_the_run) {
            0 => setup.on_file(folder, port),
            nodes => setup.on_shared(folder, port, nodes),
        }
    }

    fn on_file(self, folder: TempDir, port: u16) -> Server {
        let database = folder.path().join("latchbolt.db");
        let setup = self.unless_set("database.url", format!("sqlite:{}", database.display()));
        let nodes = vec![setup.node(&folder, port, port, "latchbolt")];
        Server::new(&setup, folder, port, nodes, Ground::File(database))
    }

    fn on_shared(self, folder: TempDir, port: u16, nodes: usize) -> Server {
        let ports: Vec<u16> = (0..nodes).map(|_| free_port()).collect();
        let mut proxies = self.get("networks.trusted_proxies").and_then(Toml::as_array).cloned();
        let shared = Shared::new(port, &ports, proxies.is_some());
        proxies.get_or_insert_default().push(PROXY.into());
        // Every test at once on few cores: only those about losses want the program's own patience.
        let setup = match self.nodes {
            Some(_) => self,
            None => self.unless_set("live.timeout_ms", 2_000),
        };
        let setup = setup
            .set("networks.trusted_proxies", proxies.unwrap_or_default())
            .unless_set("database.url", shared.database.url())
            .unless_set("live.url", redis_url())
            .unless_set("live.prefix", shared.prefix.as_str())
            .unless_set("keys.wrapping_key", format!("{}=", b64(&random::<32>())));
        let names = ["latchbolt", "node-b", "node-c", "node-d", "node-e"];
        let nodes = ports.iter().zip(names).map(|(at, name)| setup.node(&folder, *at, port, name)).collect();
        Server::new(&setup, folder, port, nodes, Ground::Shared(Box::new(shared)))
    }

    fn node(&self, folder: &TempDir, port: u16, front: u16, name: &str) -> Node {
        let setup = self.clone().set("server.listen", vec![Toml::from(format!("127.0.0.1:{port}"))]);
        let config = folder.path().join(format!("{name}.toml"));
        std::fs::write(&config, toml::to_string(&setup.config).expect("TOML")).expect("written");
        let log = folder.path().join(format!("{name}.log"));
        Node::new(port, format!("localhost:{front}"), config, log)
    }
}

/// A running server with its own folder.
#[derive(Debug)]
pub struct Server {
    /// The issuer's address.
    pub issuer: String,
    /// The port that visitors come to: the one node's, or nginx's.
    pub port: u16,
    /// The nodes; one, or those behind nginx.
    pub nodes: Vec<Node>,
    folder: TempDir,
    ground: Ground,
}

impl Server {
    /// Starts a server as it comes.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    fn new(setup: &Setup, folder: TempDir, port: u16, nodes: Vec<Node>, ground: Ground) -> Self {
        let issuer = setup.get("issuer.url").and_then(Toml::as_str).unwrap_or_default().to_owned();
        Self { issuer, port, nodes, folder, ground }
    }

    /// Starts all nodes at once: the first time, and after [`Server::stop`] or [`Server::kill`].
    ///
    /// # Panics
    /// When they do not become ready.
    pub async fn run_again(&mut self) {
        self.nodes.iter_mut().for_each(Node::spawn);
        for node in &mut self.nodes {
            node.wait().await;
        }
    }

    /// Process id of the (first) node.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.nodes[0].pid()
    }

    /// Resident memory in KiB of the largest node.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        self.nodes.iter().map(Node::resident_kib).max().unwrap_or_default()
    }

    /// Asks all nodes to stop (SIGTERM) and waits until they have; answers the worst exit code.
    ///
    /// # Panics
    /// When they do not within 20 seconds.
    pub async fn stop(&mut self) -> i32 {
        self.nodes.iter().for_each(|node| node.signal("TERM"));
        let mut worst = 0;
        for node in &mut self.nodes {
            worst = node.ended().await.map_or(worst, |status| status.code().unwrap_or(-1).max(worst));
        }
        worst
    }

    /// Ends all nodes at once (SIGKILL).
    pub fn kill(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
    }

    /// What the nodes have written.
    #[must_use]
    pub fn log(&self) -> String {
        self.nodes.iter().map(Node::log).collect()
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file that commands take: the first node's.
    #[must_use]
    pub fn config(&self) -> &Path {
        self.nodes[0].config()
    }

    /// The configuration files of all nodes.
    #[must_use]
    pub fn configs(&self) -> Vec<PathBuf> {
        self.nodes.iter().map(|node| node.config().to_owned()).collect()
    }

    /// Every byte of the database, for searching.
    #[must_use]
    pub fn database_bytes(&self) -> Vec<u8> {
        self.ground.bytes()
    }

    /// The database of the cluster.
    ///
    /// # Panics
    /// When this is one node with SQLite.
    #[must_use]
    pub fn postgres(&self) -> &backing::Database<'static> {
        match &self.ground {
            Ground::Shared(shared) => &shared.database,
            Ground::File(_) => panic!("one node with SQLite has no PostgreSQL"),
        }
    }

    /// The nginx in front of the cluster.
    ///
    /// # Panics
    /// When this is one node with SQLite.
    #[must_use]
    pub fn nginx(&self) -> &backing::Nginx {
        match &self.ground {
            Ground::Shared(shared) => &shared.nginx,
            Ground::File(_) => panic!("one node with SQLite has no nginx"),
        }
    }

    /// Sends visitors to the nodes on these ports alone, as a balancer does that asks `/readyz`.
    ///
    /// # Panics
    /// When this is one node with SQLite.
    pub fn balance(&self, nodes: &[u16]) {
        match &self.ground {
            Ground::Shared(shared) => shared.balance(nodes),
            Ground::File(_) => panic!("one node with SQLite has no nginx"),
        }
    }

    /// The database, opened beside the server.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn store(&self) -> SqlStore {
        self.ground.store().await
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
    #[must_use]
    pub fn command_with(&self, args: &[&str], input: &str) -> Run {
        run(args, self.config(), input)
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

    /// A new browser that comes to one node, past nginx.
    #[must_use]
    pub fn browser_at(&self, node: usize) -> Browser {
        let browser = self.browser();
        browser.go_to(self.nodes[node].port);
        browser
    }

    /// Enrols a phone of a user made by [`Server::user`]: the first one by the password, further ones, for which that
    /// is not enough (SEC-070), by a link that the operator makes.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn phone(&self, username: &str, password: &str, kind: Kind) -> Phone {
        let line = || Browser::new(&self.issuer);
        match Phone::try_enrol(line(), username, password, kind).await {
            Ok(phone) => phone,
            Err(refused) if refused.status == 403 => {
                let made = self.command(&["device", "enrol", "--user", username, "--json"]).done().json();
                let url = made["url"].as_str().expect("a link").to_owned();
                Phone::enrol_by_link(line(), &url, kind).await
            }
            Err(refused) => panic!("enrolment: {} {}", refused.status, refused.text()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            for node in &self.nodes {
                let log = node.log();
                let tail: Vec<&str> = log.lines().rev().take(30).collect();
                eprintln!("log of {}, newest first:\n{}", node.config().display(), tail.join("\n"));
            }
        }
    }
}
