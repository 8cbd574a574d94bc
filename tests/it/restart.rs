//! The database goes away and comes back. On a cluster of its own.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    client::{Answer, request},
    cluster::{Cluster, DEMO, READER},
    eventually,
    server::Server,
};

const COUNT: &str = "SELECT count(*) AS n FROM fuel.records";
const END_ALL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'reader'";

#[track_caller]
fn works(server: &Server) {
    for _ in 0..20 {
        assert_eq!(server.alice().query(COUNT).rows(), [json!({ "n": 1 })]);
    }
}

/// Four threads ask short questions while `disturb` runs, and a while longer. How often each outcome was seen.
fn under_load(server: &Server, disturb: impl FnOnce()) -> BTreeMap<String, u32> {
    let stop = AtomicBool::new(false);
    let outcomes: Mutex<BTreeMap<String, u32>> = Mutex::default();
    thread::scope(|scope| {
        for number in 0..4 {
            let (stop, outcomes) = (&stop, &outcomes);
            let client = if number % 2 == 0 { server.alice() } else { server.bob() };
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let response =
                        client.legacy("tools/call", json!({ "name": "query", "arguments": { "sql": COUNT } }));
                    assert_eq!(response.status, 200, "{}", response.text());
                    let answer = Answer::of(&response);
                    let outcome = if answer.is_error { answer.code() } else { "rows".to_owned() };
                    if outcome == "rows" {
                        assert_eq!(answer.rows(), [json!({ "n": 1 })]);
                    }
                    *outcomes.lock().unwrap().entry(outcome).or_default() += 1;
                }
            });
        }
        disturb();
        stop.store(true, Ordering::Relaxed);
    });
    outcomes.into_inner().unwrap()
}

#[track_caller]
fn only(outcomes: &BTreeMap<String, u32>, allowed: &[&str]) {
    assert!(outcomes.contains_key("rows"), "{outcomes:?}");
    assert!(outcomes.keys().all(|outcome| allowed.contains(&outcome.as_str())), "{outcomes:?}");
}

#[test]
fn the_database_may_go_and_come() {
    let cluster = Cluster::new();
    cluster.sql(DEMO, READER);
    let server = Server::start(&[("DATABASE_URL", &cluster.dsn("reader", DEMO))]);
    works(&server);

    // Sessions that an administrator ended are replaced unnoticed.
    only(&under_load(&server, || thread::sleep(Duration::from_millis(300))), &["rows"]);
    for _ in 0..3 {
        cluster.count(DEMO, END_ALL);
        works(&server);
    }
    // Ended under load: a statement that had begun is not repeated, everything else is.
    let outcomes = under_load(&server, || {
        for _ in 0..20 {
            cluster.count(DEMO, END_ALL);
            thread::sleep(Duration::from_millis(50));
        }
    });
    only(&outcomes, &["rows", "DATABASE_UNAVAILABLE"]);
    works(&server);

    // Restarts under load: every call is answered, and afterwards all succeed.
    for mode in ["fast", "immediate"] {
        let outcomes = under_load(&server, || {
            thread::sleep(Duration::from_millis(300));
            cluster.stop(mode);
            cluster.start();
            eventually("an answer after the restart", || (!server.bob().query(COUNT).is_error).then_some(()));
            thread::sleep(Duration::from_millis(300));
        });
        only(&outcomes, &["rows", "DATABASE_UNAVAILABLE", "BUSY"]);
        works(&server);
    }

    // Down: told within a bearable time, and the server itself is well.
    cluster.stop("fast");
    let began = Instant::now();
    thread::scope(|scope| {
        let asked = scope.spawn(|| server.alice().query(COUNT));
        let listed = scope.spawn(|| server.bob().call("list_schemas", json!({})));
        while !asked.is_finished() {
            assert_eq!(request(server.port, "GET", "/healthz", &[], b"").status, 200);
            thread::sleep(Duration::from_millis(100));
        }
        for answer in [asked.join().unwrap(), listed.join().unwrap()] {
            let error = answer.error();
            assert_eq!(error["code"], "DATABASE_UNAVAILABLE", "{error}");
            assert!(error["hint"].is_string(), "{error}");
            assert!(!error.to_string().contains("127.0.0.1"), "where the database is, is not for clients: {error}");
        }
    });
    assert!(began.elapsed() < Duration::from_secs(20), "told after {:?}", began.elapsed());
    assert!(!server.stderr().contains("throw-away"), "{}", server.stderr());

    cluster.start();
    eventually("the server finds the database again", || (!server.alice().query(COUNT).is_error).then_some(()));
    works(&server);
}
