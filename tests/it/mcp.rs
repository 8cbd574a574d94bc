//! MCP over HTTP: the status-code table of both eras, case by case, and what a client is told at the start.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    client::{Answer, Response, message, with_meta},
    cluster::{Cluster, DEMO},
    server::Server,
};

const MODERN: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");

/// The response must have this status and this JSON-RPC error code, and echo the id.
#[track_caller]
fn is_error(what: &str, response: &Response, status: u16, code: i64, id: &Value) {
    assert_eq!(response.status, status, "{what}: {}", response.text());
    let body = response.json();
    assert_eq!(
        (&body["jsonrpc"], &body["error"]["code"], &body["id"]),
        (&json!("2.0"), &json!(code), id),
        "{what}: {body}"
    );
    assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {body}");
}

#[test]
fn bodies_that_are_not_one_message() {
    let server = Server::start(&[]);
    let alice = server.alice();
    for (what, body, code) in [
        ("nothing", "", -32700),
        ("not JSON", "{", -32700),
        ("two values", "{} {}", -32700),
        ("an array", "[]", -32600),
        ("a batch", r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        ("a number", "1", -32600),
        ("null", "null", -32600),
        ("nothing in it", "{}", -32600),
        ("id null", r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        ("a fraction as id", r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        ("an object as id", r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
    ] {
        is_error(what, &alice.post_raw(&[], body.as_bytes()), 400, code, &Value::Null);
    }
    is_error(
        "JSON-RPC 1.0",
        &alice.post_raw(&[], br#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#),
        400,
        -32600,
        &json!(7),
    );
    is_error("no method", &alice.post_raw(&[], br#"{"jsonrpc":"2.0","id":7}"#), 400, -32600, &json!(7));
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":{open}1{close}}}"#)
    };
    is_error("deep", &alice.post_raw(&[], nested(1_500).as_bytes()), 400, -32700, &Value::Null);
    is_error(
        "deeper than values are counted",
        &alice.post_raw(&[], nested(90_000).as_bytes()),
        400,
        -32600,
        &Value::Null,
    );
    is_error("not UTF-8", &alice.post_raw(&[], b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\"}"), 400, -32700, &Value::Null);
}

#[test]
fn the_content_type_must_be_json_and_accept_may_be_anything() {
    let server = Server::start(&[]);
    let ping = message(&json!(1), "ping", json!({})).to_string();
    for (content_type, status) in [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonx", 415),
    ] {
        let raw = server.alice().post_raw_bytes(&[], ping.as_bytes());
        let raw = String::from_utf8(raw).unwrap().replace("application/json", content_type);
        let mut connection = crate::support::client::Connection::open(server.port);
        connection.send(raw);
        assert_eq!(connection.receive().status, status, "{content_type}");
    }
    for accept in ["*/*", "text/event-stream", "text/html", "application/json"] {
        let response = server.alice().post_raw(&[("Accept", accept)], ping.as_bytes());
        assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")), "{accept}");
    }
}

#[test]
fn the_legacy_era() {
    let server = Server::start(&[]);
    let alice = server.alice();
    for (wanted, answered) in [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1.0", "2025-11-25"),
    ] {
        let params =
            json!({ "protocolVersion": wanted, "capabilities": {}, "clientInfo": { "name": "it", "version": "1" } });
        let response = alice.legacy("initialize", params);
        let result = &response.json()["result"];
        assert_eq!(result["protocolVersion"], answered, "{wanted}");
        assert_eq!(result["serverInfo"]["name"], "fireside-analytics");
        assert!(result["capabilities"]["extensions"]["io.modelcontextprotocol/ui"].is_object(), "{result}");
        assert_eq!(response.header("mcp-session-id"), None, "there are no sessions");
    }
    assert_eq!(alice.legacy("ping", json!({})).json()["result"], json!({}));
    is_error(
        "unknown method",
        &alice.post(&[], &message(&json!("x"), "prompts/list", json!({}))),
        200,
        -32601,
        &json!("x"),
    );

    let list = |headers: &[(&str, &str)]| alice.post(headers, &message(&json!(1), "tools/list", json!({})));
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        assert_eq!(list(&[("MCP-Protocol-Version", version)]).status, 200, "{version}");
    }
    assert_eq!(list(&[]).status, 200, "no version means 2025-03-26");
    let response = list(&[("MCP-Protocol-Version", "1999-01-01")]);
    is_error("unknown version", &response, 400, -32022, &json!(1));
    assert_eq!(response.json()["error"]["data"], json!({ "supported": ["2026-07-28"], "requested": "1999-01-01" }));
    // What session-minded clients send does not matter.
    let ignored = list(&[("Mcp-Session-Id", "abc"), ("Last-Event-ID", "1")]);
    assert_eq!((ignored.status, ignored.header("mcp-session-id")), (200, None));
}

#[test]
fn the_modern_era() {
    let server = Server::start(&[]);
    let alice = server.alice();
    let discovered = alice.modern("server/discover", json!({})).json()["result"].clone();
    assert_eq!(discovered["supportedVersions"], json!(["2026-07-28"]));
    let capabilities = json!({ "tools": {}, "resources": {}, "extensions": { "io.modelcontextprotocol/ui": {} } });
    assert_eq!((&discovered["resultType"], &discovered["capabilities"]), (&json!("complete"), &capabilities));
    assert!(discovered["ttlMs"].is_u64() && discovered["cacheScope"] == "public", "{discovered}");
    assert_eq!(discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "fireside-analytics");

    let listed = alice.modern("tools/list", json!({})).json()["result"].clone();
    assert_eq!((&listed["resultType"], &listed["cacheScope"]), (&json!("complete"), &json!("public")));
    let called = alice.modern("tools/call", json!({ "name": "query", "arguments": { "sql": "SELECT 1 AS n" } }));
    assert_eq!(called.json()["result"]["resultType"], "complete");
    assert_eq!(Answer::of(&called).rows(), [json!({ "n": 1 })]);

    let id = json!("m");
    let post =
        |headers: &[(&str, &str)], method: &str, params: Value| alice.post(headers, &message(&id, method, params));
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "prompts/list",
        "subscriptions/listen",
        "nonsense",
    ] {
        let response = post(&[MODERN, ("Mcp-Method", method)], method, with_meta(json!({})));
        is_error(method, &response, 404, -32601, &id);
    }
    let list = "tools/list";
    let method = ("Mcp-Method", list);
    is_error("no _meta", &post(&[MODERN, method], list, json!({})), 400, -32602, &id);
    is_error("initialize by header only", &post(&[MODERN], "initialize", json!({})), 400, -32020, &id);
    is_error("no header", &post(&[method], list, with_meta(json!({}))), 400, -32020, &id);
    is_error("no Mcp-Method", &post(&[MODERN], list, with_meta(json!({}))), 400, -32020, &id);
    is_error(
        "another Mcp-Method",
        &post(&[MODERN, ("Mcp-Method", "ping")], list, with_meta(json!({}))),
        400,
        -32020,
        &id,
    );
    is_error(
        "Mcp-Method in capitals",
        &post(&[MODERN, ("Mcp-Method", "TOOLS/LIST")], list, with_meta(json!({}))),
        400,
        -32020,
        &id,
    );
    let mut params = with_meta(json!({}));
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = Value::Null;
    is_error("no capabilities", &post(&[MODERN, method], list, params), 400, -32602, &id);
    let mut params = with_meta(json!({}));
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    is_error("header and body differ", &post(&[MODERN, method], list, params.clone()), 400, -32020, &id);
    let unknown = post(&[("MCP-Protocol-Version", "2099-01-01"), method], list, params);
    is_error("unknown version", &unknown, 400, -32022, &id);
    assert_eq!(unknown.json()["error"]["data"], json!({ "supported": ["2026-07-28"], "requested": "2099-01-01" }));
    is_error(
        "two versions",
        &post(&[MODERN, ("MCP-Protocol-Version", "2025-06-18"), method], list, with_meta(json!({}))),
        400,
        -32020,
        &id,
    );
    // A live client does this (anthropics/claude-code#93290), so it is served.
    let tolerated = post(&[("MCP-Protocol-Version", "2025-11-25")], list, with_meta(json!({})));
    assert_eq!((tolerated.status, &tolerated.json()["result"]["resultType"]), (200, &json!("complete")));

    let call = |name: &[(&str, &str)]| {
        let headers = [&[MODERN, ("Mcp-Method", "tools/call")], name].concat();
        post(&headers, "tools/call", with_meta(json!({ "name": "list_schemas", "arguments": {} })))
    };
    is_error("no Mcp-Name", &call(&[]), 400, -32020, &id);
    is_error("another Mcp-Name", &call(&[("Mcp-Name", "query")]), 400, -32020, &id);
    is_error("bad base64", &call(&[("Mcp-Name", "=?base64?%%%?=")]), 400, -32020, &id);
    assert!(!Answer::of(&call(&[("Mcp-Name", "=?base64?bGlzdF9zY2hlbWFz?=")])).is_error);
}

/// A client that speaks other versions learns from it which ones are spoken here, so it is not refused for naming them, and does
/// not wait for a database.
#[test]
fn discovery_is_well_formed_and_fast_whatever_version_the_header_names() {
    let nowhere = format!("postgresql://a:b@127.0.0.1:{}/d", crate::support::cluster::free_port());
    let server = Server::start(&[("DATABASE_URL", &nowhere)]);
    let alice = server.alice();
    let method = ("Mcp-Method", "server/discover");
    for version in [None, Some("2024-11-05"), Some("2025-11-25"), Some("2099-01-01"), Some("latest")] {
        let headers: Vec<_> =
            version.map(|version| ("MCP-Protocol-Version", version)).into_iter().chain([method]).collect();
        for params in [with_meta(json!({})), json!({})] {
            let began = Instant::now();
            let response = alice.post(&headers, &message(&json!("probe"), "server/discover", params));
            // The directory of Claude's connectors allows 3 s for the first exchange.
            assert!(began.elapsed() < Duration::from_secs(3), "{version:?}: {:?}", began.elapsed());
            assert_eq!(response.status, 200, "{version:?}: {}", response.text());
            let body = response.json();
            let result = &body["result"];
            assert_eq!((&body["id"], &result["resultType"]), (&json!("probe"), &json!("complete")), "{body}");
            assert_eq!(result["supportedVersions"], json!(["2026-07-28"]));
            assert!(result["capabilities"].is_object() && result["ttlMs"].is_u64(), "{body}");
        }
    }
    // A version that the body claims, too, and that is not spoken, is an error by the specification; it has the same list.
    let mut params = with_meta(json!({}));
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let refused =
        alice.post(&[("MCP-Protocol-Version", "2099-01-01"), method], &message(&json!(1), "server/discover", params));
    is_error("unknown version", &refused, 400, -32022, &json!(1));
    assert_eq!(refused.json()["error"]["data"]["supported"], json!(["2026-07-28"]));
}

#[test]
fn notifications_and_responses_get_no_answer() {
    let server = Server::start(&[]);
    let alice = server.alice();
    let notification = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "method": method, "params": params });
    for (method, params) in [
        ("notifications/initialized", json!({})),
        ("notifications/cancelled", json!({ "requestId": "never seen", "reason": "because" })),
        ("notifications/cancelled", json!({ "requestId": 12_345_678_901_234_567_890_u64 })),
        ("notifications/cancelled", json!({})),
        ("notifications/progress", json!({ "progressToken": 1 })),
        ("notifications/of_the_future", json!({})),
    ] {
        for headers in [&[][..], &[MODERN]] {
            let response = alice.post(headers, &notification(method, params.clone()));
            assert_eq!((response.status, response.text().as_str()), (202, ""), "{method}");
        }
    }
    let response = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    assert_eq!(alice.post(&[], &response).status, 202);
    assert_eq!(alice.post(&[MODERN], &response).status, 400);
}

#[test]
fn ids_come_back_as_they_were() {
    let server = Server::start(&[]);
    for id in
        ["1", "-1", "0", "9223372036854775807", "18446744073709551615", "-9223372036854775808", r#""""#, r#""é\n\"😀""#]
    {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let response = server.alice().post_raw(&[], body.as_bytes());
        let expected: Value = serde_json::from_str(id).unwrap();
        assert_eq!(response.json()["id"], expected, "{id}");
    }
}

#[test]
fn tool_calls_that_name_no_tool() {
    let server = Server::start(&[]);
    let id = json!(9);
    for (params, part) in [
        (json!({ "name": "drop_table" }), "Unknown tool: drop_table"),
        (json!({ "name": "Query" }), "Unknown tool"),
        (json!({}), "name"),
        (json!({ "name": 1 }), "name"),
        (json!({ "name": "query", "arguments": [] }), "arguments"),
        (json!({ "name": "query", "arguments": "SELECT 1" }), "arguments"),
    ] {
        let response = server.alice().post(&[], &message(&id, "tools/call", params.clone()));
        is_error(&params.to_string(), &response, 200, -32602, &id);
        assert!(response.json()["error"]["message"].as_str().unwrap().contains(part), "{}", response.text());
    }
    let response = server.alice().post_raw(&[], br#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":[1]}"#);
    is_error("params as an array", &response, 200, -32602, &id);
}

#[test]
fn the_tool_list_is_the_same_for_everybody_to_the_byte() {
    let server = Server::start(&[]);
    let other = Server::start(&[]);
    let list = message(&json!(1), "tools/list", json!({}));
    let first = server.alice().post(&[], &list).text();
    for _ in 0..3 {
        assert_eq!(server.alice().post(&[], &list).text(), first);
        assert_eq!(server.bob().post(&[], &list).text(), first);
        assert_eq!(other.bob().post(&[], &list).text(), first);
    }
    let tools: Value = serde_json::from_str(&first).unwrap();
    let tools = tools["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let readme = format!("Tools: `{}`.", names.join("`, `"));
    assert!(include_str!("../../README.md").contains(&readme), "README.md lacks: {readme}");
    let (view, always): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.starts_with("show_"));
    let verify = format!("\nTOOLS = \"{}\"\nVIEW_TOOLS = \"{}\"\n", always.join(" "), view.join(" "));
    assert!(include_str!("../../scripts/verify.py").contains(&verify), "scripts/verify.py lacks: {verify}");
    for tool in tools {
        let description = tool["description"].as_str().unwrap();
        assert!(description.len() >= 50, "{tool}");
        let schema = &tool["inputSchema"];
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)), "{tool}");
        for key in ["anyOf", "oneOf", "allOf"] {
            assert!(schema.get(key).is_none(), "clients do not take {key} at the root: {tool}");
        }
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(
                property["type"].is_string() && (property["description"].is_string() || property["enum"].is_array()),
                "{name}: {property}"
            );
        }
        assert!(tool.get("outputSchema").is_none(), "all data is in the text");
    }
}

