//! The chain over a real trail: what is sealed, and that a change made past the program is found.

use std::sync::Arc;

use app::{App, Clock, Entropy, HashSettings, Issuer, KeyInUse, Limits, Parts};
use domain::audit::chain::Tampering;
use domain::{AuditEntry, AuditEvent, KeyState, Outcome, Timestamp};
use jose::SigningKey;
use jose::seal::MasterKey;
use live::InProcess;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use store::Store;
use store_sql::{Settings, SqlStore};

use super::*;

struct Kept {
    registry: Registry,
    folder: tempfile::TempDir,
}

fn registry_over(store: Arc<dyn Store>) -> Registry {
    let app = App::new(Parts {
        issuer: Issuer::parse("https://id.example").unwrap(),
        store,
        live: Arc::new(InProcess::default()),
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock: Clock::manual(Timestamp::from_seconds(1_800_000_000)),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([7; 32]),
        limits: Limits::default(),
    });
    Registry::new(&app, crate::Settings::default())
}

fn key(state: KeyState) -> KeyInUse {
    KeyInUse { key: Arc::new(SigningKey::generate(SigningAlg::ES256).unwrap()), state }
}

async fn kept() -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlStore::open(Settings::file(folder.path().join("a.db"))).await.unwrap();
    let registry = registry_over(Arc::new(store));
    registry.app.keys().replace(vec![key(KeyState::Current)], Vec::new());
    Kept { registry, folder }
}

impl Kept {
    async fn write(&self, count: u32) {
        let mut work = self.registry.app.store().begin().await.unwrap();
        for number in 0..count {
            let mut entry =
                AuditEntry::new(AuditEvent::SessionStarted, Outcome::Done, self.registry.app.now());
            entry.detail = Some(format!("step {number}"));
            work.audit(entry).await.unwrap();
        }
        work.commit().await.unwrap();
    }

    async fn past(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.folder.path().join("a.db")).connect().await.unwrap()
    }

    async fn tamper(&self, text: &'static str) {
        let done = sqlx::raw_sql(text).execute(&mut self.past().await).await.unwrap();
        assert!(done.rows_affected() > 0, "{text}");
    }

    async fn seal(&self) -> u32 {
        let mut sealed = 0;
        loop {
            match self.registry.seal_audit_step().await.unwrap() {
                0 => return sealed,
                step => sealed += step,
            }
        }
    }

    async fn verify(&self) -> Verified {
        self.registry.verify_audit(0, None).await.unwrap()
    }

    async fn broken(&self) -> Broken {
        self.verify().await.broken.expect("the change is found")
    }
}

