//! Who may ask, from where, and what is written down about it.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::support::{
    client::{Answer, Connection, Mcp, message, request},
    cluster::{Cluster, HELPERS},
    eventually,
    server::{ALICE, BOB, Server},
};

const PING: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[test]
fn a_stranger_gets_401_with_a_challenge_and_nothing_else() {
    let server = Server::start(&[]);
    let json = ("Content-Type", "application/json");
    let response = request(server.port, "POST", "/mcp", &[json], PING);
    assert_eq!((response.status, response.header("www-authenticate")), (401, Some("Bearer")));
    assert!(response.json()["error"].is_string());
    for wrong in [
        "Bearer wrong-0123456789abcdef".to_owned(),
        format!("Bearer {ALICE}x"),
        format!("Bearer {}", &ALICE[..ALICE.len() - 1]),
        format!("Bearer {}", ALICE.to_uppercase()),
        format!("Bearer alice:{ALICE}"),
        format!("Basic {ALICE}"),
        ALICE.to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer é".to_owned(),
    ] {
        let response = request(server.port, "POST", "/mcp", &[("Authorization", &wrong), json], PING);
        assert_eq!(response.status, 401, "{wrong}");
        assert_eq!(response.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{wrong}");
    }
    // A token in the path or in another header is none, and methods and types are not told to strangers.
    let path = format!("/mcp?access_token={ALICE}&token={ALICE}");
    assert_eq!(request(server.port, "POST", &path, &[json, ("X-Api-Key", ALICE)], PING).status, 401);
    for (method, path) in [("GET", "/mcp"), ("DELETE", "/mcp"), ("POST", "/"), ("GET", "/"), ("OPTIONS", "/mcp")] {
        assert_eq!(request(server.port, method, path, &[], b"").status, 401, "{method} {path}");
    }
    assert_eq!(server.audit("a refused sign-in", |line| line["event"] == "sign_in_refused")["peer"], "127.0.0.1");
}

#[test]
fn a_strangers_body_is_not_waited_for() {
    let server = Server::start(&[]);
    for length in ["1000000", "100000000000"] {
        let mut connection = Connection::open(server.port);
        connection.send(format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{"
        ));
        assert_eq!(connection.receive().status, 401);
        assert!(connection.is_closed());
    }
}

#[test]
fn each_call_is_attributed_to_the_analyst_who_made_it() {
    let server = Server::start(&[]);
    server.alice().query("SELECT 'by alice' AS who");
    server.bob().query("SELECT 'by bob' AS who");
    server.bob().query("DELETE FROM tickets.inc");
    server.bob().query("SELECT * FROM tickets.nothing");
    server.bob().legacy("tools/call", json!({ "name": "no_such_tool" }));
    let sql = |part: &'static str| move |line: &Value| line["sql"].as_str().is_some_and(|sql| sql.contains(part));
    let line = server.audit("alice's", sql("by alice"));
    assert_eq!((&line["event"], &line["analyst"], &line["tool"]), (&json!("call"), &json!("alice"), &json!("query")));
    assert_eq!(
        (&line["outcome"], &line["rows"], &line["sql"]),
        (&json!("ok"), &json!(1), &json!("SELECT 'by alice' AS who"))
    );
    assert!(line["ms"].is_u64() && line["bytes"].as_u64() > Some(50) && line["time"].is_string(), "{line}");
    assert_eq!(server.audit("bob's", sql("by bob"))["analyst"], "bob");
    let refused = server.audit("a refused one", sql("DELETE"));
    assert_eq!((&refused["analyst"], &refused["outcome"]), (&json!("bob"), &json!("refused")));
    assert_eq!(refused["code"], "GUARD_NOT_A_QUERY");
    let failed = server.audit("a failed one", sql("tickets.nothing"));
    assert_eq!((&failed["outcome"], &failed["sqlstate"]), (&json!("error"), &json!("42P01")));
    assert_eq!(server.audit("an unknown tool", |line| line["code"] == "UNKNOWN_TOOL")["analyst"], "bob");
}

/// What it was can still be proven.
#[test]
fn a_long_statement_is_clipped_with_its_hash_and_length() {
    use sha2::{Digest, Sha256};
    let server = Server::start(&[("MCP_AUDIT_SQL_CHARS", "100")]);
    let whole = format!("SELECT 'whole' AS who /* {} */", "é".repeat(100 - 28));
    assert_eq!(whole.chars().count(), 100);
    let long = format!("SELECT 'clipped' AS who /* {} */", "é".repeat(90_000));
    let refused = format!("DELETE FROM tickets.inc /* {} */", "x".repeat(90_000));
    for sql in [&whole, &long, &refused] {
        server.alice().query(sql);
    }
    let sql = |part: &'static str| move |line: &Value| line["sql"].as_str().is_some_and(|sql| sql.contains(part));
    let line = server.audit("the whole one", sql("whole"));
    assert_eq!(
        (line["sql"].as_str(), line.get("sql_sha256"), line.get("sql_bytes")),
        (Some(whole.as_str()), None, None)
    );
    for (part, text) in [("clipped", &long), ("DELETE", &refused)] {
        let line = server.audit(part, sql(part));
        let beginning: String = text.chars().take(100).chain(['…']).collect();
        assert_eq!(line["sql"], json!(beginning));
        let hash: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&line["sql_sha256"], &line["sql_bytes"]), (&json!(hash), &json!(text.len())));
    }
    assert!(server.stdout().lines().all(|line| line.len() < 1_000), "{}", server.stdout());
}

