//! The strict HTTP edge, over real sockets.

use std::{net::TcpListener, thread, time::Duration};

use analytics_mcp::http::{self, Connections, Exchange, MAX_BODY_BYTES, Reply};
use serde_json::json;

use crate::support::{
    client::{Answer, Connection, bytes, message, request},
    cluster::{Cluster, HELPERS},
    eventually,
    server::{ALICE, Server},
};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Sends bytes on a connection of their own; the answer must have this status, and the connection must end.
#[track_caller]
fn refused(server: &Server, what: &str, sent: &[u8], status: u16) {
    let mut connection = Connection::open(server.port);
    connection.send(sent);
    let response = connection.receive();
    assert_eq!(response.status, status, "{what}: {}", response.text());
    assert!(response.json()["error"].is_string(), "{what}: {}", response.text());
    assert_eq!(response.header("connection"), Some("close"), "{what}");
    assert!(connection.is_closed(), "{what}: the connection stays open");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_and_the_connection_ends() {
    let server = Server::start(&[]);
    let post = |headers: &str| format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let long = "a".repeat(17 << 10);
    for (what, sent, status) in [
        ("two lengths", post("Content-Length: 2\r\nContent-Length: 2\r\n"), 400),
        ("two different lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n"), 400),
        ("a list of lengths", post("Content-Length: 2, 2\r\n"), 400),
        ("a signed length", post("Content-Length: +2\r\n"), 400),
        ("a negative length", post("Content-Length: -2\r\n"), 400),
        ("a hexadecimal length", post("Content-Length: 0x2\r\n"), 400),
        ("length and chunked", post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"), 400),
        ("chunked", post("Transfer-Encoding: chunked\r\n"), 411),
        ("an unknown coding", post("Transfer-Encoding: xchunked\r\n"), 411),
        ("two tokens", post("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400),
        ("two hosts", post("Host: other\r\n"), 400),
        ("no host", "GET /healthz HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("a folded line", post("X-A: a\r\n b\r\n"), 400),
        ("a space before the colon", post("X-A : a\r\n"), 400),
        ("a bare line feed", "GET /healthz HTTP/1.1\nHost: localhost\n\n".to_owned(), 400),
        ("a bare line feed in a header", "GET /healthz HTTP/1.1\r\nHost: a\nX: b\r\n\r\n".to_owned(), 400),
        ("NUL in a header", post("X-A: a\0b\r\n"), 400),
        ("no version", "GET /healthz\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        ("not HTTP", "\x16\x03\x01\x02\x00\x01\r\n\r\n".to_owned(), 400),
        ("an absolute target", "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        ("HTTP/2 in the request line", "GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n".to_owned(), 505),
        ("the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
        ("a head of 17 KiB", post(&format!("X-A: {long}\r\n")), 431),
        ("a request line of 17 KiB", format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 431),
        ("65 headers", post(&"X-A: a\r\n".repeat(65)), 431),
    ] {
        refused(&server, what, sent.as_bytes(), status);
    }
    assert_eq!(request(server.port, "GET", "/healthz", &[], b"").status, 200);
}

#[test]
fn a_head_may_come_in_pieces_and_requests_may_come_together() {
    let server = Server::start(&[]);
    let mut connection = Connection::open(server.port);
    for byte in HEALTH.as_bytes().chunks(7) {
        connection.send(byte);
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(connection.receive().status, 200);

    // The same connection: three requests in one packet, answered in order.
    let ping = |id: &str| server.alice().post_bytes(&[], &message(&json!(id), "ping", json!({})));
    connection.send([ping("first"), HEALTH.as_bytes().to_vec(), ping("third")].concat());
    assert_eq!(connection.receive().json()["id"], "first");
    assert_eq!(connection.receive().json()["ok"], true);
    assert_eq!(connection.receive().json()["id"], "third");

    // A body in pieces, and the beginning of the next request behind it.
    let (first, second) = (ping("in pieces"), ping("behind"));
    let (one, two) = first.split_at(first.len() - 5);
    connection.send(one);
    thread::sleep(Duration::from_millis(20));
    connection.send([two, &second[..10]].concat());
    assert_eq!(connection.receive().json()["id"], "in pieces");
    connection.send(&second[10..]);
    assert_eq!(connection.receive().json()["id"], "behind");
}

#[test]
fn the_client_decides_whether_the_connection_stays() {
    let server = Server::start(&[]);
    let mut connection = Connection::open(server.port);
    for _ in 0..3 {
        connection.send(HEALTH);
        let response = connection.receive();
        assert_eq!((response.status, response.header("connection")), (200, None));
    }
    connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Close\r\n\r\n");
    assert_eq!(connection.receive().header("connection"), Some("close"));
    assert!(connection.is_closed());

    let mut old = Connection::open(server.port);
    old.send("GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(old.receive().status, 200);
    assert!(old.is_closed(), "HTTP/1.0 without keep-alive");
}

#[test]
fn head_has_the_length_and_no_body() {
    let server = Server::start(&[]);
    let mut connection = Connection::open(server.port);
    connection.send(HEALTH.replace("GET", "HEAD"));
    let head = connection.receive_head();
    connection.send(HEALTH);
    let get = connection.receive();
    assert_eq!((head.status, get.status), (200, 200));
    assert_eq!(get.json(), json!({ "ok": true, "tokens": 2 }));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(get.header("content-type"), Some("application/json"));
    assert_eq!(get.header("cache-control"), Some("no-store"));
    assert_eq!(get.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn paths_and_methods_that_are_not_there() {
    let server = Server::start(&[]);
    let auth = [("Authorization", &*format!("Bearer {ALICE}"))];
    for path in ["/nothing", "/mcp/x", "/healthz/", "/..", "/%2e%2e/etc/passwd", "/?"] {
        let response = request(server.port, "GET", path, &auth, b"");
        let expected = if path == "/?" { 405 } else { 404 };
        assert_eq!(response.status, expected, "{path}");
        assert!(response.json()["error"].is_string(), "{path}");
    }
    for method in ["GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"] {
        let response = request(server.port, method, "/mcp", &auth, b"");
        assert_eq!((response.status, response.header("allow")), (405, Some("POST")), "{method}");
    }
    let response = request(server.port, "POST", "/healthz", &[], b"{}");
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let server = Server::start(&[]);
    let head = |length: &str| {
        format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ALICE}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for length in [&*(MAX_BODY_BYTES + 1).to_string(), "100000000000", "99999999999999999999999999"] {
        let mut connection = Connection::open(server.port);
        connection.send(head(length));
        assert_eq!(connection.receive().status, 413, "{length}");
        assert!(connection.is_closed());
    }
    // A client that sends on without looking still finds the answer.
    let mut connection = Connection::open(server.port);
    connection.send(head("3000000"));
    for _ in 0..3 {
        connection.send(vec![b' '; 1_000_000]);
    }
    assert_eq!(connection.receive().status, 413);

    // What just fits is read.
    let ping = message(&json!(1), "ping", json!({ "fill": "" })).to_string();
    let ping = ping.replace("\"\"", &format!("\"{}\"", "x".repeat((192 << 10) - ping.len())));
    assert_eq!(ping.len(), 192 << 10);
    assert_eq!(server.alice().post_raw(&[], ping.as_bytes()).status, 200);
}

#[test]
fn a_client_that_asks_may_continue() {
    let server = Server::start(&[]);
    let body = message(&json!(1), "ping", json!({})).to_string();
    let head = |token: &str| {
        format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        )
    };
    let mut connection = Connection::open(server.port);
    connection.send(head(ALICE));
    assert_eq!(connection.receive().status, 100);
    connection.send(&body);
    assert_eq!(connection.receive().json()["id"], 1);

    // A stranger is not asked for the body.
    let mut connection = Connection::open(server.port);
    connection.send(head("wrong-0123456789abcdef"));
    assert_eq!(connection.receive().status, 401);
}

#[test]
fn slow_clients_are_sent_away() {
    let server = Server::start(&[]);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = Connection::open(server.port);
            connection.send("GET /healthz HTTP/1.1\r\nHo");
            assert_eq!(connection.receive().status, 408, "a head that does not go on");
        });
        scope.spawn(|| {
            let mut connection = Connection::open(server.port);
            connection.send("GET /healthz HTTP/1.1\r\n");
            // One byte a second: the deadline is for the whole head.
            for byte in b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaa" {
                if std::io::Write::write_all(&mut connection.stream, &[*byte]).is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(400));
            }
            match connection.try_receive(false) {
                Ok(response) => assert_eq!(response.status, 408, "a head that dribbles"),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
            }
        });
        scope.spawn(|| {
            let mut connection = Connection::open(server.port);
            let request = server.alice().post_bytes(&[], &message(&json!(1), "ping", json!({})));
            connection.send(&request[..request.len() - 1]);
            assert_eq!(connection.receive().status, 408, "a body that does not go on");
        });
        scope.spawn(|| {
            let mut connection = Connection::open(server.port);
            let request = server.alice().post_bytes(&[], &message(&json!(1), "ping", json!({})));
            connection.send(&request[..request.len() - 1]);
            connection.stream.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(connection.receive().status, 400, "a body that ends early");
        });
    });
}

/// How many calls of `it.nap` with this name PostgreSQL is running.
fn naps(name: &str) -> i64 {
    Cluster::shared().count(
        HELPERS,
        &format!("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%it.nap%{name}%'"),
    )
}

#[test]
fn idle_connections_make_room_and_busy_ones_are_kept() {
    let server = Server::start_with_helpers(&[("MCP_MAX_CONNECTIONS", "8")]);
    let mut busy = server.alice().begin(&json!(1), "SELECT it.nap(3, 'kept at the cap') AS n");
    eventually("the query runs", || (naps("kept at the cap") == 1).then_some(()));
    let mut idle: Vec<Connection> = (0..7)
        .map(|_| {
            let mut connection = Connection::open(server.port);
            connection.send(HEALTH);
            assert_eq!(connection.receive().status, 200);
            connection
        })
        .collect();
    // Clients that never send anything, and one that dribbles a head, count as idle too.
    let silent: Vec<Connection> = (0..8).map(|_| Connection::open(server.port)).collect();
    for _ in 0..3 {
        assert_eq!(request(server.port, "GET", "/healthz", &[], b"").status, 200);
    }
    for connection in &mut idle {
        assert!(connection.is_closed(), "the one that has waited longest makes room");
    }
    assert_eq!(Answer::of(&busy.receive()).rows(), [json!({ "n": 1 })]);
    drop(silent);
}

#[test]
fn when_every_connection_is_busy_the_next_one_is_told_at_once() {
    let server = Server::start_with_helpers(&[("MCP_MAX_CONNECTIONS", "4")]);
    // One after the other: a connection whose head has not been read yet counts as idle.
    let mut busy: Vec<Connection> = Vec::new();
    for running in 1..=4 {
        busy.push(server.alice().begin(&json!(running), "SELECT it.nap(5, 'all are busy')"));
        eventually("the query runs", || (naps("all are busy") == running).then_some(()));
    }
    for _ in 0..3 {
        let mut refused = Connection::open(server.port);
        refused.send(bytes("GET", "/healthz", &[], b""));
        let response = refused.receive();
        assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
        let says = response.json()["error"].as_str().unwrap().to_owned();
        assert!(says.contains("all connections are busy"), "for whoever reads what a client shows: {says}");
    }
    for connection in &mut busy {
        assert!(!Answer::of(&connection.receive()).is_error);
    }
    assert_eq!(request(server.port, "GET", "/healthz", &[], b"").status, 200);
}

#[test]
fn a_burst_of_kept_connections_is_answered_on_every_one() {
    let server = Server::start(&[]);
    let mut connections: Vec<Connection> = (0..60).map(|_| Connection::open(server.port)).collect();
    for _ in 0..5 {
        for connection in &mut connections {
            connection.send(HEALTH);
        }
        for connection in &mut connections {
            assert_eq!(connection.receive().status, 200);
        }
    }
}

/// The edge alone, with a handler that panics on one path.
#[test]
fn a_panic_in_a_handler_is_answered_and_nothing_else_notices() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        http::serve(&listener, &Connections::new(8), |exchange: &mut Exchange<'_>| match exchange.head().path() {
            "/panic" => panic!("a handler that fails"),
            _ => Reply::json(200, "{}"),
        });
    });
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut bystander = Connection::open(port);
    bystander.send(get("/"));
    assert_eq!(bystander.receive().status, 200);
    for _ in 0..20 {
        let mut connection = Connection::open(port);
        connection.send(get("/panic"));
        let response = connection.receive();
        assert_eq!(response.status, 500);
        assert!(!response.text().contains("a handler that fails"), "the reason is for the log");
        // The same connection carries on.
        connection.send(get("/"));
        assert_eq!(connection.receive().status, 200);
    }
    bystander.send(get("/"));
    assert_eq!(bystander.receive().status, 200);
}
