//! Nothing that an analyst sends hangs, outlives its client, fills memory or keeps others out.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    client::{Answer, Connection, Mcp, request},
    cluster::{Cluster, HELPERS},
    eventually,
    random::Random,
    server::Server,
};

/// Hours of work without disk or locks.
const ENDLESS: &str = "SELECT count(*) AS n FROM generate_series(1, 100000) AS a, generate_series(1, 100000) AS b, generate_series(1, 100000) AS c";

/// How many statements PostgreSQL is running in which this text occurs.
fn running(part: &str) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%{part}%'"
    );
    Cluster::shared().count(HELPERS, &sql)
}

#[track_caller]
fn wait_until_running(part: &str, count: i64) {
    eventually(&format!("{count} running of {part}"), || (running(part) == count).then_some(()));
}

/// Begins naps one after the other, each running before the next begins.
fn naps(client: &Mcp, count: usize, seconds: u32, name: &str) -> Vec<Connection> {
    (1..=count)
        .map(|number| {
            let name = format!("{name} {number} of {count}");
            let connection = client.begin(&json!(name), &format!("SELECT it.nap({seconds}, '{name}') AS n"));
            wait_until_running(&name, 1);
            connection
        })
        .collect()
}

#[test]
fn a_hang_up_ends_the_query_in_the_database() {
    let server = Server::start_with_helpers(&[]);
    for (part, sql) in [
        ("left alone", "SELECT it.nap(50, 'left alone')"),
        ("busy without end", &*format!("{ENDLESS} WHERE 'busy without end' <> ''")),
    ] {
        let connection = server.alice().begin(&json!(1), sql);
        wait_until_running(part, 1);
        let began = Instant::now();
        connection.hang_up();
        eventually("the query ends", || (running(part) == 0).then_some(()));
        assert!(began.elapsed() < Duration::from_secs(20), "it ended by itself: {:?}", began.elapsed());
        let line =
            server.audit("the cancelled call", |line| line["sql"].as_str().is_some_and(|sql| sql.contains(part)));
        assert_eq!(line["code"], "CANCELLED", "{line}");
    }
    assert_eq!(server.alice().query("SELECT 1 AS n").rows(), [json!({ "n": 1 })]);
}

#[test]
fn a_cancel_notification_ends_that_analysts_call_and_no_other() {
    let server = Server::start_with_helpers(&[]);
    let cancel = |client: &Mcp, id: Value| {
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
        assert_eq!(client.post(&[], &note).status, 202);
    };
    let (alice, bob) = (server.alice(), server.bob());
    let mut hers = alice.begin(&json!(1), "SELECT it.nap(50, 'cancel me') AS n");
    let mut other = alice.begin(&json!("1"), "SELECT it.nap(5, 'alice keeps this') AS n");
    let mut his = bob.begin(&json!(1), "SELECT it.nap(5, 'bob keeps this') AS n");
    for name in ["cancel me", "alice keeps this", "bob keeps this"] {
        wait_until_running(name, 1);
    }
    for id in [json!(2), json!("2"), json!(null), json!([1]), json!({ "a": 1 })] {
        cancel(&alice, id);
    }
    assert_eq!(running("cancel me"), 1, "no other id ends it");
    cancel(&alice, json!(1));
    let answer = Answer::of(&hers.receive());
    assert_eq!(answer.code(), "CANCELLED", "{:?}", answer.texts);
    assert_eq!(running("cancel me"), 0);
    assert_eq!(Answer::of(&other.receive()).rows(), [json!({ "n": 1 })], "the id \"1\" is another one");
    assert_eq!(Answer::of(&his.receive()).rows(), [json!({ "n": 1 })], "bob's call with the same id");
}