#[test]
fn the_audit_line_cannot_be_forged_from_a_statement() {
    let server = Server::start(&[]);
    let evil = "SELECT 'x\"}\n{\"event\":\"call\",\"analyst\":\"bob\",\"sql\":\"forged\u{1b}[2J\u{2028}\u{202e}' AS v";
    assert!(!server.alice().query(evil).is_error);
    let line = server.audit("the statement", |line| line["sql"].as_str().is_some_and(|sql| sql.contains("forged")));
    assert_eq!((&line["analyst"], &line["sql"]), (&json!("alice"), &json!(evil)));
    let out = server.stdout();
    assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}') && !out.contains('\u{2028}'));
}

#[test]
fn foreign_origins_and_hosts_are_refused_on_loopback() {
    let server = Server::start(&[("MCP_ALLOWED_ORIGINS", "https://inspector.example.com")]);
    for (name, value, status) in [
        ("Origin", "https://evil.example.com", 403),
        ("Origin", "null", 403),
        ("Origin", "http://localhost.evil.example.com", 403),
        ("Origin", "http://127.0.0.1.evil.example.com", 403),
        ("Origin", "https://inspector.example.com.evil", 403),
        ("Origin", "http://localhost:3000", 200),
        ("Origin", "http://127.0.0.1:6274", 200),
        ("Origin", "https://inspector.example.com", 200),
        ("Host", "evil.example.com", 403),
        ("Host", "localhost.evil.example.com:8892", 403),
        ("Host", "localhost:8892", 200),
        ("Host", "[::1]:8892", 200),
    ] {
        let response = server.alice().post_raw(&[(name, value)], PING);
        assert_eq!(response.status, status, "{name}: {value}");
        if status == 403 {
            let says = response.json()["error"].as_str().unwrap().to_owned();
            assert!(says.contains(name), "it names what was wrong: {says}");
        }
    }
    // The site comes before the token: a page must not learn whether a token is right.
    assert_eq!(request(server.port, "POST", "/mcp", &[("Origin", "https://evil.example.com")], PING).status, 403);
}

