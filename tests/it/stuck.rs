//! A PostgreSQL that does not answer: one process of it, or all. Frozen with SIGSTOP, which no time limit and no cancel request
//! gets past, like code that looks for no interrupt.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    client::{Answer, request},
    cluster::{Cluster, DEMO, HELPERS, READER},
    eventually,
    server::{BOB, Server},
};

/// Processes that do nothing until this is dropped.
struct Frozen(Vec<String>);

impl Frozen {
    fn new(pids: Vec<String>) -> Frozen {
        signal("STOP", &pids);
        Frozen(pids)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("CONT", &self.0);
    }
}

fn signal(name: &str, pids: &[String]) {
    assert!(Command::new("kill").arg(format!("-{name}")).args(pids).status().unwrap().success());
}

/// The process that runs a statement with this text.
fn process(part: &str) -> String {
    let sql = format!(
        "SELECT coalesce(max(pid), 0)::bigint FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%{part}%'"
    );
    eventually("the statement runs", || {
        let pid = Cluster::shared().count(HELPERS, &sql);
        (pid > 0).then(|| pid.to_string())
    })
}

fn metrics(server: &Server) -> String {
    let authorization = format!("Bearer {BOB}");
    request(server.port, "GET", "/metrics", &[("Authorization", &authorization)], b"").text()
}

#[test]
fn a_statement_that_cannot_be_interrupted_costs_its_analyst_one_place_and_nobody_else() {
    let server = Server::start_with_helpers(&[
        ("MCP_STATEMENT_TIMEOUT", "3s"),
        ("MCP_MAX_PER_ANALYST", "1"),
        ("MCP_POOL_MAX", "1"),
    ]);
    let mut call = server.alice().begin(&json!(1), "SELECT it.nap(50, 'frozen one')");
    let pid = process("frozen one");
    let frozen = Frozen::new(vec![pid.clone()]);
    let error = Answer::of(&call.receive()).error();
    assert_eq!(error["code"], "TIMEOUT", "{error}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("cannot interrupt")), "{error}");
    assert_eq!(process("frozen one"), pid, "it goes on in PostgreSQL");

    // Her place is taken, and nobody else notices; the only session of the pool has been replaced.
    assert_eq!(server.alice().query("SELECT 1 AS n").code(), "BUSY");
    for _ in 0..5 {
        assert_eq!(server.bob().query("SELECT 1 AS n").rows(), [json!({ "n": 1 })]);
    }
    assert_eq!(request(server.port, "GET", "/readyz", &[], b"").status, 200);
    let stuck = format!("analytics_mcp_stuck_statement_seconds{{analyst=\"alice\",process_id=\"{pid}\"}}");
    assert!(metrics(&server).contains(&stuck), "{}", metrics(&server));
    server.wait_for_log(&format!("pg_terminate_backend({pid})"));

    drop(frozen);
    let rows = eventually("her place is free again", || {
        let answer = server.alice().query("SELECT 1 AS n");
        (!answer.is_error).then(|| answer.rows())
    });
    assert_eq!(rows, [json!({ "n": 1 })]);
    assert!(!metrics(&server).contains(&stuck), "{}", metrics(&server));
    server.wait_for_log(&format!("PostgreSQL process {pid} has ended"));
}

#[test]
fn a_hang_up_is_answered_to_even_when_postgresql_does_not() {
    let server = Server::start_with_helpers(&[("MCP_STATEMENT_TIMEOUT", "50s"), ("MCP_POOL_MAX", "1")]);
    let call = server.alice().begin(&json!(1), "SELECT it.nap(50, 'frozen two')");
    let _frozen = Frozen::new(vec![process("frozen two")]);
    call.hang_up();
    let line = server
        .audit("the call that was given up", |line| line["sql"].as_str().is_some_and(|sql| sql.contains("frozen two")));
    assert_eq!(line["code"], "CANCELLED", "{line}");
    assert_eq!(server.bob().query("SELECT 1 AS n").rows(), [json!({ "n": 1 })], "the pool has its session back");
}

/// Every process of the cluster is frozen: connections are accepted by the kernel, and then nothing comes.
#[test]
fn a_silent_database_delays_neither_the_first_request_nor_the_stop() {
    let cluster = Cluster::new();
    cluster.sql(DEMO, READER);
    let dsn = cluster.dsn("reader", DEMO);
    let mut server = Server::start(&[("DATABASE_URL", &dsn), ("MCP_READABLE_SCHEMAS", "fuel")]);
    assert_eq!(server.alice().query("SELECT n FROM fuel.records").rows(), [json!({ "n": 7 })]);
    let postmaster = fs::read_to_string(cluster.dir().join("data/postmaster.pid")).unwrap();
    let postmaster = postmaster.lines().next().unwrap().to_owned();
    let children = Command::new("pgrep").args(["-P", &postmaster]).output().unwrap().stdout;
    let children = String::from_utf8(children).unwrap();
    let all = children.lines().map(str::to_owned).chain([postmaster.clone()]).collect();
    let frozen = Frozen::new(all);

    let began = Instant::now();
    let initialized = server.alice().legacy("initialize", json!({ "protocolVersion": "2025-11-25" }));
    assert_eq!(initialized.status, 200);
    assert!(initialized.json()["result"]["instructions"].as_str().is_some_and(|text| text.contains("list_tables")));
    assert!(began.elapsed() < Duration::from_secs(4), "a client gives up: {:?}", began.elapsed());

    // Calls under way, one of them given up by its client, and a stop that has to cancel them.
    let _waiting = server.alice().begin(&json!(1), "SELECT count(*) FROM fuel.records");
    server.bob().begin(&json!(1), "SELECT count(*) FROM fuel.records").hang_up();
    let began = Instant::now();
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(began.elapsed() < Duration::from_secs(10), "docker stop would have killed it: {:?}", began.elapsed());
    drop(frozen);
}

#[test]
fn a_call_that_waits_for_its_place_can_be_cancelled() {
    let server = Server::start_with_helpers(&[("MCP_MAX_PER_ANALYST", "1")]);
    let alice = server.alice();
    let mut first = alice.begin(&json!(1), "SELECT it.nap(2, 'holds the place') AS n");
    process("holds the place");
    let mut second = alice.begin(&json!(2), "SELECT it.nap(0, 'must not run') AS n");
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 2 } });
    // Until it has arrived, there is nothing to cancel: again and again.
    let line = eventually("the second call ends", || {
        assert_eq!(alice.post(&[], &cancel).status, 202);
        let lines = server.stdout();
        let mut lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["sql"].as_str().is_some_and(|sql| sql.contains("must not run")))
    });
    assert_eq!(line["code"], "CANCELLED", "{line}");
    assert_eq!(Answer::of(&second.receive()).code(), "CANCELLED");
    assert_eq!(Answer::of(&first.receive()).rows(), [json!({ "n": 1 })]);
}