#[test]
fn a_query_that_takes_too_long_is_ended_with_advice() {
    let server = Server::start_with_helpers(&[("MCP_STATEMENT_TIMEOUT", "1s")]);
    let endless_rows =
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT 1 FROM r WHERE n > 0) SELECT count(*) FROM r";
    for sql in [ENDLESS, "SELECT it.nap(50)", endless_rows] {
        let error = server.alice().query(sql).error();
        assert_eq!((&error["code"], &error["sqlstate"]), (&json!("TIMEOUT"), &json!("57014")), "{sql}: {error}");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("narrow")), "{error}");
    }
    // Rows that keep coming do not start the clock anew.
    let error = server.alice().query("SELECT n, it.nap(0.05) FROM generate_series(1, 100000) AS n").error();
    assert_eq!(error["code"], "TIMEOUT", "{error}");
    assert_eq!(server.alice().query("SELECT 1 AS n").rows(), [json!({ "n": 1 })]);
}

/// The most memory that the server has had, in MiB.
fn peak_mib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

#[test]
fn large_values_and_many_rows_stay_within_the_byte_cap_and_out_of_memory() {
    let server = Server::start_with_helpers(&[("MCP_MAX_ROWS", "1000000"), ("MCP_MAX_PER_ANALYST", "8")]);
    assert!(!server.alice().query("SELECT 1").is_error);
    let idle = peak_mib(&server);
    let large = [
        "SELECT repeat('x', 100000000) AS v",
        "SELECT repeat('x', 100000000)::bytea AS v",
        "SELECT repeat('x', 20000000) AS v FROM generate_series(1, 20)",
        "SELECT n, repeat('x', 1000) AS v FROM generate_series(1, 1000000) AS n",
        "SELECT n FROM generate_series(1, 1000000) AS n",
        "SELECT array_agg(n) AS v FROM generate_series(1, 2000000) AS n",
        "SELECT string_agg(repeat(E'\\x01', 1000), '') AS v FROM generate_series(1, 20000) AS n",
        "SELECT * FROM reporting.v_trips AS a, reporting.v_trips AS b",
    ];
    std::thread::scope(|scope| {
        for sql in large {
            let server = &server;
            scope.spawn(move || {
                for format in ["json", "csv"] {
                    let answer =
                        server.alice().call("query", json!({ "sql": sql, "max_rows": 1_000_000, "format": format }));
                    if answer.is_error {
                        // Eight at once on a small machine: the time limit and the pool may speak first.
                        let code = answer.code();
                        assert!(["TIMEOUT", "BUSY"].contains(&code.as_str()), "{sql}: {:?}", answer.texts);
                        continue;
                    }
                    let bytes: usize = answer.texts.iter().map(String::len).sum();
                    assert!(bytes <= 131_072, "{sql}: {bytes}");
                    let about: Value = serde_json::from_str(answer.texts.last().unwrap()).unwrap();
                    assert_eq!((&about["truncated"], &about["truncated_by"]), (&json!(true), &json!("bytes")), "{sql}");
                }
            });
        }
    });
    let peak = peak_mib(&server);
    assert!(peak < idle + 64, "{idle} MiB idle, {peak} MiB at the peak");
    // Longer than PostgreSQL itself can make: its own error, and the server goes on.
    let error = server.alice().query("SELECT repeat('x', 2000000000) AS v").error();
    assert_eq!(error["code"], "SQL_ERROR", "{error}");
    assert_eq!(server.alice().query("SELECT 1 AS n").rows(), [json!({ "n": 1 })]);
}

/// PostgreSQL quotes the whole value in its error.
#[test]
fn an_error_that_quotes_a_huge_value_comes_as_its_beginning_and_costs_no_memory() {
    let server = Server::start_with_helpers(&[]);
    assert!(!server.alice().query("SELECT 1").is_error);
    let idle = peak_mib(&server);
    std::thread::scope(|scope| {
        for (client, type_name) in
            [(server.alice(), "int"), (server.bob(), "uuid"), (server.alice(), "date"), (server.bob(), "int[]")]
        {
            scope.spawn(move || {
                let sql = format!("SELECT ('{{' || repeat('x', 100000000))::{type_name}");
                let error = client.query(&sql).error();
                assert_eq!(error["code"], "SQL_ERROR", "{error}");
                let message = error["message"].as_str().unwrap();
                assert!(message.len() < 2_000 && message.contains("{xxx"), "{message}");
            });
        }
    });
    let sql = "SELECT it.run($s$DO $x$ BEGIN RAISE EXCEPTION '%', repeat('é', 50000000); END $x$$s$)";
    let error = server.alice().query(sql).error();
    assert!(error["message"].as_str().is_some_and(|message| message.starts_with("ééé")), "{error}");
    let peak = peak_mib(&server);
    assert!(peak < idle + 64, "{idle} MiB idle, {peak} MiB at the peak");
}