#[test]
fn the_instructions_come_from_the_databases_comments() {
    let server = Server::start(&[]);
    let told = server.alice().legacy("initialize", json!({ "protocolVersion": "2025-11-25" })).json();
    let told = told["result"]["instructions"].as_str().unwrap().to_owned();
    let discovered = server.alice().modern("server/discover", json!({})).json();
    assert_eq!(discovered["result"]["instructions"], told.as_str());
    assert!(told.len() <= 2_048, "{}", told.len());
    let comments: BTreeMap<String, String> = Cluster::shared()
        .admin(DEMO)
        .query(
            "SELECT nspname::text, obj_description(oid, 'pg_namespace') FROM pg_namespace
             WHERE nspname IN ('reporting', 'tracksolid', 'tickets', 'fuel')",
            &[],
        )
        .unwrap()
        .into_iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert_eq!(comments.len(), 4);
    for (schema, comment) in comments {
        // The names come first, whole; then as many sentences as fit, beginning with what the schema is for.
        let start = comment.split_inclusive(". ").next().unwrap_or_default().trim_end();
        let line = told.lines().find(|line| line.starts_with(&format!("{schema}: ")));
        assert!(line.is_some_and(|line| line.contains(start)), "{schema} is missing in:\n{told}");
    }
    for part in [
        "reporting: v_daily_summary, v_monthly_cost_centre, v_trips, daily_rollup, refresh_log. ",
        "The session's time zone is Africa/Nairobi",
        "analytics_meta: ",
        "utilisation",
        "tracksolid.positions ts 2",
    ] {
        assert!(told.contains(part), "{part} is missing in:\n{told}");
    }
    assert!(!told.contains("infrastructure"), "{told}");
}