/// A file that is removed at the end.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn tokens_are_read_again_on_a_signal() {
    let carol = "carol-00112233445566778899";
    let file = File(std::env::temp_dir().join(format!("analytics-it-tokens-{}", std::process::id())));
    fs::write(&file.0, format!("alice:{ALICE}\n# gone soon\nbob:{BOB}\n")).unwrap();
    let server =
        Server::start_with_helpers(&[("MCP_AUTH_TOKENS", ""), ("MCP_AUTH_TOKENS_FILE", file.0.to_str().unwrap())]);
    let status = |token: &str| Mcp::new(server.port, token).post(&[], &message(&json!(1), "ping", json!({}))).status;
    assert_eq!([status(ALICE), status(BOB), status(carol)], [200, 200, 401]);

    fs::write(&file.0, format!("alice:{ALICE},carol:{carol}")).unwrap();
    assert_eq!([status(ALICE), status(BOB), status(carol)], [200, 200, 401], "not before the signal");
    // A connection that is kept does not keep a token alive.
    let mut kept = Connection::open(server.port);
    let ping = server.bob().post_bytes(&[], &message(&json!(1), "ping", json!({})));
    kept.send(&ping);
    assert_eq!(kept.receive().status, 200);
    // A query that runs is not dropped, even that of an analyst who is off the list meanwhile.
    let mut running = server.bob().begin(&json!(2), "SELECT it.nap(3, 'through the signal') AS n");
    let naps = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%through the signal%' AND pid <> pg_backend_pid()";
    eventually("the query runs", || (Cluster::shared().count(HELPERS, naps) == 1).then_some(()));
    server.signal("HUP");
    server.wait_for_log("2 tokens read again");
    assert_eq!(Answer::of(&running.receive()).rows(), [json!({ "n": 1 })]);
    assert_eq!([status(ALICE), status(BOB), status(carol)], [200, 401, 200]);
    kept.send(&ping);
    assert_eq!(kept.receive().status, 401);

    for unusable in ["", "alice:short", "no colon here at all"] {
        fs::write(&file.0, unusable).unwrap();
        server.signal("HUP");
    }
    fs::remove_file(&file.0).unwrap();
    server.signal("HUP");
    server.wait_for_log("cannot read");
    assert!(server.stderr().contains("the tokens stay as they were"), "{}", server.stderr());
    assert_eq!([status(ALICE), status(BOB), status(carol)], [200, 401, 200]);
    assert_eq!(request(server.port, "GET", "/healthz", &[], b"").json()["tokens"], 2);

    fs::write(&file.0, format!("bob:{BOB}")).unwrap();
    server.signal("HUP");
    server.wait_for_log("1 tokens read again");
    assert_eq!([status(ALICE), status(BOB), status(carol)], [401, 200, 401]);
}

#[test]
fn tokens_and_passwords_are_never_written_down() {
    let server = Server::start(&[]);
    let wrong = "wrong-5550123456789abcdef";
    let alice = server.alice();
    alice.query("SELECT 1 AS n");
    alice.query("SELECT nothing FROM nowhere");
    alice.call("query", json!({ "sql": 1 }));
    Mcp::new(server.port, wrong).post_raw(&[], PING);
    request(server.port, "GET", &format!("/mcp?token={ALICE}"), &[("Authorization", &format!("Basic {BOB}"))], b"");
    alice.post_raw(&[], b"{ not json");
    server.audit("the last call", |line| line["code"] == "ARGUMENT");
    let told = server.stdout() + &server.stderr();
    for secret in [ALICE, BOB, wrong, "throw-away"] {
        assert!(!told.contains(secret), "{secret} was written down:\n{told}");
    }
}

#[test]
fn a_page_of_an_allowed_origin_may_call_and_is_told_so() {
    let server = Server::start(&[("MCP_ALLOWED_ORIGINS", "https://inspector.example.com")]);
    let asks = |origin: &str| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization,content-type,mcp-protocol-version"),
        ];
        request(server.port, "OPTIONS", "/mcp", &headers, b"")
    };
    let origin = "https://inspector.example.com";
    let response = asks(origin);
    assert_eq!((response.status, response.header("access-control-allow-origin")), (204, Some(origin)));
    assert!(response.header("access-control-allow-methods").unwrap().contains("POST"));
    let headers = response.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    for name in ["authorization", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name"] {
        assert!(headers.contains(name), "{name}: {headers}");
    }
    assert_eq!(response.header("access-control-allow-credentials"), None);
    let called = server.alice().post(&[("Origin", origin)], &message(&json!(1), "ping", json!({})));
    assert_eq!((called.status, called.header("access-control-allow-origin")), (200, Some(origin)));
    assert_eq!(called.header("vary"), Some("Origin"));
    // Without a token the page can read how to sign in.
    let refused = request(server.port, "POST", "/mcp", &[("Origin", origin)], b"{}");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(origin)));

    let foreign = asks("https://evil.example");
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (403, None));
    let plain = server.alice().post(&[], &message(&json!(1), "ping", json!({})));
    assert_eq!(plain.header("access-control-allow-origin"), None);
}