#[test]
fn notices_are_dropped_and_cost_nothing() {
    let server = Server::start_with_helpers(&[]);
    let idle = peak_mib(&server);
    let flood = "DO $x$ BEGIN PERFORM set_config('client_min_messages', 'notice', true);
        FOR n IN 1..20000 LOOP RAISE NOTICE '%', repeat('x', 5000); END LOOP; END $x$";
    // set_config is not for this role, so its owner runs it.
    let rows = server.alice().query(&format!("SELECT it.run_as_owner($s${flood}$s$) AS done")).rows();
    assert_eq!(rows, [json!({ "done": "done" })]);
    assert!(peak_mib(&server) < idle + 16, "{idle} MiB idle, {} MiB at the peak", peak_mib(&server));
    assert!(!server.stderr().contains("xxx"), "{}", server.stderr());
}

/// An answer that is cut needs no cancel request as long as little is left, and so no new session.
#[test]
fn cut_answers_keep_their_session() {
    let server = Server::start_with_helpers(&[("MCP_POOL_MAX", "1")]);
    let mut pids = std::collections::HashSet::new();
    for number in 0..200 {
        let (sql, max_rows) = match number % 2 {
            0 => ("SELECT pg_backend_pid() AS pid FROM generate_series(1, 1000)", 5),
            _ => ("SELECT pg_backend_pid() AS pid, repeat('x', 1000) AS v FROM generate_series(1, 300)", 10_000),
        };
        let answer = server.alice().call("query", json!({ "sql": sql, "max_rows": max_rows }));
        assert_eq!(answer.data()["truncated"], true);
        pids.insert(answer.rows()[0]["pid"].as_i64().unwrap());
    }
    assert_eq!(pids.len(), 1, "200 answers used {} sessions", pids.len());
}

/// Half a character, as older PostgreSQL writes the one-byte type; newer ones write it in ASCII, and run into the limit.
#[test]
fn a_row_that_is_no_text_ends_its_statement() {
    let server = Server::start_with_helpers(&[("MCP_STATEMENT_TIMEOUT", "8s")]);
    let sql = "SELECT 'é'::\"char\" AS c, repeat('no text', 3000) AS v UNION ALL
        SELECT 'a'::\"char\", count(*)::text FROM generate_series(1, 100000) AS a, generate_series(1, 100000) AS b";
    let error = server.alice().query(sql).error();
    assert!(error["sqlstate"] == "22021" || error["code"] == "TIMEOUT", "{error}");
    let ended = crate::support::within(Duration::from_secs(4), || (running("no text") == 0).then_some(()));
    assert!(ended.is_some(), "it goes on, and nobody waits for it");
    assert_eq!(server.alice().query("SELECT 1 AS n").rows(), [json!({ "n": 1 })]);
}

