//! What is asked of the servers before they are used.
//!
//! Owns: the sentences. Each names the setting to change and holds no secret.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError, Value};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::StartError;
use crate::access::{Access, OnPush};
use crate::cluster::{self, Ranges};
use crate::hash_slot;
use crate::scripts::{COUNT, SWAP};
use crate::sentinel::Sentinels;
use crate::settings::{Address, Settings, Topology};

/// `GETDEL` came with it.
const OLDEST: (u32, u32) = (6, 2);
/// How long what is tried is kept, should it stay.
const TRIED: u64 = 5_000;

/// What a server says of itself.
#[derive(Debug)]
struct Info(String);

/// Looks at every server that holds keys; answers which slots are whose, for a cluster.
pub(crate) async fn servers(
    access: &std::sync::Arc<Access>,
    settings: &Settings,
) -> Result<Ranges, StartError> {
    if settings.prefix.contains(|c: char| "{}*?[]\\".contains(c) || c.is_whitespace() || c.is_control()) {
        return Err(StartError("live.prefix must not hold spaces or any of {}*?[]\\".to_owned()));
    }
    let checks = Checks { access, settings };
    match &settings.topology {
        Topology::Single { at, .. } => {
            checks.server(at, None).await?;
            Ok(Ranges::new())
        }
        Topology::Sentinel { .. } => {
            let master = Sentinels::of(access, settings).master().await.map_err(|cause| {
                StartError(format!(
                    "live.url: the sentinels do not name the master ({cause}); check hosts and name"
                ))
            })?;
            checks.server(&master, None).await?;
            Ok(Ranges::new())
        }
        Topology::Cluster { at } => checks.cluster(at).await,
    }
}

impl Sentinels {
    pub(crate) fn of(access: &std::sync::Arc<Access>, settings: &Settings) -> Self {
        let (at, master) = match &settings.topology {
            Topology::Sentinel { at, master, .. } => (at.clone(), master.clone()),
            _ => (Vec::new(), String::new()),
        };
        Self { access: std::sync::Arc::clone(access), at, master, timeout: settings.connect_timeout }
    }
}

struct Checks<'a> {
    access: &'a Access,
    settings: &'a Settings,
}

