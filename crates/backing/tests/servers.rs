//! Each server comes up, can be killed, paused and started again, and goes away.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use backing::{
    Nginx, PgOptions, Postgres, Program, Redis, RedisCluster, RedisOptions, Sentinel, Wire, free_port,
    wait_until,
};

#[test]
fn postgres_keeps_what_it_committed() {
    let server = Postgres::start(PgOptions { fsync: true, ..PgOptions::default() });
    let database = server.new_database();
    database.query("CREATE TABLE a (b INT); INSERT INTO a VALUES (7)").expect("made");
    server.kill9();
    assert!(database.query("SELECT b FROM a").is_err());
    server.start_again();
    assert_eq!(database.query("SELECT b FROM a").expect("there"), "7");
}

#[test]
fn redis_comes_back_empty() {
    let server = Redis::start(RedisOptions::default());
    assert_eq!(server.cli(&["set", "a", "1"]), "OK");
    server.kill9();
    server.start_again();
    assert_eq!(server.cli(&["get", "a"]), "");
}

#[test]
fn a_cluster_shares_its_slots() {
    let cluster = RedisCluster::start();
    let said: Vec<String> = cluster.masters.iter().map(|redis| redis.cli(&["set", "a", "1"])).collect();
    assert_eq!(said.iter().filter(|said| *said == "OK").count(), 1, "{said:?}");
}

#[test]
fn sentinels_name_another_master() {
    let sentinel = Sentinel::start();
    sentinel.fail_over();
    assert_eq!(sentinel.master_port(), sentinel.servers[1].port());
}

fn get(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text).filter(|text| !text.is_empty())
}

#[test]
fn nginx_answers_and_a_wire_can_be_cut() {
    let port = free_port();
    let _nginx = Nginx::start(port, &format!("server {{ listen 127.0.0.1:{port}; return 200 'hello'; }}"));
    let wire = Wire::to(port);
    assert!(get(wire.port()).expect("an answer").ends_with("hello"));
    wire.cut();
    assert_eq!(get(wire.port()), None);
    wire.mend();
    wire.stall();
    assert_eq!(get(wire.port()), None);
    wire.mend();
    assert!(get(wire.port()).is_some());
}

#[test]
fn a_program_of_ours_is_paused_stopped_killed_and_started_again() {
    let program = Program::new("sleeper", Path::new("/bin/sleep"), &["60"]);
    assert!(!program.is_running() && program.ended().is_none());
    program.start();
    assert!(program.is_running());
    program.pause();
    assert!(program.is_running() && program.ended().is_none());
    program.resume();
    program.terminate();
    assert!(wait_until(Duration::from_secs(5), || program.ended() == Some(-1)));
    program.start();
    let pid = program.pid();
    program.kill9();
    assert!(!program.is_running() && !Path::new(&format!("/proc/{pid}")).exists());
    assert!(program.folder().is_dir());
}