/// Few sessions, many callers, and every way in which a call can end: each answer is that of its own question.
#[test]
fn no_answer_is_anothers() {
    let server = Server::start_with_helpers(&[("MCP_POOL_MAX", "3"), ("MCP_STATEMENT_TIMEOUT", "300ms")]);
    let own = |analyst: &Mcp, number: u64| {
        let mut random = Random::of(4_242, number);
        for turn in 0..120 {
            let mark = format!("{number}-{turn}");
            let (sql, ending) = match random.below(9) {
                0 => (format!("SELECT '{mark}' AS mark, 1 / (random() * 0)::int AS n"), "22012"),
                1 => (format!("SELECT '{mark}' AS mark, no_such_column"), "42703"),
                2 => {
                    (format!("SELECT '{mark}' AS mark, g / (g - 900) AS n FROM generate_series(1, 1000) AS g"), "22012")
                }
                3 if random.chance(20) => (format!("SELECT '{mark}' AS mark, it.nap(1)"), "TIMEOUT"),
                4 => (format!("SELECT '{mark}' AS mark, repeat('x', 2000) AS x FROM generate_series(1, 400)"), "bytes"),
                5 => (format!("SELECT '{mark}' AS mark, ARRAY[{turn}] AS a FROM generate_series(1, 5)"), "ok"),
                6 => {
                    analyst.begin(&json!(mark), &format!("SELECT '{mark}' AS mark, it.nap(0.05)")).hang_up();
                    continue;
                }
                _ => (format!("SELECT '{mark}' AS mark FROM generate_series(1, {})", 1 + random.below(40)), "ok"),
            };
            let answer = analyst.call("query", json!({ "sql": sql, "max_rows": 1_000 }));
            if answer.is_error {
                let (code, state) = (answer.code(), answer.error()["sqlstate"].as_str().unwrap_or_default().to_owned());
                assert!(code == "BUSY" || code == ending || state == ending, "{sql}: {:?}", answer.texts);
            } else {
                assert!(ending == "ok" || answer.data()["truncated_by"] == ending, "{sql}: {:?}", answer.texts);
                let rows = answer.rows();
                assert!(!rows.is_empty() && rows.iter().all(|row| row["mark"] == mark), "{sql}: {:?}", answer.texts);
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 0..8 {
            let analyst = if number % 2 == 0 { server.alice() } else { server.bob() };
            scope.spawn(move || own(&analyst, number));
        }
    });
}

#[test]
fn a_greedy_analyst_waits_and_the_others_do_not() {
    let server = Server::start_with_helpers(&[]);
    let mut running = naps(&server.alice(), 4, 7, "greedy");
    let began = Instant::now();
    let refused = server.alice().query("SELECT 1 AS n").error();
    let waited = began.elapsed();
    assert_eq!(refused["code"], "BUSY", "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains("try again"), "{refused}");
    assert!(waited < Duration::from_secs(8), "told after {waited:?}");
    for _ in 0..20 {
        assert_eq!(server.bob().query("SELECT 1 AS n").rows(), [json!({ "n": 1 })]);
        assert!(!server.bob().call("list_schemas", json!({})).is_error);
    }
    assert_eq!(self::running("greedy"), 4, "bob was answered while they ran");
    for connection in &mut running {
        assert_eq!(Answer::of(&connection.receive()).rows(), [json!({ "n": 1 })]);
    }
    assert_eq!(server.alice().query("SELECT 1 AS n").rows(), [json!({ "n": 1 })]);
}

#[test]
fn a_full_pool_is_told_soon_and_health_is_never_held_up() {
    let server = Server::start_with_helpers(&[("MCP_POOL_MAX", "8")]);
    let mut all = naps(&server.alice(), 4, 15, "full pool, alice");
    all.extend(naps(&server.bob(), 4, 15, "full pool, bob"));
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(request(server.port, "GET", "/healthz", &[], b"").status, 200);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    assert_eq!(server.alice().legacy("tools/list", json!({})).status, 200);
    assert_eq!(server.alice().legacy("initialize", json!({})).status, 200);
    for connection in all {
        connection.hang_up();
    }

    let small = Server::start_with_helpers(&[("MCP_POOL_MAX", "2")]);
    let held = naps(&small.alice(), 2, 15, "small pool");
    let began = Instant::now();
    let busy = small.bob().query("SELECT 1 AS n").error();
    assert_eq!(busy["code"], "BUSY", "{busy}");
    assert!(busy["hint"].as_str().unwrap().contains("try again"), "{busy}");
    assert!(began.elapsed() < Duration::from_secs(8), "told after {:?}", began.elapsed());
    for connection in held {
        connection.hang_up();
    }
    // The places are free again soon.
    eventually("a place", || (!small.bob().query("SELECT 1 AS n").is_error).then_some(()));
}

#[test]
fn a_stop_lets_short_queries_end_and_ends_long_ones() {
    let mut server = Server::start_with_helpers(&[]);
    let mut short = server.alice().begin(&json!(1), "SELECT it.nap(4, 'a short one') AS n");
    let mut long = server.bob().begin(&json!(2), "SELECT it.nap(50, 'a long one') AS n");
    wait_until_running("a short one", 1);
    wait_until_running("a long one", 1);
    let mut idle = Connection::open(server.port);
    idle.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(idle.receive().status, 200);

    server.signal("TERM");
    assert!(idle.is_closed(), "an idle connection ends at once");
    eventually("nobody listens any more", || Connection::try_open(server.port).is_err().then_some(()));
    let answered = short.receive();
    assert_eq!(answered.header("connection"), Some("close"));
    assert_eq!(Answer::of(&answered).rows(), [json!({ "n": 1 })]);
    let ended = Answer::of(&long.receive());
    assert_eq!(ended.code(), "CANCELLED", "{:?}", ended.texts);
    assert!(ended.error()["message"].as_str().unwrap().contains("restarting"), "{:?}", ended.texts);
    assert_eq!(server.wait().code(), Some(0), "{}", server.stderr());
    assert_eq!(running("a long one"), 0);
    let outcomes = server.stdout();
    assert!(outcomes.contains("a short one") && outcomes.contains("a long one"), "both are on record: {outcomes}");
}

/// For a server that another one has replaced: nothing that runs is cut short, and a proxy that has not noticed yet loses nothing.
#[test]
fn a_drain_answers_all_that_runs_and_what_is_on_its_way() {
    const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut server = Server::start_with_helpers(&[]);
    // Longer than a stop would let it.
    let mut long = server.bob().begin(&json!(2), "SELECT it.nap(10, 'through the drain') AS n");
    wait_until_running("through the drain", 1);
    let mut idle: Vec<Connection> = (0..2).map(|_| Connection::open(server.port)).collect();
    for connection in &mut idle {
        connection.send(HEALTH);
        assert_eq!(connection.receive().status, 200);
    }
    server.signal("QUIT");
    eventually("nobody listens any more", || Connection::try_open(server.port).is_err().then_some(()));
    idle[0].send(HEALTH);
    let last = idle[0].receive();
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    assert!(idle[1].is_closed(), "an idle connection ends after a while");
    assert_eq!(Answer::of(&long.receive()).rows(), [json!({ "n": 1 })]);
    assert_eq!(server.wait().code(), Some(0), "{}", server.stderr());
    assert!(server.stdout().contains("through the drain"), "it is on record");
}

#[test]
fn a_drain_can_be_hurried() {
    let mut server = Server::start_with_helpers(&[]);
    let mut long = server.bob().begin(&json!(2), "SELECT it.nap(50, 'in no hurry') AS n");
    wait_until_running("in no hurry", 1);
    server.signal("QUIT");
    eventually("nobody listens any more", || Connection::try_open(server.port).is_err().then_some(()));
    server.signal("HUP");
    server.signal("TERM");
    assert_eq!(Answer::of(&long.receive()).code(), "CANCELLED");
    assert_eq!(server.wait().code(), Some(0), "{}", server.stderr());
}

#[test]
fn idle_connections_do_not_delay_a_stop() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[]);
        let mut idle: Vec<Connection> = (0..10).map(|_| Connection::open(server.port)).collect();
        for connection in &mut idle[..5] {
            connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(connection.receive().status, 200);
        }
        idle[9].send("GET /healthz HT"); // half a head
        let began = Instant::now();
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{}", server.stderr());
        assert!(began.elapsed() < Duration::from_secs(5), "{signal}: {:?}", began.elapsed());
    }
}