impl Checks<'_> {
    async fn cluster(&self, at: &[Address]) -> Result<Ranges, StartError> {
        let mut first = None;
        for at in at {
            match self.slots(at).await {
                Ok(ranges) => {
                    for (from, to, master) in &ranges {
                        // One with many ranges is asked once.
                        if ranges
                            .iter()
                            .find(|(_, _, other)| other == master)
                            .is_some_and(|range| range.0 == *from)
                        {
                            self.server(master, Some((*from, *to))).await?;
                        }
                    }
                    return Ok(ranges);
                }
                Err(sentence) => {
                    let _ = first.get_or_insert(sentence);
                }
            }
        }
        Err(first.unwrap_or_else(|| StartError("live.url names no server".to_owned())))
    }

    async fn slots(&self, at: &Address) -> Result<Ranges, StartError> {
        let mut connection = self.open(at, Box::new(|_| {})).await?;
        let info = self.info(at, &mut connection).await?;
        if info.word("cluster_enabled") == Some("0") {
            return Err(StartError(format!(
                "live.url names a cluster, but Redis at {at} is a single server: write redis:// for it"
            )));
        }
        match timeout(self.settings.connect_timeout, cluster::ask_slots(self.access, at)).await {
            Ok(Ok(Some(ranges))) => Ok(ranges),
            Ok(Ok(None)) => {
                Err(StartError(format!("live.url: the cluster of Redis at {at} has no slots yet")))
            }
            Ok(Err(error)) => Err(self.refused(at, "CLUSTER SLOTS", &error)),
            Err(_) => Err(silent(at)),
        }
    }

    async fn server(&self, at: &Address, slots: Option<(u16, u16)>) -> Result<(), StartError> {
        let (tell, heard) = mpsc::unbounded_channel();
        let on_push: OnPush = Box::new(move |info| {
            let _ = tell.send(info.kind);
        });
        let mut connection = self.open(at, on_push).await?;
        let info = self.info(at, &mut connection).await?;
        self.is_fit(at, &info, slots.is_some())?;
        self.is_allowed(at, &mut connection, slots).await?;
        self.hears(at, &mut connection, heard).await
    }

    async fn open(&self, at: &Address, on_push: OnPush) -> Result<MultiplexedConnection, StartError> {
        match timeout(self.settings.connect_timeout, self.access.open(at, on_push)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.not_opened(at, &error)),
            Err(_) => Err(silent(at)),
        }
    }

    fn not_opened(&self, at: &Address, error: &RedisError) -> StartError {
        let said = said(error);
        let user = self.settings.username.as_deref().unwrap_or("default");
        if error.kind() == ErrorKind::RESP3NotSupported || said.contains("unknown command") {
            return too_old(at, "older than 6.0");
        }
        if said.contains("WRONGPASS") || error.kind() == ErrorKind::AuthenticationFailed {
            return StartError(format!(
                "live.password: Redis at {at} refuses user `{user}` with this password; correct live.username and live.password"
            ));
        }
        if said.contains("NOAUTH") {
            return StartError(format!("live.password: Redis at {at} wants a password and none is given"));
        }
        if said.contains("certificate") {
            return StartError(format!(
                "live.ca_file: the certificate of Redis at {at} is not accepted ({said}); name the authority that signed it, and the host as the certificate does"
            ));
        }
        if said.contains("DB index") || said.contains("SELECT is not allowed") {
            return StartError(format!("live.url: Redis at {at} has no database with this number"));
        }
        if error.kind() == ErrorKind::Parse {
            return StartError(format!("live.url: what answers at {at} is not Redis"));
        }
        let is_refused = error.is_connection_refusal() || self.settings.tls.is_none();
        let question = if is_refused { "" } else { "; does it speak TLS?" };
        StartError(format!("live.url: Redis at {at} cannot be reached ({said}){question}"))
    }

    async fn info(&self, at: &Address, connection: &mut MultiplexedConnection) -> Result<Info, StartError> {
        let answer = self.ask(at, connection, &redis::cmd("INFO")).await?;
        redis::from_redis_value(answer).map(Info).map_err(|_| silent(at))
    }

    async fn ask(
        &self,
        at: &Address,
        connection: &mut MultiplexedConnection,
        command: &Cmd,
    ) -> Result<Value, StartError> {
        match timeout(self.settings.connect_timeout, command.query_async(connection)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let name = command.args_iter().next();
                let name = match &name {
                    Some(redis::Arg::Simple(name)) => String::from_utf8_lossy(name),
                    _ => "a command".into(),
                };
                Err(self.refused(at, &name, &error))
            }
            Err(_) => Err(silent(at)),
        }
    }

    fn refused(&self, at: &Address, command: &str, error: &RedisError) -> StartError {
        let said = said(error);
        if error.is_io_error() {
            return StartError(format!("live.url: Redis at {at} hung up ({said})"));
        }
        if error.code() == Some("NOAUTH") {
            return StartError(format!("live.password: Redis at {at} wants a password and none is given"));
        }
        let (prefix, user) = (&self.settings.prefix, self.settings.username.as_deref().unwrap_or("default"));
        let cluster = match self.settings.topology {
            Topology::Cluster { .. } => " +cluster|slots +asking",
            _ => "",
        };
        StartError(format!(
            "live.username: Redis at {at} does not let user `{user}` do {command} under live.prefix ({said}); it needs ~{prefix}* &{prefix}* +ping +info +get +set +getdel +getrange +incrby +pttl +pexpire +eval +evalsha +publish +subscribe{cluster}"
        ))
    }

    fn is_fit(&self, at: &Address, info: &Info, is_cluster: bool) -> Result<(), StartError> {
        if info.word("redis_mode") == Some("sentinel") {
            return Err(StartError(format!(
                "live.url: {at} is a sentinel; write redis+sentinel://{at}/NAME-OF-THE-MASTER"
            )));
        }
        // Valkey gives the Redis version that it is compatible with, too.
        let version = info.word("redis_version").unwrap_or_default();
        if number(version) < OLDEST {
            return Err(too_old(at, version));
        }
        if !is_cluster && info.word("cluster_enabled") == Some("1") {
            return Err(StartError(format!(
                "live.url: Redis at {at} belongs to a cluster; write redis+cluster://{at}"
            )));
        }
        if info.word("role") == Some("slave") {
            return Err(StartError(format!(
                "live.url: Redis at {at} is a read-only replica; name its master, or its sentinels"
            )));
        }
        let policy = info.word("maxmemory_policy").unwrap_or("noeviction");
        if info.word("maxmemory").is_some_and(|most| most != "0") && policy != "noeviction" {
            return Err(StartError(format!(
                "live.url: Redis at {at} drops keys when its memory is full (maxmemory-policy {policy}), which would undo what must happen once; set it to noeviction or name another server"
            )));
        }
        Ok(())
    }

    /// Does what will be done, on a key of its own.
    async fn is_allowed(
        &self,
        at: &Address,
        connection: &mut MultiplexedConnection,
        slots: Option<(u16, u16)>,
    ) -> Result<(), StartError> {
        let random = getrandom::u64()
            .map_err(|error| StartError(format!("The system gives no randomness ({error})")))?;
        let key = self.key_within(slots, random);
        let old = 1_u64.to_be_bytes();
        let new = 2_u64.to_be_bytes();
        let command = |name: &str| {
            let mut command = redis::cmd(name);
            command.arg(&key);
            command
        };
        let mut set = command("SET");
        set.arg(&old[..]).arg("PX").arg(TRIED);
        let mut swap = SWAP.by_text(&key);
        swap.arg(&old[..]).arg(&new[..]).arg("");
        let mut again = SWAP.by_hash(&key);
        again.arg(&new[..]).arg(&new[..]).arg(TRIED);
        let counter = format!("{key}n");
        let mut count = COUNT.by_text(&counter);
        count.arg(1).arg(TRIED);
        let mut counted = COUNT.by_hash(&counter);
        counted.arg(0).arg(TRIED);
        for command in
            [redis::cmd("PING"), set, swap, again, command("GET"), command("GETDEL"), count, counted]
        {
            self.ask(at, connection, &command).await?;
        }
        Ok(())
    }

    /// A key of ours in one of these hash slots.
    fn key_within(&self, slots: Option<(u16, u16)>, random: u64) -> String {
        let key =
            |number: u64| format!("{}{{check:{:x}}}", self.settings.prefix, random.wrapping_add(number));
        let is_within =
            |key: &String| slots.is_none_or(|(from, to)| (from..=to).contains(&hash_slot::of(key)));
        (0..u64::from(hash_slot::SLOTS) * 20).map(key).find(is_within).unwrap_or_else(|| key(0))
    }

    async fn hears(
        &self,
        at: &Address,
        connection: &mut MultiplexedConnection,
        mut heard: mpsc::UnboundedReceiver<redis::PushKind>,
    ) -> Result<(), StartError> {
        let patience = self.settings.connect_timeout;
        let channel = format!("{}words", self.settings.prefix);
        match timeout(patience, connection.subscribe(&channel)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.refused(at, "SUBSCRIBE", &error)),
            Err(_) => return Err(silent(at)),
        }
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&channel).arg("check\n");
        self.ask(at, connection, &publish).await?;
        let word = async {
            while let Some(kind) = heard.recv().await {
                if kind == redis::PushKind::Message {
                    return true;
                }
            }
            false
        };
        match timeout(patience, word).await {
            Ok(true) => Ok(()),
            _ => Err(StartError(format!(
                "live.url: what is published at {at} does not come back; name Redis itself and no proxy before it"
            ))),
        }
    }
}

