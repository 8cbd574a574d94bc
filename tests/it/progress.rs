//! The one kind of answer that may be an event stream: a long call of a client that asks for progress.

use std::{io::Read, thread};

use serde_json::{Value, json};

use crate::support::{
    client::{Connection, message, query_message},
    server::Server,
};

/// The events of a chunked event stream, to its end; and what came behind it.
fn events(connection: &mut Connection) -> (String, Vec<Value>) {
    let mut raw = Vec::new();
    while !raw.ends_with(b"\r\n0\r\n\r\n") {
        let mut buffer = [0; 4096];
        let count = connection.stream.read(&mut buffer).unwrap();
        assert!(count > 0, "it ends early: {:?}", String::from_utf8_lossy(&raw));
        raw.extend_from_slice(&buffer[..count]);
    }
    let raw = String::from_utf8(raw).unwrap();
    let (head, mut rest) = raw.split_once("\r\n\r\n").unwrap();
    let mut body = String::new();
    while let Some((length, chunk)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        body.push_str(&chunk[..length]);
        rest = chunk[length..].strip_prefix("\r\n").unwrap();
    }
    let data = body.split("\n\n").filter(|event| !event.is_empty()).map(|event| {
        let data = event.strip_prefix("event: message\ndata: ").unwrap_or_else(|| panic!("not an event: {event:?}"));
        serde_json::from_str(data).unwrap()
    });
    (head.to_ascii_lowercase(), data.collect())
}

#[test]
fn a_long_call_tells_its_progress_to_who_asks_for_it_and_can_read_it() {
    let server = Server::start_with_helpers(&[]);
    let accept = ("Accept", "application/json, text/event-stream");
    let call = |id: Value, seconds: f64, token: Value| {
        let mut call = query_message(&id, &format!("SELECT it.nap({seconds}, 'in progress') AS n"));
        call["params"]["_meta"] = json!({ "progressToken": token });
        call
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = Connection::open(server.port);
            connection.send(server.alice().post_bytes(&[accept], &call(json!("a"), 11.5, json!("token 1"))));
            let (head, told) = events(&mut connection);
            assert!(head.starts_with("http/1.1 200") && head.contains("content-type: text/event-stream"), "{head}");
            assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{head}");
            let (result, progress) = told.split_last().unwrap();
            assert_eq!(progress.len(), 2, "{progress:?}");
            for (event, seconds) in progress.iter().zip([5, 10]) {
                assert_eq!(event["method"], "notifications/progress");
                assert_eq!(
                    (&event["params"]["progressToken"], &event["params"]["progress"]),
                    (&json!("token 1"), &json!(seconds))
                );
            }
            assert_eq!(result["id"], "a");
            assert!(result["result"]["content"][0]["text"].as_str().unwrap().contains("[{\"n\":1}]"), "{result}");
            // The connection carries on.
            connection.send(server.alice().post_bytes(&[], &message(&json!(2), "ping", json!({}))));
            assert_eq!(connection.receive().json()["id"], 2);
        });
        // An error is the end of a stream, too.
        scope.spawn(|| {
            let mut connection = Connection::open(server.port);
            let mut failing = query_message(&json!("b"), "SELECT 1 / (it.nap(6, 'in progress') - 1) AS n");
            failing["params"]["_meta"] = json!({ "progressToken": 7 });
            connection.send(server.alice().post_bytes(&[accept], &failing));
            let (_, told) = events(&mut connection);
            assert_eq!(told[0]["params"]["progressToken"], 7);
            assert_eq!(told[1]["result"]["isError"], true, "{told:?}");
        });
        // Whoever does not ask, cannot read a stream, or is answered soon gets plain JSON.
        scope.spawn(|| {
            let mut connection = Connection::open(server.port);
            let request = query_message(&json!("c"), "SELECT it.nap(6, 'in progress') AS n");
            connection.send(server.bob().post_bytes(&[accept], &request));
            assert_eq!(connection.receive().header("content-type"), Some("application/json"));
            connection.send(server.bob().post_bytes(&[accept], &call(json!("d"), 0.1, json!(1))));
            assert_eq!(connection.receive().header("content-type"), Some("application/json"));
        });
        scope.spawn(|| {
            let response = server.bob().post(&[("Accept", "application/json")], &call(json!("e"), 6.0, json!(1)));
            assert_eq!(response.header("content-type"), Some("application/json"));
        });
        scope.spawn(|| {
            let mut connection = Connection::open(server.port);
            let request = server.bob().post_bytes(&[accept], &call(json!("f"), 6.0, json!(1)));
            connection.send(String::from_utf8(request).unwrap().replace("HTTP/1.1", "HTTP/1.0"));
            assert_eq!(connection.receive().header("content-type"), Some("application/json"));
        });
    });
}

#[test]
fn a_hang_up_during_progress_ends_the_query() {
    let server = Server::start_with_helpers(&[]);
    let mut call = query_message(&json!(1), "SELECT it.nap(50, 'left while in progress') AS n");
    call["params"]["_meta"] = json!({ "progressToken": 1 });
    let mut connection = Connection::open(server.port);
    connection.send(server.alice().post_bytes(&[("Accept", "text/event-stream")], &call));
    let mut first = [0; 1];
    connection.stream.read_exact(&mut first).unwrap();
    connection.hang_up();
    let line = server.audit("the cancelled call", |line| line["event"] == "call");
    assert_eq!(line["code"], "CANCELLED", "{line}");
    assert!(line["ms"].as_u64().unwrap() < 20_000, "{line}");
}
