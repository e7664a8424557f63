//! A start that cannot go well is refused: exit code 1 and one sentence that names the setting to change.

use backing::{PgOptions, Postgres, Redis, RedisOptions, Wire};
use testkit::{Run, Server, Setup};

/// One node on PostgreSQL and Redis, not started.
fn node(setup: Setup) -> Server {
    setup.prepare()
}

/// Refused, in words that a person can act on.
#[track_caller]
fn says(run: &Run, words: &[&str]) {
    assert_eq!(run.code, 1, "{run:?}");
    let said = run.err.trim();
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
    assert!(said.lines().count() <= 2, "more than a sentence: {said}");
    assert!(!said.contains("panicked") && !said.contains("only-for-tests"), "{said}");
    println!("{said}");
}

fn refused(setup: Setup, words: &[&str]) {
    says(&node(setup).nodes[0].try_serve(), words);
}

fn redis(extra: Vec<(&'static str, String)>) -> Redis {
    Redis::start(RedisOptions { extra, tls: false })
}

#[test]
fn a_postgres_that_cannot_be_used_is_named() {
    let one = || Setup::cluster(1);
    let postgres = Postgres::shared();
    let nowhere = backing::free_port();
    refused(one().set("database.url", postgres.url_at(nowhere, "latchbolt")), &["database.url"]);
    let wrong = postgres.url("postgres").replace(postgres.password(), "a-wrong-one");
    refused(one().set("database.url", wrong), &["password", "database."]);
    refused(
        one().set("database.url", postgres.url("no_such_database")),
        &["database.url", "no_such_database"],
    );

    // Too old: the same server, which lies about its number.
    let number = postgres.query("postgres", "SHOW server_version_num").unwrap();
    let version = postgres.query("postgres", "SHOW server_version").unwrap();
    let old_number = format!("13{}", &number[2..]);
    let old_version = format!("13{}", &version[2..]);
    let wire = Wire::lying(postgres.port(), &[(&number, &old_number), (&version, &old_version)]);
    let database = postgres.new_database();
    refused(
        one().set("database.url", postgres.url_at(wire.port(), database.name())),
        &["14", "database.url"],
    );

    // Read-only, as a replica is.
    let database = postgres.new_database();
    database
        .query(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()))
        .unwrap();
    refused(one().set("database.url", database.url()), &["only reads", "database.url"]);

    let latin = format!("latin_{}", std::process::id());
    postgres
        .query(
            "postgres",
            &format!("CREATE DATABASE {latin} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"),
        )
        .unwrap();
    refused(one().set("database.url", postgres.url(&latin)), &["UTF8", "database.url"]);
}

#[test]
fn a_standby_of_postgres_is_refused() {
    let postgres = Postgres::start(PgOptions::default());
    let database = postgres.new_database();
    postgres.make_standby();
    let url = database.url();
    refused(Setup::cluster(1).set("database.url", url), &["standby", "database.url"]);
}

#[test]
fn a_redis_that_cannot_be_used_is_named() {
    let one = || Setup::cluster(1);
    let nowhere = backing::free_port();
    refused(one().set("live.url", format!("redis://127.0.0.1:{nowhere}")), &["live.url"]);

    let locked = redis(vec![("requirepass", "only-for-tests".to_owned())]);
    refused(one().set("live.url", locked.url()), &["live.password"]);
    refused(one().set("live.url", locked.url()).set("live.password", "a-wrong-one"), &["live.password"]);

    let evicts =
        redis(vec![("maxmemory", "64mb".to_owned()), ("maxmemory-policy", "allkeys-lru".to_owned())]);
    refused(one().set("live.url", evicts.url()), &["noeviction", "live.url"]);

    let master = redis(Vec::new());
    let replica = redis(vec![("replicaof", format!("127.0.0.1 {}", master.port()))]);
    assert!(backing::wait_until(std::time::Duration::from_secs(10), || {
        replica.cli(&["info", "replication"]).contains("master_link_status:up")
    }));
    refused(one().set("live.url", replica.url()), &["replica", "live.url"]);

    let info = master.cli(&["info", "server"]);
    let version =
        info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap().trim().to_owned();
    let old = format!("5{}", &version[1..]);
    let wire = Wire::lying(master.port(), &[(&version, &old)]);
    refused(one().set("live.url", format!("redis://127.0.0.1:{}", wire.port())), &["6.2", "live.url"]);

    let cluster = backing::RedisCluster::start();
    refused(one().set("live.url", cluster.masters[0].url()), &["cluster", "live.url"]);
    let single = format!("redis+cluster://127.0.0.1:{}", master.port());
    refused(one().set("live.url", single), &["cluster", "live.url"]);
}

