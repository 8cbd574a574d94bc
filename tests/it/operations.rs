//! What operators ask of a running server: is it ready, and what has it done.

use std::{collections::BTreeMap, process::Command, thread, time::Duration};

use serde_json::json;

use crate::support::{
    client::{Mcp, request},
    cluster::{Cluster, DEMO, READER},
    eventually,
    server::{ALICE, Server, run},
};

fn ready(server: &Server) -> (u16, serde_json::Value) {
    let response = request(server.port, "GET", "/readyz", &[], b"");
    (response.status, response.json())
}

#[test]
fn readyz_asks_the_database_and_healthz_does_not() {
    let cluster = Cluster::new();
    cluster.sql(DEMO, READER);
    let server = Server::start(&[("DATABASE_URL", &cluster.dsn("reader", DEMO))]);
    assert_eq!(ready(&server), (200, json!({ "ready": true })));
    cluster.stop("fast");
    eventually("it is not ready", || {
        (ready(&server) == (503, json!({ "ready": false, "reason": "DATABASE_UNAVAILABLE" }))).then_some(())
    });
    assert_eq!(request(server.port, "GET", "/healthz", &[], b"").status, 200);
    cluster.start();
    eventually("it is ready again", || (ready(&server).0 == 200).then_some(()));
}

/// A process that is stopped for as long as this lives.
struct Halted(i64);

impl Halted {
    fn process(pid: i64) -> Halted {
        let halted = Halted(pid);
        halted.signal("STOP");
        halted
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.0.to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

#[test]
fn a_database_that_hangs_keeps_one_question_waiting_and_not_many() {
    let cluster = Cluster::new();
    cluster.sql(DEMO, READER);
    let server = Server::start(&[("DATABASE_URL", &cluster.dsn("reader", DEMO)), ("MCP_POOL_MAX", "1")]);
    assert_eq!(ready(&server).0, 200);
    let pid = cluster.count(DEMO, "SELECT pid::bigint FROM pg_stat_activity WHERE usename = 'reader'");
    thread::sleep(Duration::from_millis(1_100)); // the last verdict is kept for a second
    let halted = Halted::process(pid);
    let (url, port) = ("/readyz", server.port);
    let first = thread::spawn(move || request(port, "GET", url, &[], b"").status);
    thread::sleep(Duration::from_millis(300));
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                assert_eq!(ready(&server), (503, json!({ "ready": false, "reason": "DATABASE_UNAVAILABLE" })));
            });
        }
    });
    assert!(!first.is_finished(), "the first one still waits");
    drop(halted);
    assert_eq!(first.join().unwrap(), 200);
}

#[test]
fn a_full_pool_is_no_reason_to_be_taken_away() {
    let server = Server::start_with_helpers(&[("MCP_POOL_MAX", "1")]);
    assert_eq!(ready(&server).0, 200);
    let mut busy = server.alice().begin(&json!(1), "SELECT it.nap(4, 'the only connection') AS n");
    let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%the only connection%' AND pid <> pg_backend_pid()";
    eventually("the query runs", || {
        (Cluster::shared().count(crate::support::cluster::HELPERS, running) == 1).then_some(())
    });
    thread::sleep(Duration::from_millis(1_100)); // the last verdict is kept for a second
    assert_eq!(ready(&server), (200, json!({ "ready": true })));
    assert_eq!(busy.receive().status, 200);
}

/// The samples of the page, by name and labels.
fn metrics(server: &Server) -> BTreeMap<String, f64> {
    metrics_by(server, ALICE)
}

fn metrics_by(server: &Server, token: &str) -> BTreeMap<String, f64> {
    let auth = format!("Bearer {token}");
    let response = request(server.port, "GET", "/metrics", &[("Authorization", &auth)], b"");
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    let text = response.text();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap())).unwrap())
        .collect()
}

