//! The port on Redis.
//!
//! Owns: what each operation of the port is in commands. Not here: connections (`link`, `cluster`), the scripts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use live::{Counted, Key, Live, LiveError, Lost, Result, Topic, Topics, Version, Versions, Words};
use redis::{Cmd, Value};
use tokio::time::Instant;

use crate::StartError;
use crate::access::Access;
use crate::check;
use crate::cluster::Cluster;
use crate::error::{is_unknown_script, unavailable};
use crate::link::{Ear, Failed, Link};
use crate::scripts::{COUNT, Known, SWAP};
use crate::sentinel::Sentinels;
use crate::settings::{Settings, Topology};
use crate::target::Target;

/// Topics that this node may listen to at once (SEC-222).
const MOST_TOPICS: usize = 200_000;
/// Nothing is kept longer, whatever is asked for.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// A version before the value.
const VERSION_BYTES: usize = 8;

/// Live state in Redis. Cheap to share; dropping the last one closes its connections.
#[derive(Debug)]
pub struct RedisLive {
    prefix: String,
    channel: String,
    timeout: Duration,
    servers: Servers,
    /// Hears the words, and says ours.
    voice: Link,
    topics: Arc<Topics>,
    versions: Versions,
}

#[derive(Debug)]
enum Servers {
    One(Link),
    Many(Cluster),
}

impl RedisLive {
    /// Looks at the servers, tries every command that will be needed, and connects.
    ///
    /// # Errors
    /// One sentence that names the setting to change: unreachable, refused, too old, a replica, one that may drop
    /// what is kept, a cluster where one server is named or the reverse, a right that is missing.
    pub async fn connect(settings: Settings) -> Result<Self, StartError> {
        let access = Access::new(&settings)?;
        let ranges = check::servers(&access, &settings).await?;
        let topics = Arc::<Topics>::default();
        let channel = format!("{}words", settings.prefix);
        let ear = Some(Ear { channel: channel.clone(), topics: Arc::clone(&topics) });
        let patience = settings.connect_timeout;
        let open = |target, ear| Link::open(Arc::clone(&access), target, ear, patience);
        let (servers, voice) = match &settings.topology {
            Topology::Single { at, .. } => {
                let target = Target::Fixed(at.clone());
                (Servers::One(open(target.clone(), None)), open(target, ear))
            }
            Topology::Sentinel { .. } => {
                let target = Target::Master(Arc::new(Sentinels::of(&access, &settings)));
                (Servers::One(open(target.clone(), None)), open(target, ear))
            }
            Topology::Cluster { at } => {
                let cluster = Cluster::open(Arc::clone(&access), at.clone(), &ranges, patience);
                let target = Target::Any(cluster.masters());
                (Servers::Many(cluster), open(target, ear))
            }
        };
        let timeout = settings.timeout;
        let live = Self {
            prefix: settings.prefix,
            channel,
            timeout,
            servers,
            voice,
            topics,
            versions: Versions::default(),
        };
        let until = Instant::now() + patience * 2;
        for link in live.links() {
            link.ask(&redis::cmd("PING"), until)
                .await
                .map_err(|failed| StartError(format!("live.url: {}", LiveError::from(failed))))?;
        }
        Ok(live)
    }

    fn links(&self) -> Vec<&Link> {
        match &self.servers {
            Servers::One(link) => vec![link, &self.voice],
            Servers::Many(_) => vec![&self.voice],
        }
    }

    fn slot(&self, key: &Key) -> String {
        format!("{}{{{}:{}}}", self.prefix, key.kind, key.id)
    }

    fn counter(&self, key: &Key) -> String {
        format!("{}n{{{}:{}}}", self.prefix, key.kind, key.id)
    }

    fn until(&self) -> Instant {
        Instant::now() + self.timeout
    }

    async fn ask(&self, key: &str, command: &Cmd, until: Instant) -> Result<Value, Failed> {
        match &self.servers {
            Servers::One(link) => link.ask(command, until).await,
            Servers::Many(cluster) => cluster.ask(key, command, until).await,
        }
    }

    /// Runs a script by its hash; by its text where the server does not know it (it has done nothing then).
    async fn run(&self, script: &Known, key: &str, with: impl Fn(&mut Cmd)) -> Result<Value, Failed> {
        let until = self.until();
        let mut command = script.by_hash(key);
        with(&mut command);
        match self.ask(key, &command, until).await {
            Err(Failed::Sent(error)) if is_unknown_script(&error) => {
                let mut command = script.by_text(key);
                with(&mut command);
                self.ask(key, &command, until).await
            }
            answer => answer,
        }
    }

