//! Sentinel names another master.

use std::time::{Duration, Instant};

use backing::Sentinel;
use live::Live;

use crate::{LONG, heals, hears, key, misses, node, topic};

fn url(sentinel: &Sentinel) -> String {
    format!("redis+sentinel://{}/{}", sentinel.addresses().join(","), Sentinel::MASTER)
}

/// The master dies: the new one is used soon after the sentinels name it; when the old one comes back it is left
/// alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_new_master_is_used_and_the_old_one_left_alone() {
    let sentinel = Sentinel::start();
    let nodes = [node(&url(&sentinel)).await, node(&url(&sentinel)).await];
    let (kept, topic) = (key("kept"), topic("failover"));
    let mut words = nodes[1].subscribe(&topic).await.expect("subscribe");
    nodes[0].put(&kept, "x".into(), LONG).await.expect("put");
    // The replica has it before the master dies.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let since = Instant::now();
    sentinel.fail_over();
    let named = since.elapsed();
    for live in &nodes {
        heals("after a fail-over", Duration::from_secs(5), &**live).await;
    }
    eprintln!("named after {named:?}, used after {:?}", since.elapsed());
    misses(&mut words).await;
    nodes[0].publish(&topic, "on the new master").await.expect("publish");
    hears(&mut words, "on the new master").await;
    assert!(nodes[1].take(&kept).await.expect("take").is_some(), "what was replicated is there");
    sentinel.servers[0].start_again();
    tokio::time::sleep(Duration::from_secs(3)).await;
    for live in &nodes {
        live.put(&key("after"), "x".into(), LONG).await.expect("put");
    }
    nodes[1].publish(&topic, "still").await.expect("publish");
    hears(&mut words, "still").await;
}

/// The master lives on while another is named: writes go to the new one, within the time that looking takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_master_that_was_replaced_while_it_lives_is_left() {
    let sentinel = Sentinel::start();
    let live = node(&url(&sentinel)).await;
    live.put(&key("before"), "x".into(), LONG).await.expect("put");
    let old = sentinel.master_port();
    assert_eq!(sentinel.sentinels[0].cli(&["sentinel", "failover", Sentinel::MASTER]), "OK");
    assert!(backing::wait_until(Duration::from_secs(15), || ![0, old].contains(&sentinel.master_port())));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = key("after");
    live.put(&after, "x".into(), LONG).await.expect("put");
    let new = sentinel.servers.iter().find(|redis| redis.port() != old).expect("two servers");
    assert_eq!(new.cli(&["exists", &format!("latchbolt:{{test:{}}}", after.id)]), "1");
}
