//! Which server holds which keys.
//!
//! Owns: a cluster's slots as last seen, one link a master, and following the servers' hints (`MOVED`, `ASK`). A
//! master that is down takes its own slots along and no others: nothing waits for the whole cluster.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::access::Access;
use crate::error::{is_elsewhere, unavailable};
use crate::hash_slot;
use crate::link::{Failed, Link};
use crate::settings::Address;
use crate::target::{Book, Target};

/// How often the slots are looked at without a reason.
const LOOK: Duration = Duration::from_secs(5);
/// With a reason not oftener than this.
const PAUSE: Duration = Duration::from_millis(100);
/// How many hints of one command are followed.
const HINTS: usize = 4;

/// The masters of a cluster. Dropping it closes all connections.
#[derive(Debug)]
pub(crate) struct Cluster {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    access: Arc<Access>,
    patience: Duration,
    seeds: Vec<Address>,
    masters: Arc<Book>,
    map: RwLock<Map>,
    stale: Notify,
}

#[derive(Debug, Default)]
struct Map {
    /// By hash slot; empty before the slots were seen.
    owners: Vec<Option<Arc<Link>>>,
    links: HashMap<Address, Arc<Link>>,
}

/// Which slots (from, to) belong to which master.
pub(crate) type Ranges = Vec<(u16, u16, Address)>;

impl Cluster {
    /// Connects to the masters of these slots and follows what becomes of them.
    pub(crate) fn open(
        access: Arc<Access>,
        seeds: Vec<Address>,
        ranges: &Ranges,
        patience: Duration,
    ) -> Self {
        let masters = Arc::new(Book::new(seeds.clone()));
        let shared =
            Shared { access, patience, seeds, masters, map: RwLock::default(), stale: Notify::new() };
        let shared = Arc::new(shared);
        shared.take_over(ranges);
        let task = tokio::spawn(Arc::clone(&shared).follow());
        Self { shared, task }
    }

    /// The masters, for who needs just one of them.
    pub(crate) fn masters(&self) -> Arc<Book> {
        Arc::clone(&self.shared.masters)
    }

    /// Any master that is connected.
    pub(crate) fn any(&self) -> Option<Arc<Link>> {
        self.shared.read(|map| map.links.values().find(|link| link.is_up()).cloned())
    }