    /// A version for a write over `seen`, and what is kept under it.
    fn written(&self, seen: u64, value: &[u8]) -> Result<(u64, Vec<u8>)> {
        let random = getrandom::u64().map_err(|error| unavailable(format!("no randomness: {error}")))?;
        let version = self.versions.next(seen, random);
        let mut kept = Vec::with_capacity(VERSION_BYTES + value.len());
        kept.extend_from_slice(&version.to_be_bytes());
        kept.extend_from_slice(value);
        Ok((version, kept))
    }
}

#[async_trait]
impl Live for RedisLive {
    async fn put(&self, key: &Key, value: Bytes, ttl: Duration) -> Result<Version> {
        let (version, kept) = self.written(0, &value)?;
        let slot = self.slot(key);
        let mut command = redis::cmd("SET");
        command.arg(&slot).arg(kept).arg("PX").arg(millis(ttl));
        self.ask(&slot, &command, self.until()).await.map_err(|failed| full(failed, key.kind))?;
        Ok(Version(version))
    }

    async fn get(&self, key: &Key) -> Result<Option<(Bytes, Version)>> {
        let slot = self.slot(key);
        let mut command = redis::cmd("GET");
        command.arg(&slot);
        let answer = self.ask(&slot, &command, self.until()).await?;
        kept(answer, key.kind)
    }

    async fn swap(
        &self,
        key: &Key,
        seen: Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Result<Version, Lost>> {
        let (version, kept) = self.written(seen.0, &value)?;
        let ttl = ttl.map(|ttl| millis(ttl).to_string()).unwrap_or_default();
        let answer = self
            .run(&SWAP, &self.slot(key), |command| {
                command.arg(&seen.0.to_be_bytes()[..]).arg(&kept).arg(&ttl);
            })
            .await
            .map_err(|failed| full(failed, key.kind))?;
        Ok(if answer == Value::Int(1) { Ok(Version(version)) } else { Err(Lost) })
    }

    async fn take(&self, key: &Key) -> Result<Option<Bytes>> {
        let slot = self.slot(key);
        let mut command = redis::cmd("GETDEL");
        command.arg(&slot);
        let answer = self.ask(&slot, &command, self.until()).await?;
        Ok(kept(answer, key.kind)?.map(|(value, _)| value))
    }

    async fn count(&self, counter: &Key, amount: u64, window: Duration) -> Result<Counted> {
        let answer = self
            .run(&COUNT, &self.counter(counter), |command| {
                command.arg(amount).arg(millis(window));
            })
            .await
            .map_err(|failed| full(failed, counter.kind))?;
        let (sum, left): (u64, i64) =
            redis::from_redis_value(answer).map_err(|_| LiveError::Corrupt(counter.kind))?;
        Ok(Counted { sum, ends_in: Duration::from_millis(u64::try_from(left).unwrap_or(0)) })
    }

    async fn publish(&self, topic: &Topic, word: &str) -> Result<()> {
        let mut command = redis::cmd("PUBLISH");
        command.arg(&self.channel).arg(format!("{}\n{word}", topic.0));
        match self.voice.ask(&command, self.until()).await {
            Ok(_) => Ok(()),
            Err(failed) => {
                // Who listens on this node hears it all the same; twice does no harm.
                self.topics.publish(&topic.0, word);
                Err(failed.into())
            }
        }
    }

    async fn subscribe(&self, topic: &Topic) -> Result<Box<dyn Words>> {
        match Topics::listen(&self.topics, &topic.0, MOST_TOPICS) {
            Some(listener) => Ok(Box::new(listener)),
            None => Err(LiveError::Full("topic")),
        }
    }

    async fn check(&self) -> Result<()> {
        let ping = redis::cmd("PING");
        match &self.servers {
            Servers::One(link) => link.ask(&ping, self.until()).await?,
            Servers::Many(cluster) => {
                let link =
                    cluster.any().ok_or_else(|| unavailable("no master of the cluster is connected"))?;
                link.ask(&ping, self.until()).await?
            }
        };
        Ok(())
    }
}

/// Version and value of a slot.
fn kept(answer: Value, kind: &'static str) -> Result<Option<(Bytes, Version)>> {
    match answer {
        Value::Nil => Ok(None),
        Value::BulkString(kept) => {
            let version = kept.first_chunk::<VERSION_BYTES>().ok_or(LiveError::Corrupt(kind))?;
            let version = Version(u64::from_be_bytes(*version));
            Ok(Some((Bytes::from(kept).slice(VERSION_BYTES..), version)))
        }
        _ => Err(LiveError::Corrupt(kind)),
    }
}

/// A server whose memory is full refuses to write, and does nothing.
fn full(failed: Failed, kind: &'static str) -> LiveError {
    match failed {
        Failed::Sent(error) if error.to_string().contains("OOM") => LiveError::Full(kind),
        failed => failed.into(),
    }
}

/// At least one: zero would be refused, or kept for ever.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.min(LONGEST).as_millis()).unwrap_or(u64::MAX).max(1)
}