#[test]
fn metrics_count_what_was_done_and_are_for_who_has_a_token() {
    let server = Server::start(&[]);
    let response = request(server.port, "GET", "/metrics", &[], b"");
    assert_eq!((response.status, response.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(request(server.port, "POST", "/metrics", &[], b"").status, 405);

    let alice = server.alice();
    for _ in 0..3 {
        assert!(!alice.query("SELECT n FROM generate_series(1, 10) AS n").is_error);
    }
    assert!(alice.query("DROP TABLE tickets.inc").is_error);
    assert!(alice.query("SELECT 1 / 0").is_error);
    assert!(!alice.call("list_schemas", json!({})).is_error);
    assert_eq!(alice.legacy("tools/call", json!({ "name": "\"} evil 1\n" })).status, 200);

    let seen = metrics(&server);
    let value = |name: &str| seen.get(&format!("analytics_mcp_{name}")).copied().unwrap_or(f64::NAN);
    assert_eq!(value("calls_total{tool=\"query\",outcome=\"ok\"}"), 3.0, "{seen:?}");
    assert_eq!(value("calls_total{tool=\"query\",outcome=\"refused\"}"), 1.0);
    assert_eq!(value("calls_total{tool=\"query\",outcome=\"error\"}"), 1.0);
    assert_eq!(value("calls_total{tool=\"list_schemas\",outcome=\"ok\"}"), 1.0);
    assert_eq!(value("calls_total{tool=\"unknown\",outcome=\"error\"}"), 1.0);
    assert_eq!(value("failures_total{code=\"GUARD_NOT_A_QUERY\"}"), 1.0);
    assert_eq!(value("failures_total{code=\"SQL_ERROR\"}"), 1.0);
    assert_eq!(value("call_seconds_count{tool=\"query\"}"), 5.0);
    assert_eq!(value("call_seconds_bucket{tool=\"query\",le=\"+Inf\"}"), 5.0);
    assert!(value("call_seconds_sum{tool=\"query\"}") > 0.0);
    assert_eq!(value("rows_total"), 34.0, "three times ten, and the four schemas");
    assert!(value("answer_bytes_total") > 300.0);
    assert_eq!(value("sign_ins_refused_total"), 1.0);
    assert!(value("client_connections") >= 1.0);
    assert_eq!((value("ready"), value("tokens"), value("audit_failures_total")), (1.0, 2.0, 0.0));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((now - 600.0..=now).contains(&seen["process_start_time_seconds"]), "{seen:?}");
    let build = format!("build_info{{version=\"{}\",revision=", env!("CARGO_PKG_VERSION"));
    assert!(seen.keys().any(|name| name.contains(&build)), "{seen:?}");
    assert_eq!((value("calls_running"), value("database_connections_max")), (0.0, 8.0));
    assert!(value("database_connections{state=\"idle\"}") >= 1.0);
    let ours = |name: &str| name.starts_with("analytics_mcp_") || name == "process_start_time_seconds";
    assert!(seen.keys().all(|name| ours(name) && !name.contains("evil")), "{seen:?}");
    // Buckets add up.
    let buckets: Vec<f64> =
        seen.iter().filter(|(name, _)| name.contains("bucket{tool=\"query\"")).map(|(_, value)| *value).collect();
    assert_eq!(buckets.len(), 12);
    assert!(buckets.iter().all(|count| (0.0..=5.0).contains(count)));
}

#[test]
fn a_scrape_token_opens_the_metrics_and_nothing_else() {
    let scrape = "b7e2c94a6d1f03588e71c20d";
    let server = Server::start(&[("MCP_METRICS_TOKEN", scrape)]);
    assert!(metrics_by(&server, scrape).contains_key("analytics_mcp_ready"));
    for token in [ALICE, "", "b7e2c94a6d1f03588e71c20e", "b7e2c94a6d1f03588e71c20"] {
        let auth = format!("Bearer {token}");
        let response = request(server.port, "GET", "/metrics", &[("Authorization", &auth)], b"");
        assert_eq!((response.status, response.header("www-authenticate")), (401, Some("Bearer")), "{token:?}");
    }
    let not_an_analyst = Mcp::new(server.port, scrape).legacy("tools/list", json!({}));
    assert_eq!(not_an_analyst.status, 401);
}

#[test]
fn a_scrape_token_that_is_an_analysts_is_refused() {
    let refused = run(&["check"], &[("MCP_METRICS_TOKEN", ALICE)]);
    assert_eq!(refused.code, Some(78), "{}", refused.told());
    assert!(refused.stderr.contains("it is the token of alice, too"), "{}", refused.told());
    let path = std::env::temp_dir().join(format!("analytics-it-list-{}", std::process::id()));
    let scrape = "b7e2c94a6d1f03588e71c20d";
    std::fs::write(&path, format!("alice:{ALICE}")).unwrap();
    let settings =
        [("MCP_AUTH_TOKENS", ""), ("MCP_AUTH_TOKENS_FILE", path.to_str().unwrap()), ("MCP_METRICS_TOKEN", scrape)];
    let server = Server::start(&settings);
    std::fs::write(&path, format!("alice:{ALICE},bob:{scrape}")).unwrap();
    server.signal("HUP");
    server.wait_for_log("the tokens stay as they were");
    assert_eq!(Mcp::new(server.port, scrape).legacy("tools/list", json!({})).status, 401);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_scrape_token_that_can_be_guessed_is_refused() {
    for token in ["short", "with a space in it, and long"] {
        let refused = run(&["check"], &[("MCP_METRICS_TOKEN", token)]);
        assert_eq!(refused.code, Some(78), "{}", refused.told());
        assert!(
            refused.stderr.contains("MCP_METRICS_TOKEN") && refused.stderr.contains("openssl rand"),
            "{}",
            refused.told()
        );
        assert!(!refused.told().contains(token), "{}", refused.told());
    }
}

/// A full disk must not fail a call, and somebody has to learn of it.
#[test]
fn audit_lines_that_cannot_be_written_are_counted() {
    let server = Server::start_with_stdout(&[], "/dev/full");
    assert!(!server.alice().query("SELECT 1 AS n").is_error);
    assert!(metrics(&server)["analytics_mcp_audit_failures_total"] >= 1.0);
    server.wait_for_log("an audit line could not be written");
}
