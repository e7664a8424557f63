//! What was acknowledged outlives the process, however it ends; what was not redeemed twice before stays
//! so.
//!
//! The test starts itself again as a child that writes and says on its standard output what was
//! acknowledged, kills it (or lets its disk be full), and looks.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use domain::{AuditEntry, AuditEvent, AuditFilter, GrantId, Outcome};
use store::{Spend, Store as _, StoreError};

use crate::given::{NOW, account, grant, kept_account, raw, store};

const FOLDER: &str = "LATCHBOLT_TEST_CRASH";

fn say(word: &str, id: &GrantId) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{word} {id}").unwrap();
    out.flush().unwrap();
}

/// The child: writes until it is killed or the disk is full. Does nothing when it is run as a test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(path) = std::env::var(FOLDER) else { return };
    let store = Arc::new(store(Path::new(&path)).await);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16_u32 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for round in 0..100_000_u32 {
                let grant = grant(account().id);
                let mut work = store.begin().await?;
                work.spend_code(&grant, NOW).await?;
                let mut entry = AuditEntry::new(AuditEvent::CodeRedeemed, Outcome::Done, NOW);
                entry.detail = Some(grant.id.to_string());
                work.audit(entry).await?;
                if (writer + round) % 7 == 0 {
                    drop(work);
                    say("DROPPED", &grant.id);
                    continue;
                }
                work.commit().await?;
                say("KEPT", &grant.id);
                if round % 3 == 0 {
                    let mut work = store.begin().await?;
                    work.revoke_grant(&grant.id, NOW).await?;
                    work.commit().await?;
                    say("REVOKED", &grant.id);
                }
            }
            Ok::<(), StoreError>(())
        });
    }
    while let Some(ended) = writers.join_next().await {
        if let Err(why) = ended.unwrap() {
            assert!(matches!(why, StoreError::Unavailable(_)), "{why:?}");
        }
    }
    // The disk is full, but what is there can still be read.
    assert!(store.read().await.unwrap().has_accounts().await.unwrap());
    println!("\nFULL");
}

#[derive(Default)]
struct Heard {
    kept: BTreeSet<GrantId>,
    revoked: BTreeSet<GrantId>,
    dropped: BTreeSet<GrantId>,
    was_full: bool,
}

/// Runs the child on the database; kills it some time after its first word, unless it ends by itself.
fn run(mut command: Command, path: &Path, life: Option<Duration>, heard: &mut Heard) {
    let mut child = command.env(FOLDER, path).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut words = BufReader::new(child.stdout.take().unwrap());
    let mut killer = None;
    let mut line = String::new();
    // A line that was cut off by the end was not said.
    while words.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        let (word, id) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match (word, id.parse::<GrantId>()) {
            ("KEPT", Ok(id)) => drop(heard.kept.insert(id)),
            ("REVOKED", Ok(id)) => drop(heard.revoked.insert(id)),
            ("DROPPED", Ok(id)) => drop(heard.dropped.insert(id)),
            ("FULL", _) => heard.was_full = true,
            _ => {}
        }
        if word == "KEPT"
            && killer.is_none()
            && let Some(life) = life
        {
            let process = child.id().to_string();
            killer = Some(std::thread::spawn(move || {
                std::thread::sleep(life);
                Command::new("kill").args(["-9", &process]).status().unwrap();
            }));
        }
        line.clear();
    }
    child.wait().unwrap();
    if let Some(killer) = killer {
        killer.join().unwrap();
    }
}

fn this_test() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::child", "--nocapture", "--test-threads=1"]);
    command
}

/// Everything acknowledged is there, nothing dropped is, and every code is spent for good.
async fn look(path: &Path, heard: &Heard) {
    let store = store(path).await;
    let mut view = store.read().await.unwrap();
    for id in &heard.kept {
        let (grant, _) = view.grant(id).await.unwrap().unwrap_or_else(|| panic!("{id} was lost"));
        assert!(!heard.revoked.contains(id) || grant.revoked_at.is_some(), "{id} is good again");
    }
    for id in &heard.dropped {
        assert!(view.grant(id).await.unwrap().is_none(), "{id} was dropped");
    }
    let (mut told, mut after) = (BTreeSet::new(), 0);
    loop {
        let page = view.audit_trail(&AuditFilter::default(), after, 500).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.number;
        told.extend(page.into_iter().filter_map(|stored| stored.entry.detail));
    }
    for id in &heard.kept {
        assert!(told.contains(&id.to_string()), "{id} was not told");
    }
    for id in heard.kept.iter().take(50) {
        let mut spent = grant(account().id);
        spent.id = *id;
        let mut work = store.begin().await.unwrap();
        assert_eq!(work.spend_code(&spent, NOW).await.unwrap(), Spend::Again);
        drop(work);
    }
    let mut database = raw(path).await;
    let (checked,): (String,) =
        sqlx::query_as("PRAGMA integrity_check").fetch_one(&mut database).await.unwrap();
    assert_eq!(checked, "ok");
    store.close().await;
}

#[tokio::test]
async fn sec_080_sec_210_what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latchbolt.db");
    let first = store(&path).await;
    kept_account(&first).await;
    first.close().await;
    let mut heard = Heard::default();
    for round in 0..8 {
        let before = heard.kept.len();
        run(this_test(), &path, Some(Duration::from_millis(20 + 37 * round)), &mut heard);
        assert!(heard.kept.len() > before, "the child did nothing");
        look(&path, &heard).await;
    }
    assert!(!heard.revoked.is_empty() && !heard.dropped.is_empty());
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latchbolt.db");
    let first = store(&path).await;
    kept_account(&first).await;
    first.close().await;
    // No file may grow beyond this many blocks: a write past it fails like one on a full disk.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 600; exec \"$0\" \"$@\""]);
    shell.arg(std::env::current_exe().unwrap());
    shell.args(["--exact", "crash::child", "--nocapture", "--test-threads=1"]);
    let mut heard = Heard::default();
    run(shell, &path, None, &mut heard);
    assert!(heard.was_full, "the child did not end by itself");
    assert!(!heard.kept.is_empty());
    look(&path, &heard).await;
}