#[test]
fn an_answer_is_text_only() {
    let server = Server::start(&[]);
    let response =
        server.alice().legacy("tools/call", json!({ "name": "query", "arguments": { "sql": "SELECT 1 AS n" } }));
    let result = response.json()["result"].clone();
    assert!(result.get("structuredContent").is_none(), "{result}");
    assert_eq!(result["isError"], false);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, r#"{"row_count":1,"truncated":false,"columns":["n int4"],"rows":[{"n":1}]}"#);
}

#[test]
fn the_modern_era_can_be_taken_back() {
    let server = Server::start(&[("MCP_PROTOCOL_MODERN", "off")]);
    let alice = server.alice();
    let id = json!("off");
    let post =
        |headers: &[(&str, &str)], method: &str, params: Value| alice.post(headers, &message(&id, method, params));
    // What a modern client asks first: it must be told to go the older way, not be failed or kept waiting.
    let discover = ("Mcp-Method", "server/discover");
    is_error("discover", &post(&[MODERN, discover], "server/discover", with_meta(json!({}))), 404, -32601, &id);
    is_error("a bare discover", &post(&[], "server/discover", json!({})), 404, -32601, &id);
    let list = post(&[MODERN, ("Mcp-Method", "tools/list")], "tools/list", with_meta(json!({})));
    is_error("a modern request", &list, 400, -32022, &id);
    assert_eq!(list.json()["error"]["data"]["supported"], json!(["2025-11-25", "2025-06-18", "2025-03-26"]));
    is_error("a modern header", &post(&[MODERN], "tools/list", json!({})), 400, -32022, &id);
    let greeting = post(&[MODERN], "initialize", json!({ "protocolVersion": "2026-07-28" }));
    assert_eq!(greeting.json()["result"]["protocolVersion"], "2025-11-25");
    assert!(!alice.query("SELECT 1").is_error);
}