    /// Sends a command to the owner of its key; sends it elsewhere only when told that it was not carried out.
    pub(crate) async fn ask(&self, key: &str, command: &Cmd, until: Instant) -> Result<Value, Failed> {
        let slot = usize::from(hash_slot::of(key));
        let owner = self.shared.read(|map| map.owners.get(slot).cloned().flatten());
        let Some(mut link) = owner else {
            self.shared.stale.notify_one();
            return Err(Failed::NotSent(unavailable("no master of the cluster has this key")));
        };
        let mut is_importing = false;
        for _ in 0..HINTS {
            let answer = match is_importing {
                true => link.ask_importing(command, until).await,
                false => link.ask(command, until).await,
            };
            let error = match answer {
                Err(Failed::Sent(error)) => error,
                Err(failed) => {
                    // A new master may have taken over what this one had.
                    self.shared.stale.notify_one();
                    return Err(failed);
                }
                Ok(value) => return Ok(value),
            };
            match hint(&error) {
                Some((at, ErrorKind::Server(ServerErrorKind::Ask))) => {
                    (link, is_importing) = (self.shared.link(&at), true);
                }
                Some((at, _)) => {
                    self.shared.stale.notify_one();
                    (link, is_importing) = (self.shared.link(&at), false);
                    self.shared.write(|map| {
                        if let Some(owner) = map.owners.get_mut(slot) {
                            *owner = Some(Arc::clone(&link));
                        }
                    });
                }
                None if error.kind() == ErrorKind::Server(ServerErrorKind::TryAgain) => {
                    sleep(PAUSE / 10).await;
                }
                None => {
                    if is_elsewhere(&error) || error.is_io_error() {
                        self.shared.stale.notify_one();
                    }
                    return Err(Failed::Sent(error));
                }
            }
        }
        Err(Failed::NotSent(unavailable("the cluster is moving this key")))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn read<R>(&self, read: impl FnOnce(&Map) -> R) -> R {
        read(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<R>(&self, write: impl FnOnce(&mut Map) -> R) -> R {
        write(&mut self.map.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn link(&self, at: &Address) -> Arc<Link> {
        self.write(|map| self.link_of(map, at))
    }

    fn link_of(&self, map: &mut Map, at: &Address) -> Arc<Link> {
        let open = || Link::open(Arc::clone(&self.access), Target::Fixed(at.clone()), None, self.patience);
        Arc::clone(map.links.entry(at.clone()).or_insert_with(|| Arc::new(open())))
    }

    /// The slots are these now; links to who is no master any more are closed when nobody waits on them.
    fn take_over(&self, ranges: &Ranges) {
        let mut addresses: Vec<Address> = ranges.iter().map(|(_, _, at)| at.clone()).collect();
        addresses.sort();
        addresses.dedup();
        let gone = self.write(|map| {
            let mut owners = vec![None; usize::from(hash_slot::SLOTS)];
            for (from, to, at) in ranges {
                let link = self.link_of(map, at);
                let slots = owners.get_mut(usize::from(*from)..=usize::from(*to));
                slots.into_iter().flatten().for_each(|owner| *owner = Some(Arc::clone(&link)));
            }
            map.owners = owners;
            let is_master = |at: &Address| addresses.binary_search(at).is_ok();
            map.links.extract_if(|at, _| !is_master(at)).collect::<Vec<_>>()
        });
        drop(gone);
        self.masters.write(addresses);
    }

    async fn follow(self: Arc<Self>) {
        let mut round = 0;
        loop {
            let _ = timeout(LOOK, self.stale.notified()).await;
            round += 1;
            match self.look(round).await {
                Some(ranges) => self.take_over(&ranges),
                None => tracing::debug!("No master of the cluster tells its slots"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Asks one connected master after the other, each round another first; then those that were named at the start.
    async fn look(&self, round: usize) -> Option<Ranges> {
        let mut up: Vec<(Address, Arc<Link>)> = self.read(|map| {
            let links = map.links.iter().filter(|(_, link)| link.is_up());
            links.map(|(at, link)| (at.clone(), Arc::clone(link))).collect()
        });
        up.sort_by(|(one, _), (other, _)| one.cmp(other));
        let first = round % up.len().max(1);
        up.rotate_left(first);
        for (at, link) in up {
            let until = Instant::now() + self.patience;
            if let Ok(value) = link.ask(&question(), until).await
                && let Some(ranges) = ranges(value, &at)
            {
                return Some(ranges);
            }
        }
        for at in &self.seeds {
            if let Ok(Ok(Some(ranges))) = timeout(self.patience, ask_slots(&self.access, at)).await {
                return Some(ranges);
            }
        }
        None
    }
}

fn question() -> Cmd {
    let mut question = redis::cmd("CLUSTER");
    question.arg("SLOTS");
    question
}

/// Asks a server for the slots of its cluster, over a connection of its own.
pub(crate) async fn ask_slots(access: &Access, at: &Address) -> Result<Option<Ranges>, RedisError> {
    let mut connection = access.open(at, Box::new(|_| {})).await?;
    Ok(ranges(question().query_async(&mut connection).await?, at))
}

/// Reads the answer to `CLUSTER SLOTS`; `None` when it names no slot. An empty host is the one that was asked.
fn ranges(answer: Value, asked: &Address) -> Option<Ranges> {
    let Value::Array(rows) = answer else { return None };
    let ranges: Ranges = rows.into_iter().filter_map(|row| range(row, asked)).collect();
    (!ranges.is_empty()).then_some(ranges)
}

fn range(row: Value, asked: &Address) -> Option<(u16, u16, Address)> {
    let Value::Array(row) = row else { return None };
    let mut row = row.into_iter();
    let (from, to) = (number(&row.next()?)?, number(&row.next()?)?);
    let Value::Array(master) = row.next()? else { return None };
    let host = match master.first()? {
        Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
        Value::SimpleString(host) => host.clone(),
        _ => String::new(),
    };
    let host = if host.is_empty() || host == "?" { asked.host.clone() } else { host };
    let is_sound = from <= to && to < hash_slot::SLOTS;
    is_sound.then_some((from, to, Address { host, port: number(master.get(1)?)? }))
}

fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    }
}

/// Where the server sends us.
fn hint(error: &RedisError) -> Option<(Address, ErrorKind)> {
    let (place, _) = error.redirect_node()?;
    let (host, port) = place.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    // Without a host it would be the one just asked; the slots are looked at anew then.
    (!host.is_empty()).then_some((Address { host, port: port.parse().ok()? }, error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn slots_are_read_from_the_answer() {
        let asked = Address { host: "seed".to_owned(), port: 1 };
        let row = |from, to, host, port| {
            Value::Array(vec![
                Value::Int(from),
                Value::Int(to),
                Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(vec![])]),
                Value::Array(vec![text("replica"), Value::Int(9)]),
            ])
        };
        let answer = Value::Array(vec![
            row(0, 5460, text("10.0.0.1"), 6379),
            row(5461, 16383, Value::Nil, 6380),
            row(7, 16384, text("beyond"), 1),
            row(9, 8, text("backwards"), 1),
            Value::Int(3),
        ]);
        let expected = vec![
            (0, 5460, Address { host: "10.0.0.1".to_owned(), port: 6379 }),
            (5461, 16383, Address { host: "seed".to_owned(), port: 6380 }),
        ];
        assert_eq!(ranges(answer, &asked), Some(expected));
        assert_eq!(ranges(Value::Array(vec![]), &asked), None);
    }
}