impl Info {
    fn word(&self, name: &str) -> Option<&str> {
        let is_it = |line: &str| -> Option<usize> { line.starts_with(name).then_some(name.len()) };
        self.0.lines().find_map(|line| is_it(line).and_then(|at| line[at..].strip_prefix(':'))).map(str::trim)
    }
}

/// What the server said, fit for a sentence.
fn said(error: &RedisError) -> String {
    let text = error.to_string();
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    words.join(" ").trim().to_owned()
}

fn silent(at: &Address) -> StartError {
    StartError(format!(
        "live.url: Redis at {at} does not answer in time; check the address and whether it runs"
    ))
}

fn too_old(at: &Address, version: &str) -> StartError {
    StartError(format!("live.url: Redis at {at} is {version}; 6.2 is the oldest that can be used"))
}

/// The first two numbers of a version.
fn number(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole() {
        let info = Info(
            "# Server\r\nredis_version:7.0.15\r\nmaxmemory_policy:allkeys-lru\r\nmaxmemory:0\r\n".into(),
        );
        assert_eq!(info.word("redis_version"), Some("7.0.15"));
        assert_eq!(info.word("maxmemory"), Some("0"));
        assert_eq!(info.word("maxmemory_policy"), Some("allkeys-lru"));
        assert_eq!(info.word("role"), None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(number("6.0.16") < OLDEST && number("5.0") < OLDEST && number("") < OLDEST);
        assert!(number("6.2.0") >= OLDEST && number("7.0.15") >= OLDEST && number("10.1") >= OLDEST);
    }
}