#[test]
fn nodes_that_do_not_agree_do_not_start() {
    let first = node(Setup::cluster(2));
    let made = first.command(&["keys", "list", "--json"]);
    assert_eq!(made.code, 0, "{made:?}");
    let text = std::fs::read_to_string(first.nodes[1].config()).unwrap();
    let other = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        std::fs::write(first.nodes[1].config(), text.replace(from, to)).unwrap();
        first.nodes[1].try_serve()
    };
    // Whoever starts first says who the issuer is.
    says(&other(&first.issuer, "https://another.example.org"), &["issuer", "--adopt-issuer", "issuer.url"]);
    let key = text.lines().find(|line| line.starts_with("wrapping_key")).unwrap();
    let wrong = format!("wrapping_key = \"{}=\"", testkit::b64(&testkit::random::<32>()));
    says(&other(key, &wrong), &["wrapping key", "keys."]);
    let nothing = other(&format!("{key}\n"), "");
    says(&nothing, &["wrapping"]);

    // Another installation has the same part of the same Redis.
    let prefix =
        text.lines().find(|line| line.starts_with("prefix")).unwrap().split('"').nth(1).unwrap().to_owned();
    says(&node(Setup::cluster(1).set("live.prefix", prefix.as_str())).nodes[0].try_serve(), &["live.prefix"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_can_be_moved_on_purpose() {
    let mut server = Setup::cluster(2).start().await;
    server.kill();
    let text = std::fs::read_to_string(server.config()).unwrap();
    let moved = text.replace(&server.issuer, "http://localhost:1");
    for node in &server.nodes {
        let own = std::fs::read_to_string(node.config()).unwrap();
        std::fs::write(node.config(), own.replace(&server.issuer, "http://localhost:1")).unwrap();
    }
    assert_ne!(text, moved);
    says(&server.nodes[0].try_serve(), &["issuer"]);
    let _ = server.command(&["migrate", "--adopt-issuer"]).done();
    server.run_again().await;
}

/// The name of the last migration of PostgreSQL, as its file has it.
fn newest_migration() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres");
    let names =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    names.max().unwrap().trim_end_matches(".sql").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_of_other_times_are_told_apart() {
    // Empty, and nobody may change it.
    let postgres = Postgres::shared();
    let empty = postgres.new_database();
    let setup = || Setup::cluster(1).set("database.url", empty.url());
    let never = node(setup().set("database.migrate", "never"));
    says(&never.nodes[0].try_serve(), &["latchbolt migrate"]);
    let check = never.command(&["migrate", "--check"]);
    assert_eq!(check.code, 1, "{check:?}");
    assert!(check.err.contains("latchbolt migrate"), "{check:?}");
    assert_eq!(empty.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").unwrap(), "0");
    let _ = never.command(&["migrate"]).done();
    assert_eq!(never.command(&["migrate", "--check"]).code, 0);
    let _ = never.command(&["migrate"]).done();

    // Older by one: what is missing is named, and nothing is done about it.
    let table = empty
        .query(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE '%migrations%'",
        )
        .unwrap();
    let columns = empty
        .query(&format!(
            "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns
              WHERE table_name = '{table}'"
        ))
        .unwrap();
    let number = columns.split(',').next().unwrap().to_owned();
    let last = format!("WHERE {number} = (SELECT max({number}) FROM {table})");
    empty
        .query(&format!("CREATE TABLE kept AS SELECT * FROM {table} {last}; DELETE FROM {table} {last}"))
        .unwrap();
    let missing = newest_migration();
    let check = never.command(&["migrate", "--check"]);
    assert_eq!(check.code, 1, "{check:?}");
    assert!(format!("{}{}", check.out, check.err).contains(&missing), "{check:?}");
    says(&never.nodes[0].try_serve(), &[&missing, "latchbolt migrate", "database.migrate"]);
    empty.query(&format!("INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept")).unwrap();
    let mut never = never;
    never.run_again().await;

    // From the future: a node that runs goes on, one that starts does not.
    let values: Vec<String> = columns
        .split(',')
        .map(|name| match name {
            "version" | "number" => "9999".to_owned(),
            "description" | "name" => "'from_the_future'".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    empty
        .query(&format!("INSERT INTO {table} ({columns}) SELECT {} FROM {table} LIMIT 1", values.join(",")))
        .unwrap();
    let page = never.browser().follow("/login").await;
    assert!(page.status() < 500, "{}", page.status());
    assert_eq!(never.nodes[0].ready().await, Some(200), "a running node minds a newer schema");
    never.kill();
    says(&never.nodes[0].try_serve(), &["newer"]);
    assert_eq!(never.command(&["migrate", "--check"]).code, 1);
}
