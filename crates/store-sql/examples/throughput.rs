//! How many units of work a second, and what a thousand of them cost in CPU seconds.
//!
//! `cargo run --release -p store-sql --example throughput -- FOLDER [TASKS] [UNITS]`
//! A unit is the one durable write of a sign-in: `spend_code` and an audit entry.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use domain::{
    Account, AccountId, AccountState, AuditEntry, AuditEvent, Grant, GrantId, Outcome, SessionId, Timestamp,
};
use store::Store as _;
use store_sql::{Settings, SqlStore};

type Done = Result<(), Box<dyn Error + Send + Sync>>;

/// CPU seconds of this process so far, user and system (proc(5), fields 14 and 15; 100 ticks a second).
fn cpu_seconds() -> Result<f64, Box<dyn Error + Send + Sync>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

fn bytes(number: u64) -> [u8; 16] {
    // Spread like random ids.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&spread.to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

async fn unit(store: &SqlStore, account: AccountId, number: u64) -> Done {
    let now = Timestamp::from_seconds(1_800_000_000);
    let grant = Grant {
        id: GrantId::from_random(bytes(number)),
        account,
        client: "shop".parse()?,
        session: SessionId::from_random(bytes(number ^ 0xffff_ffff)),
        scope: "openid profile".into(),
        created_at: now,
        expires_at: Timestamp::from_seconds(1_800_003_600),
        revoked_at: None,
    };
    let mut work = store.begin().await?;
    work.spend_code(&grant, now).await?;
    let mut entry = AuditEntry::new(AuditEvent::CodeRedeemed, Outcome::Done, now);
    entry.account = Some(account);
    entry.client = Some(grant.client.clone());
    entry.address = Some("192.0.2.7".into());
    work.audit(entry).await?;
    work.commit().await?;
    Ok(())
}

async fn read(store: &SqlStore, number: u64) -> Done {
    store.read().await?.grant(&GrantId::from_random(bytes(number))).await?;
    Ok(())
}

async fn measure(
    label: &str,
    store: &Arc<SqlStore>,
    account: AccountId,
    tasks: u64,
    units: u64,
    from: u64,
) -> Done {
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let reads = label == "reads";
    let mut running = Vec::new();
    for task in 0..tasks {
        let store = Arc::clone(store);
        running.push(tokio::spawn(async move {
            for number in (task..units).step_by(tasks as usize) {
                if reads {
                    read(&store, from + number).await?;
                } else {
                    unit(&store, account, from + number).await?;
                }
            }
            Done::Ok(())
        }));
    }
    for task in running {
        task.await??;
    }
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    println!(
        "{label}, {tasks} tasks: {:.0}/s, {:.4} CPU-s per 1,000, {:.1} us CPU each",
        units as f64 / wall,
        cpu * 1000.0 / units as f64,
        cpu * 1e6 / units as f64
    );
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done {
    let mut given = std::env::args().skip(1);
    let folder = given.next().ok_or("name a folder on the disk to measure")?;
    let tasks: u64 = given.next().map_or(Ok(64), |text| text.parse())?;
    let units: u64 = given.next().map_or(Ok(20_000), |text| text.parse())?;
    let path = std::path::Path::new(&folder).join(format!("throughput-{}.db", std::process::id()));
    let store = Arc::new(SqlStore::open(Settings::file(&path)).await?);
    let account = Account {
        id: AccountId::from_random([1; 16]),
        username: "ada".parse()?,
        state: AccountState::Active,
        claims: serde_json::Map::new(),
        webauthn_handle: [1; 16],
        roles: domain::Roles::NONE,
        groups: Vec::new(),
        language: None,
        created_at: Timestamp::from_seconds(1),
        updated_at: Timestamp::from_seconds(1),
    };
    let mut work = store.begin().await?;
    work.add_account(&account).await?;
    work.commit().await?;

    measure("units", &store, account.id, tasks, units, 0).await?;
    measure("units", &store, account.id, tasks, units, units).await?;
    measure("units", &store, account.id, 1, (units / 10).max(1), 2 * units).await?;
    measure("reads", &store, account.id, tasks, units, 0).await?;
    measure("reads", &store, account.id, 1, units, 0).await?;
    store.close().await;
    for end in ["", "-wal", "-shm"] {
        let _gone = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    Ok(())
}
