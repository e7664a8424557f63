//! The suite of the port.

use std::sync::OnceLock;

use backing::{Redis, RedisCluster, Sentinel};

use crate::any;

fn single() -> String {
    Redis::shared().url()
}

pub fn cluster() -> String {
    static CLUSTER: OnceLock<RedisCluster> = OnceLock::new();
    format!("redis+cluster://{}", CLUSTER.get_or_init(RedisCluster::start).addresses().join(","))
}

fn sentinel() -> String {
    static SENTINEL: OnceLock<Sentinel> = OnceLock::new();
    let sentinel = SENTINEL.get_or_init(Sentinel::start);
    format!("redis+sentinel://{}/{}", sentinel.addresses().join(","), Sentinel::MASTER)
}

live::conformance!(one => crate::any(&super::single()).await);
live::conformance_of_nodes!(one_of_nodes => (crate::any(&super::single()).await, crate::any(&super::single()).await));
live::conformance!(cluster_of_three => crate::any(&super::cluster()).await);
live::conformance_of_nodes!(cluster_of_nodes => (crate::any(&super::cluster()).await, crate::any(&super::cluster()).await));
live::conformance!(sentinels => crate::any(&super::sentinel()).await);
live::conformance_of_nodes!(sentinels_of_nodes => (crate::any(&super::sentinel()).await, crate::any(&super::sentinel()).await));

/// With another prefix there is another store: neither slots nor words pass.
#[tokio::test]
async fn a_prefix_keeps_installations_apart() {
    let mut settings = live_redis::Settings::parse(&single()).expect("a good address");
    settings.prefix = "other:".to_owned();
    let other = live_redis::RedisLive::connect(settings).await.expect("connected");
    let ours = any(&single()).await;
    let (key, topic) = (crate::key("apart"), crate::topic("apart"));
    let mut words = live::Live::subscribe(&other, &topic).await.expect("subscribe");
    ours.put(&key, "x".into(), crate::LONG).await.expect("put");
    ours.publish(&topic, "ours").await.expect("publish");
    assert_eq!(live::Live::get(&other, &key).await.expect("get"), None);
    live::Live::publish(&other, &topic, "theirs").await.expect("publish");
    assert_eq!(words.next().await, Some(live::Word::Said("theirs".to_owned())));
}
