//! A full disk: refused clearly, nothing acknowledged lost, and on it goes when there is room again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use backing::{PgOptions, Postgres};
use testkit::{Kind, Setup};

use crate::given::{Scene, becomes};

/// A small file system of its own.
struct Small(PathBuf);

impl Small {
    /// # Panics
    /// When nothing may be mounted here.
    fn mount(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=0755"), "latchbolt-test"])
            .arg(&folder)
            .output();
        let why = match &done {
            Ok(done) if done.status.success() => return Self(folder),
            Ok(done) => String::from_utf8_lossy(&done.stderr).into_owned(),
            Err(why) => why.to_string(),
        };
        panic!("this test needs a small file system and may not mount one; run it as root: {why}")
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&ballast).unwrap();
        for size in [1_048_576, 65_536, 4_096, 512] {
            let bytes = vec![b'x'; size];
            while file.write_all(&bytes).is_ok() {}
        }
        ballast
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_212_a_full_disk_under_sqlite_is_said_and_gone_through() {
    let small = Small::mount("12m");
    let database = small.path().join("latchbolt.db");
    let setup = Setup::one_node()
        .set("database.url", format!("sqlite:{}", database.display()))
        .set("limits.off", true);
    let mut scene = Scene::with(setup).await;
    let phone = scene.server.phone("ada", &scene.password, Kind::App).await;
    let (browser, tokens) = scene.signed_in().await;
    let ballast = small.fill();

    // Sign-ins go on until the log of writes is at its end, then they are refused; whoever was told yes stays in.
    let mut acknowledged = vec![browser];
    let mut refusals = 0;
    for _ in 0..400 {
        let visitor = scene.server.browser();
        let page = visitor.follow(&scene.shop.start().url).await;
        if page.status() != 200 {
            crate::given::come_back(&page.answer);
            refusals += 1;
        } else {
            let form = page.form("login").with("username", "ada").with("password", &scene.password);
            let answer = visitor.submit_once(&page, &form).await;
            if answer.status == 303 {
                acknowledged.push(visitor);
            } else {
                crate::given::come_back(&answer);
                refusals += 1;
            }
        }
        if refusals >= 3 {
            break;
        }
        let _ = small.fill();
    }
    assert!(refusals >= 3, "{} sign-ins and no refusal on a full disk", acknowledged.len());
    println!("a full disk: {} sign-ins were acknowledged, then refused", acknowledged.len());
    // What only reads goes on.
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 200);
    for target in ["/jwks", "/.well-known/openid-configuration", "/healthz"] {
        let answer = scene.server.browser().send(testkit::wire::Request::get(target)).await;
        assert_eq!(answer.status, 200, "{target}");
    }

    std::fs::remove_file(&ballast).unwrap();
    becomes("room again: sign-ins work", Duration::from_secs(5), async || {
        let visitor = scene.server.browser();
        let page = visitor.follow(&scene.shop.start().url).await;
        if page.find_form("login").is_none() {
            return false;
        }
        let form = page.form("login").with("username", "ada").with("password", &scene.password);
        visitor.submit_once(&page, &form).await.status == 303
    })
    .await;
    let login = scene.shown().await;
    login.finish(&phone, &scene.shop).await;
    // Also after a crash nothing acknowledged is missing.
    scene.server.kill();
    scene.server.run_again().await;
    for visitor in &acknowledged {
        visitor.hang_up();
        assert!(scene.silently(visitor).await.query("code").is_some(), "an acknowledged session is lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_212_a_full_disk_under_postgres_is_said_and_gone_through() {
    let small = Small::mount("120m");
    let extra = vec![("min_wal_size", "'32MB'".to_owned()), ("max_wal_size", "'48MB'".to_owned())];
    let postgres = Postgres::start_in(small.path(), PgOptions { fsync: true, max_connections: 60, extra });
    let database = postgres.new_database();
    let setup = Setup::cluster(2).set("database.url", database.url()).set("limits.off", true);
    let mut scene = Scene::with(setup).await;
    let phone = scene.phone().await;
    let (browser, tokens) = scene.signed_in().await;
    // Room for what is written is taken a page at a time: fill it up with something else of the database's own.
    let ballast = small.fill();
    let _ = database
        .query("CREATE TABLE filler AS SELECT repeat('x', 1000) AS t FROM generate_series(1, 100000)");

    let mut acknowledged = vec![browser];
    let mut refusals = 0;
    for _ in 0..400 {
        let _ = small.fill();
        let visitor = scene.server.browser();
        let page = visitor.follow(&scene.shop.start().url).await;
        let answer = if page.status() == 200 {
            let form = page.form("login").with("username", "ada").with("password", &scene.password);
            visitor.submit_once(&page, &form).await
        } else {
            page.answer
        };
        if answer.status == 303 {
            acknowledged.push(visitor);
        } else {
            crate::given::come_back(&answer);
            refusals += 1;
        }
        if refusals >= 3 {
            break;
        }
        // What sign-ins alone would take hours for.
        let _ = database.query("INSERT INTO filler SELECT repeat('y', 1000) FROM generate_series(1, 20000)");
    }
    println!(
        "PostgreSQL on a full disk: {} sign-ins were acknowledged, {refusals} refused",
        acknowledged.len()
    );
    assert!(refusals >= 3, "{} sign-ins and no refusal on a full disk", acknowledged.len());
    for target in ["/jwks", "/.well-known/openid-configuration", "/healthz"] {
        let answer = scene.server.browser().send(testkit::wire::Request::get(target)).await;
        assert_eq!(answer.status, 200, "{target}");
    }

    std::fs::remove_file(&ballast).unwrap();
    // Where its log was full the server starts itself again.
    assert!(backing::wait_until(Duration::from_secs(30), || {
        if postgres.query("postgres", "CREATE TABLE room (a INT); DROP TABLE room").is_ok() {
            return true;
        }
        postgres.start_if_ended();
        false
    }));
    becomes("room again: sign-ins work", Duration::from_secs(5), async || {
        let visitor = scene.server.browser();
        let page = visitor.follow(&scene.shop.start().url).await;
        if page.find_form("login").is_none() {
            return false;
        }
        let form = page.form("login").with("username", "ada").with("password", &scene.password);
        visitor.submit_once(&page, &form).await.status == 303
    })
    .await;
    for visitor in &acknowledged {
        assert!(scene.silently(visitor).await.query("code").is_some(), "an acknowledged session is lost");
    }
    assert_eq!(scene.shop.userinfo(&tokens.access_token).await.status, 200);
    scene.shown().await.finish(&phone, &scene.shop).await;
    scene.server.kill();
}