#[tokio::test]
async fn a_trail_is_sealed_block_by_block() {
    let kept = kept().await;
    assert_eq!((kept.seal().await, kept.verify().await), (0, Verified::default()));
    kept.write(3).await;
    assert_eq!(kept.verify().await.waiting, 3);
    assert_eq!((kept.seal().await, kept.seal().await), (3, 0));
    kept.write(4_100).await;
    assert_eq!(kept.seal().await, 4_100);
    let found = kept.verify().await;
    assert_eq!((found.blocks, found.entries, found.sealed_to, found.waiting), (3, 4_103, 4_103, 0));
    assert_eq!((&found.broken, &found.breaks), (&None, &Vec::new()));
    let head = found.head.clone().unwrap();
    assert_eq!((head.block, head.first, head.last, head.entries), (3, 4_004, 4_103, 100));
    // From an entry on: its block and all after it.
    let part = kept.registry.verify_audit(4_050, None).await.unwrap();
    assert_eq!((part.blocks, part.entries, part.broken), (1, 100, None));
    // Against a head that was kept elsewhere.
    let text = found.head_text().unwrap();
    let expected: Expected = text.parse().unwrap();
    assert_eq!(kept.registry.verify_audit(0, Some(expected)).await.unwrap().broken, None);
    for other in [Expected { head: [1; 32], ..expected }, Expected { block: 4, ..expected }] {
        let broken = kept.registry.verify_audit(0, Some(other)).await.unwrap().broken;
        assert_eq!(broken, Some(Broken::Expected { block: other.block }));
    }
    for bad in ["", "1", "1:", "x:AAAA", "1:!!"] {
        assert!(bad.parse::<Expected>().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn sec_186_an_entry_that_is_changed_removed_inserted_or_reordered_is_found() {
    let all: [(&'static str, i64, Tampering); 9] = [
        ("UPDATE audit SET detail = 'nothing happened' WHERE number = 7", 7, Tampering::Changed),
        ("UPDATE audit SET at = at + 1 WHERE number = 3", 3, Tampering::Changed),
        ("UPDATE audit SET actor = 'operator' WHERE number = 12", 12, Tampering::Changed),
        ("UPDATE audit SET event = 'no such event' WHERE number = 5", 5, Tampering::Changed),
        ("DELETE FROM audit WHERE number = 9", 9, Tampering::Removed),
        ("DELETE FROM audit WHERE number > 15", 16, Tampering::Removed),
        ("DELETE FROM audit", 1, Tampering::Removed),
        (
            "UPDATE audit SET detail = CASE number WHEN 2 THEN 'step 3' ELSE 'step 1' END WHERE number IN (2, 4)",
            2,
            Tampering::Changed,
        ),
        (
            "UPDATE audit SET number = -4 WHERE number = 4; UPDATE audit SET number = 4 WHERE number = 6;
             UPDATE audit SET number = 6 WHERE number = -4",
            4,
            Tampering::Changed,
        ),
    ];
    for (text, number, what) in all {
        let kept = kept().await;
        kept.write(10).await;
        kept.seal().await;
        kept.write(10).await;
        kept.seal().await;
        assert_eq!(kept.verify().await.broken, None);
        kept.tamper(text).await;
        assert_eq!(kept.broken().await, Broken::Entry { number, what }, "{text}");
        // Sealing goes on, and hides nothing.
        kept.write(5).await;
        kept.seal().await;
        if !text.starts_with("DELETE FROM audit WHERE number >") && text != "DELETE FROM audit" {
            assert_eq!(kept.broken().await, Broken::Entry { number, what }, "{text}");
        } else {
            assert!(matches!(kept.broken().await, Broken::Entry { .. }), "{text}");
        }
    }
}

#[tokio::test]
async fn sec_186_an_entry_put_between_sealed_ones_is_found() {
    let kept = kept().await;
    kept.write(3).await;
    kept.seal().await;
    // Numbers may have gaps: a unit that was undone on PostgreSQL leaves one.
    kept.tamper("INSERT INTO audit (number, at, event, outcome) VALUES (10, 1, 'key.created', 'done')").await;
    kept.seal().await;
    assert_eq!(kept.verify().await.broken, None);
    kept.tamper("INSERT INTO audit (number, at, event, outcome) VALUES (6, 1, 'key.created', 'done')").await;
    assert_eq!(kept.broken().await, Broken::Entry { number: 6, what: Tampering::Added });
}

#[tokio::test]
async fn sec_186_a_seal_that_is_changed_or_forged_is_found() {
    let block = |block, why| Broken::Block { block, why };
    let all = [
        ("UPDATE audit_blocks SET entries = 9 WHERE block = 1", block(1, "it does not say what it holds")),
        (
            "UPDATE audit_blocks SET signature = 'a.b.c' WHERE block = 1",
            block(1, "its signature is not that of its key"),
        ),
        (
            "UPDATE audit_blocks SET kid = 'x' WHERE block = 2",
            block(2, "its head is not that of its entries"),
        ),
        (
            "UPDATE audit_blocks SET public_key = '{}' WHERE block = 2",
            block(2, "its key is not the one it names"),
        ),
        (
            "UPDATE audit_blocks SET head = zeroblob(32) WHERE block = 2",
            block(2, "its head is not that of its entries"),
        ),
        ("DELETE FROM audit_blocks WHERE block = 2", block(2, "is not there any more")),
    ];
    for (text, broken) in all {
        let kept = kept().await;
        for _ in 0..3 {
            kept.write(4).await;
            kept.seal().await;
        }
        kept.tamper(text).await;
        assert_eq!(kept.broken().await, broken, "{text}");
    }
}

#[tokio::test]
async fn sec_186_who_writes_to_the_tables_alone_cannot_make_a_chain() {
    let kept = kept().await;
    kept.write(4).await;
    kept.seal().await;
    // All is made anew with a key of one's own.
    let own = registry_over(Arc::new(
        SqlStore::open(Settings::file(kept.folder.path().join("a.db"))).await.unwrap(),
    ));
    own.app.keys().replace(vec![key(KeyState::Current)], Vec::new());
    kept.tamper("DELETE FROM audit_blocks").await;
    kept.tamper("UPDATE audit SET detail = 'nothing' WHERE number = 2").await;
    assert_eq!(own.seal_audit_step().await.unwrap(), 4);
    let forged = Broken::Block { block: 1, why: "its head is signed by no key of this installation" };
    assert_eq!(kept.broken().await, forged);
    // The server that goes on does not vouch for it.
    kept.write(2).await;
    kept.seal().await;
    let why = "goes on from a head that no key of this installation had signed";
    assert_eq!(kept.broken().await, Broken::Block { block: 2, why });
}

#[tokio::test]
async fn a_chain_outlives_its_keys() {
    let kept = kept().await;
    let keys = kept.registry.app.keys();
    let (first, second, third) = (key(KeyState::Current), key(KeyState::Current), key(KeyState::Current));
    let retired = |held: &KeyInUse| KeyInUse { state: KeyState::Retired, ..held.clone() };
    for ring in
        [vec![first.clone()], vec![retired(&first), second.clone()], vec![retired(&second), third.clone()]]
    {
        keys.replace(ring, Vec::new());
        kept.write(2).await;
        kept.seal().await;
    }
    keys.replace(vec![third.clone()], Vec::new());
    let found = kept.verify().await;
    assert_eq!((found.blocks, found.broken, found.breaks), (3, None, Vec::new()));
    // One that was taken out of use by hand, which the trail says, leaves a mark and no fault.
    let last = key(KeyState::Current);
    keys.replace(vec![last], Vec::new());
    let mut entry = AuditEntry::new(AuditEvent::KeyRetired, Outcome::Done, kept.registry.app.now());
    entry.detail = Some(format!("ES256 {}", third.key.kid()));
    kept.registry.app.write_down(entry).await.unwrap();
    kept.seal().await;
    let found = kept.verify().await;
    assert_eq!(found.broken, None);
    assert_eq!(found.breaks, [Break { block: 4, first: 7, kid: third.key.kid().to_owned() }]);
}

#[tokio::test]
async fn of_nodes_that_seal_one_wins() {
    let kept = kept().await;
    let other = registry_over(Arc::new(
        SqlStore::open(Settings::file(kept.folder.path().join("a.db"))).await.unwrap(),
    ));
    let one = key(KeyState::Current);
    kept.registry.app.keys().replace(vec![one.clone()], Vec::new());
    other.app.keys().replace(vec![one], Vec::new());
    for _ in 0..5 {
        kept.write(20).await;
        let (here, there) = tokio::join!(kept.registry.seal_audit_step(), other.seal_audit_step());
        assert_eq!(here.unwrap() + there.unwrap(), 20);
    }
    let found = kept.verify().await;
    assert_eq!((found.entries, found.broken), (100, None));
}
