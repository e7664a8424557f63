//! What is wrong at the start is said in one sentence that names the setting.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use backing::{Redis, RedisOptions, Sentinel, free_port};
use live_redis::{Password, RedisLive, Settings};

use crate::refused;

fn settings(url: &str) -> Settings {
    Settings::parse(url).expect("a good address")
}

fn redis(extra: Vec<(&'static str, String)>) -> Redis {
    Redis::start(RedisOptions { extra, tls: false })
}

#[tokio::test]
async fn nobody_there_and_nobody_answering() {
    let sentence = refused(settings(&format!("redis://127.0.0.1:{}", free_port()))).await;
    assert!(
        sentence.starts_with("live.url: Redis at 127.0.0.1:") && sentence.contains("refused"),
        "{sentence}"
    );
    let silent = TcpListener::bind("127.0.0.1:0").expect("bound");
    let since = Instant::now();
    let sentence = refused(settings(&format!("redis://{}", silent.local_addr().expect("an address")))).await;
    assert!(sentence.contains("does not answer in time") || sentence.contains("timed out"), "{sentence}");
    assert!(since.elapsed() < Duration::from_secs(2));
    let sentence = refused(settings("redis://no-such-host.invalid")).await;
    assert!(sentence.contains("no-such-host.invalid:6379"), "{sentence}");
}

#[tokio::test]
async fn a_wrong_or_missing_password() {
    let server = redis(vec![("requirepass", "hush".to_owned())]);
    let sentence = refused(settings(&server.url())).await;
    assert!(sentence.starts_with("live.password") && sentence.contains("wants a password"), "{sentence}");
    let mut wrong = settings(&server.url());
    wrong.password = Some(Password::new("hushhush"));
    let sentence = refused(wrong).await;
    assert!(
        sentence.starts_with("live.password") && sentence.contains("refuses user `default`"),
        "{sentence}"
    );
    let mut right = settings(&server.url());
    right.password = Some(Password::new("hush"));
    RedisLive::connect(right).await.expect("connected");
    let in_the_url = format!("redis://:hush@127.0.0.1:{}", server.port());
    RedisLive::connect(settings(&in_the_url)).await.expect("connected");
}

/// Each right that is needed is missed with its name; with all of them, and no more, everything works.
#[tokio::test]
async fn a_user_without_a_right_that_is_needed() {
    const RIGHTS: [&str; 14] = [
        "+ping",
        "+info",
        "+get",
        "+set",
        "+getdel",
        "+getrange",
        "+incrby",
        "+pttl",
        "+pexpire",
        "+eval",
        "+evalsha",
        "+publish",
        "+subscribe",
        "~latchbolt:*",
    ];
    let server = redis(vec![]);
    let url = format!("redis://app:hush@127.0.0.1:{}", server.port());
    let user = |rights: &[&str]| {
        let mut words = vec!["acl", "setuser", "app", "reset", "on", ">hush"];
        words.extend(rights);
        assert_eq!(server.cli(&words), "OK");
    };
    for missing in RIGHTS {
        let mut rights: Vec<&str> = RIGHTS.into_iter().filter(|right| *right != missing).collect();
        rights.push("&latchbolt:*");
        user(&rights);
        let sentence = refused(settings(&url)).await;
        assert!(sentence.starts_with("live.username") && sentence.contains("user `app`"), "{sentence}");
        let name = missing.trim_start_matches('+').to_uppercase();
        let is_named = sentence.to_uppercase().contains(&name);
        assert!(is_named, "{missing}: {sentence}");
    }
    user(&RIGHTS);
    assert!(refused(settings(&url)).await.contains("SUBSCRIBE"), "no right to the channel");
    let mut rights = RIGHTS.to_vec();
    rights.push("&latchbolt:*");
    user(&rights);
    RedisLive::connect(settings(&url)).await.expect("connected");
    // The rights end where the prefix ends.
    let mut elsewhere = settings(&url);
    elsewhere.prefix = "elsewhere:".to_owned();
    assert!(refused(elsewhere).await.contains("live.prefix"));
}

#[tokio::test]
async fn a_server_that_drops_keys() {
    let server =
        redis(vec![("maxmemory", "100mb".to_owned()), ("maxmemory-policy", "allkeys-lru".to_owned())]);
    let sentence = refused(settings(&server.url())).await;
    assert!(sentence.contains("noeviction") && sentence.contains("allkeys-lru"), "{sentence}");
    let _ = server.cli(&["config", "set", "maxmemory-policy", "noeviction"]);
    RedisLive::connect(settings(&server.url())).await.expect("connected");
    let unlimited = redis(vec![("maxmemory-policy", "allkeys-lru".to_owned())]);
    RedisLive::connect(settings(&unlimited.url())).await.expect("connected: it has no limit to reach");
}

#[tokio::test]
async fn a_replica() {
    let master = redis(vec![]);
    let replica = redis(vec![("replicaof", format!("127.0.0.1 {}", master.port()))]);
    let sentence = refused(settings(&replica.url())).await;
    assert!(sentence.contains("read-only replica"), "{sentence}");
}

#[tokio::test]
async fn a_cluster_where_one_server_is_named_and_the_reverse() {
    let cluster = crate::suite::cluster();
    let first = cluster.trim_start_matches("redis+cluster://").split(',').next().expect("a host").to_owned();
    let sentence = refused(settings(&format!("redis://{first}"))).await;
    assert!(sentence.contains("redis+cluster://"), "{sentence}");
    let server = redis(vec![]);
    let sentence = refused(settings(&format!("redis+cluster://127.0.0.1:{}", server.port()))).await;
    assert!(sentence.contains("single server"), "{sentence}");
}

#[tokio::test]
async fn sentinels_that_know_no_such_master_and_a_sentinel_as_a_server() {
    let sentinel = Sentinel::start();
    let hosts = sentinel.addresses();
    let sentence = refused(settings(&format!("redis+sentinel://{}/nobody", hosts.join(",")))).await;
    assert!(sentence.contains("knows no master `nobody`"), "{sentence}");
    let sentence = refused(settings(&format!("redis://{}", hosts[0]))).await;
    assert!(sentence.contains("redis+sentinel://"), "{sentence}");
}

#[tokio::test]
async fn a_prefix_that_would_not_be_one() {
    for prefix in ["a{b", "a b", "a*", "a\n"] {
        let mut settings = settings("redis://127.0.0.1:1");
        settings.prefix = prefix.to_owned();
        assert!(refused(settings).await.starts_with("live.prefix"), "{prefix}");
    }
}

/// A server that says what it is told to, for versions that Debian does not have.
fn pretender(knows_hello: bool, version: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut answers) = stream else { return };
            let Ok(questions) = answers.try_clone() else { return };
            let mut lines = BufReader::new(questions).lines().map_while(Result::ok);
            // A command is `*<n>`, then for each word its length and itself.
            while let Some(count) = lines.next().and_then(|line| line.strip_prefix('*')?.parse().ok()) {
                let words: Vec<String> = (0..count).filter_map(|_| lines.nth(1)).collect();
                let info = format!(
                    "# Server\r\nredis_version:{version}\r\nredis_mode:standalone\r\nrole:master\r\n"
                );
                let answer = match words.first().map(|word| word.to_uppercase()).as_deref() {
                    Some("HELLO") if knows_hello => "%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n".to_owned(),
                    Some("INFO") => format!("${}\r\n{info}\r\n", info.len()),
                    Some(word) => format!("-ERR unknown command `{word}`, with args beginning with:\r\n"),
                    None => return,
                };
                if answers.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    url
}

#[tokio::test]
async fn a_server_that_is_too_old() {
    let sentence = refused(settings(&pretender(true, "6.0.16"))).await;
    assert!(sentence.contains("6.0.16") && sentence.contains("6.2 is the oldest"), "{sentence}");
    let sentence = refused(settings(&pretender(false, "5.0.3"))).await;
    assert!(sentence.contains("6.2 is the oldest"), "{sentence}");
}

/// Something that is not Redis at all.
#[tokio::test]
async fn something_that_is_not_redis() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        }
    });
    assert!(refused(settings(&url)).await.starts_with("live.url"));
}

#[tokio::test]
async fn a_database_that_is_not_there() {
    let server = redis(vec![("databases", "2".to_owned())]);
    RedisLive::connect(settings(&format!("{}/1", server.url()))).await.expect("connected");
    assert!(refused(settings(&format!("{}/7", server.url()))).await.contains("no database"));
}
