//! `show_query` and `show_rows`, and the view that shows their rows: what a client gets in either kind of protocol version.

use serde_json::{Value, json};

use crate::support::{
    client::{Mcp, Response, message, with_meta},
    server::Server,
};

const UI: &str = "io.modelcontextprotocol/ui";
const OLD: &str = "ui://fireside-analytics/result-0123456789abcdef.html";

/// `resources/read` as a modern client sends it.
fn read(client: &Mcp, uri: &str, name: &str) -> Response {
    let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "resources/read"), ("Mcp-Name", name)];
    client.post(&headers, &message(&json!(1), "resources/read", with_meta(json!({ "uri": uri }))))
}

#[test]
fn the_view_is_declared_listed_and_read_in_both_kinds_of_versions() {
    let server = Server::start(&[]);
    let alice = server.alice();
    let declared = alice.legacy("initialize", json!({ "protocolVersion": "2025-06-18" })).json();
    let discovered = alice.modern("server/discover", json!({})).json();
    for result in [&declared["result"], &discovered["result"]] {
        assert_eq!(result["capabilities"], json!({ "tools": {}, "resources": {}, "extensions": { UI: {} } }));
    }
    let legacy = alice.legacy("resources/list", json!({})).json();
    let modern = alice.modern("resources/list", json!({})).json();
    let resource = &legacy["result"]["resources"][0];
    assert_eq!((resource, &legacy["result"]["resources"][1]), (&modern["result"]["resources"][0], &Value::Null));
    assert_eq!(
        (&modern["result"]["cacheScope"], &modern["result"]["resultType"]),
        (&json!("public"), &json!("complete"))
    );
    let uri = resource["uri"].as_str().unwrap();
    let tools = alice.legacy("tools/list", json!({})).json();
    let tools = tools["result"]["tools"].as_array().unwrap();
    let ui = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap()["_meta"].clone();
    assert_eq!(ui("show_query")["ui"], json!({ "resourceUri": uri, "visibility": ["model", "app"] }));
    assert_eq!(ui("show_query")["ui/resourceUri"], uri);
    assert_eq!(ui("show_rows")["ui"], json!({ "visibility": ["app"] }));
    assert!(ui("query").get("ui").is_none() && ui("query").get("ui/resourceUri").is_none());
    // Whatever hash an old conversation asks for, it gets the document that is here.
    for uri in [uri, OLD] {
        let legacy = alice.legacy("resources/read", json!({ "uri": uri })).json();
        let modern = read(&alice, uri, uri).json();
        let content = &legacy["result"]["contents"][0];
        assert_eq!(content, &modern["result"]["contents"][0]);
        assert_eq!((content["uri"].as_str(), &content["mimeType"]), (Some(uri), &json!("text/html;profile=mcp-app")));
        assert_eq!(resource["mimeType"], content["mimeType"]);
        assert_eq!(
            (&resource["_meta"], &content["_meta"]),
            (&json!({ "ui": { "prefersBorder": true } }), &content["_meta"])
        );
        assert_eq!(resource["_meta"], content["_meta"]);
        let html = content["text"].as_str().unwrap();
        assert!(html.starts_with("<!doctype html>") && html.len() <= 120_000, "{} bytes", html.len());
    }
    let templates = "resources/templates/list";
    assert_eq!(alice.legacy(templates, json!({})).json()["result"], json!({ "resourceTemplates": [] }));
    assert_eq!(alice.modern(templates, json!({})).json()["result"]["resourceTemplates"], json!([]));
}

#[test]
fn the_document_is_one_file_that_requests_nothing_and_runs_no_text() {
    let server = Server::start(&[]);
    let html = server.alice().legacy("resources/read", json!({ "uri": OLD })).json();
    let html = html["result"]["contents"][0]["text"].as_str().unwrap();
    assert_eq!((html.matches("<script").count(), html.matches("<style").count()), (1, 1));
    for part in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "import(",
        "Worker(",
        "localStorage",
        "document.cookie",
        " src=",
        "@import",
        "url(",
        "console.",
        "srcdoc",
    ] {
        assert!(!html.contains(part), "the view has {part:?}");
    }
    let links = html.match_indices("http").map(|(at, _)| html[at..].split(['"', '\'', ' ']).next().unwrap());
    let links: Vec<&str> = links.filter(|link| *link != "http://www.w3.org/2000/svg").collect();
    assert!(links.is_empty(), "{links:?}");
}

/// The document is made without indentation and lines of comment: no text may go on over the end of a line.
#[test]
fn no_line_of_the_view_means_something_else_without_its_indentation() {
    let folder = format!("{}/src/view", env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            // The outlines are texts over many lines, in which line ends mean nothing.
            let is_outline = file.ends_with("outlines.js") && !line.contains("//") && !line.contains("${");
            let is_whole = line.matches('`').count() % 2 == 0 && !line.ends_with('\\');
            assert!(is_whole || is_outline, "{}: {line}", file.display());
        }
    }
}

#[test]
fn what_is_no_address_of_the_view_is_no_resource() {
    let server = Server::start(&[]);
    let alice = server.alice();
    for uri in [
        json!("ui://fireside-analytics/result-0123456789abcde.html"),
        json!("ui://fireside-analytics/result-0123456789abcdeg.html"),
        json!("ui://fireside-analytics/result-../../../etc/passwd.html"),
        json!("file:///etc/passwd"),
        json!(""),
        json!(7),
        json!(["ui://"]),
        Value::Null,
    ] {
        let response = alice.legacy("resources/read", json!({ "uri": uri }));
        let error = response.json()["error"].clone();
        assert_eq!((response.status, &error["code"], &error["data"]["uri"]), (200, &json!(-32602), &uri), "{error}");
        assert!(error["message"].as_str().unwrap().contains("resources/list"), "{error}");
    }
    // The header has to repeat the address, as it does a tool's name.
    for name in ["", "query", "ui://fireside-analytics/result-fedcba9876543210.html"] {
        let response = read(&alice, OLD, name);
        assert_eq!((response.status, response.json()["error"]["code"].as_i64()), (400, Some(-32020)), "{name}");
    }
}

#[test]
fn a_setting_turns_it_off_without_a_trace() {
    let server = Server::start(&[("MCP_VIEW", "off")]);
    let alice = server.alice();
    let declared = alice.legacy("initialize", json!({ "protocolVersion": "2025-06-18" })).json();
    assert_eq!(declared["result"]["capabilities"], json!({ "tools": {} }));
    let tools = alice.modern("tools/list", json!({})).text();
    assert!(tools.contains("sample_table") && !tools.contains("show_") && !tools.contains("ui://"), "{tools}");
    for method in ["resources/list", "resources/templates/list", "resources/read"] {
        let response = alice.legacy(method, json!({ "uri": OLD }));
        assert_eq!(response.json()["error"]["code"], -32601, "{method}");
        assert_eq!(read(&alice, OLD, OLD).status, 404);
    }
    let called = alice.legacy("tools/call", json!({ "name": "show_rows", "arguments": { "sql": "SELECT 1" } })).json();
    let message = called["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("Unknown tool: show_rows") && !message.contains("show_query"), "{message}");
}

#[test]
fn rows_come_as_arrays_exact_and_with_all_that_the_view_needs() {
    let server = Server::start(&[]);
    let sql = "SELECT DATE '2026-11-01' AS day, 812.40 AS km, 9007199254740993::bigint AS big, 0.1::float8 + 0.2 AS sum,
            'NaN'::float8 AS nan, NULL::text AS nothing, '' AS empty, true AS yes, TIMESTAMPTZ '2026-06-17 08:00+00' AS at,
            '{\"a\": [1]}'::jsonb AS j, ARRAY['x', NULL] AS list, interval '90 minutes' AS took,
            ST_SetSRID(ST_MakePoint(36.8212345678, -1.28), 4326) AS place,
            ST_Transform(ST_SetSRID(ST_MakePoint(36.8212345678, -1.28), 4326), 3857) AS metres,
            ST_MakePoint(36.8, -1.3) AS bare, ST_MakePoint(36.8, -1.3)::geography AS globe";
    let arguments =
        json!({ "sql": sql, "title": "A \"day\" </script>", "view": "line", "x": "day", "y": ["km"], "group": "yes" });
    let answer = server.alice().call("show_query", arguments);
    assert!(!answer.is_error, "{}", answer.text());
    let data = answer.data();
    assert_eq!(data["title"], "A \"day\" </script>");
    assert_eq!(data["view"], json!({ "view": "line", "x": "day", "y": ["km"], "group": "yes" }));
    let as_of = data["as_of"].as_str().unwrap();
    assert!(as_of.len() == 20 && as_of.ends_with('Z') && as_of.starts_with("20"), "{as_of}");
    assert_eq!((&data["row_count"], &data["truncated"]), (&json!(1), &json!(false)));
    assert_eq!((&data["columns"][0], &data["columns"][8]), (&json!("day date"), &json!("at timestamptz")));
    assert_eq!((&data["columns"][10], &data["columns"][12]), (&json!("list text[]"), &json!("place geometry")));
    let point = |x: f64, y: f64| json!({ "type": "Point", "coordinates": [x, y] });
    let wanted = json!([
        "2026-11-01", 812.4, "9007199254740993", "0.30000000000000004", "NaN", null, "", true, "2026-06-17T11:00:00+03:00",
        { "a": [1] }, ["x", null], "01:30:00", point(36.82123, -1.28), point(36.82123, -1.28), point(36.8, -1.3), point(36.8, -1.3),
    ]);
    assert_eq!(data["rows"], json!([wanted]));
    // The same rows by the view's own tool.
    assert_eq!(server.alice().call("show_rows", json!({ "sql": sql })).data()["rows"], data["rows"]);
}

#[test]
fn a_model_reads_the_first_rows_and_the_view_gets_as_many_as_one_answer_holds() {
    let server = Server::start(&[]);
    let alice = server.alice();
    let sql = "SELECT n, repeat('x', 60) AS t FROM generate_series(1, 12000) AS n";
    let shown = alice.call("show_query", json!({ "sql": sql, "max_rows": 10_000 }));
    let (data, length) = (shown.data(), shown.text().len());
    assert!((39_000..=40_000).contains(&length), "{length} bytes");
    assert_eq!((&data["truncated"], &data["truncated_by"]), (&json!(true), &json!("bytes")));
    assert_eq!(data["row_count"].as_u64().unwrap() as usize, data["rows"].as_array().unwrap().len());
    let all = alice.call("show_rows", json!({ "sql": sql }));
    assert!((130_000..=131_072).contains(&all.text().len()), "{} bytes", all.text().len());
    assert_eq!(all.data()["rows"][0], data["rows"][0]);
    let short = "SELECT n FROM generate_series(1, 12000) AS n";
    let rows = |tool: &str| alice.call(tool, json!({ "sql": short })).data()["row_count"].clone();
    assert_eq!((rows("show_query"), rows("show_rows")), (json!(1_000), json!(10_000)));
    let none = alice.call("show_query", json!({ "sql": "SELECT 1 AS a WHERE false" })).data();
    assert_eq!((&none["rows"], &none["columns"], &none["row_count"]), (&json!([]), &json!(["a int4"]), &json!(0)));
}

#[test]
fn guard_limits_permits_and_audit_are_those_of_query() {
    let server = Server::start(&[("MCP_MAX_BYTES", "8192"), ("MCP_MAX_ROWS", "50")]);
    let alice = server.alice();
    for tool in ["show_query", "show_rows"] {
        let same = |sql: &str| {
            let [shown, plain] = [tool, "query"].map(|tool| alice.call(tool, json!({ "sql": sql })));
            assert!(shown.is_error && plain.is_error, "{tool}: {sql}");
            assert_eq!(shown.texts, plain.texts, "{tool}: {sql}");
        };
        same("DELETE FROM tracksolid.devices");
        same("SELECT pg_sleep(1)");
        same("SELECT passwort FROM tracksolid.devices");
        same("SELECT 1; SELECT 2");
        let long = alice.call(tool, json!({ "sql": "SELECT repeat('x', 500) AS t FROM generate_series(1, 50)" }));
        assert!(long.text().len() <= 8_192 && long.data()["truncated"] == true, "{}", long.text().len());
        assert_eq!(alice.call(tool, json!({ "sql": "SELECT 1", "max_rows": 51 })).code(), "ARGUMENT");
        let explained = alice.call(tool, json!({ "sql": "EXPLAIN SELECT 1" }));
        assert!(explained.is_error && explained.texts[0].contains("query"), "{:?}", explained.texts);
        let sql = format!("SELECT 7 AS {tool}");
        alice.call(tool, json!({ "sql": sql, "max_rows": 5 }));
        let line = server.audit(tool, |line| line["tool"] == tool && line["outcome"] == "ok" && line["rows"] == 1);
        assert_eq!((&line["sql"], &line["analyst"]), (&json!(sql), &json!("alice")));
    }
    for (arguments, part) in [
        (json!({ "view": "pie" }), "must be one of: auto, table, line"),
        (json!({ "y": "km" }), "must be a list of at most 6 strings"),
        (json!({ "y": [7] }), "must be a list of at most 6 strings"),
        (json!({ "y": ["a", "b", "c", "d", "e", "f", "g"] }), "must be a list of at most 6 strings"),
        (json!({ "title": "t".repeat(121) }), "must not be longer than 120 characters"),
        (json!({ "format": "csv" }), "takes only: sql, max_rows, title, view, x, group, y"),
    ] {
        let mut arguments = arguments;
        arguments["sql"] = json!("SELECT 1 AS one");
        let answer = alice.call("show_query", arguments);
        assert!(answer.is_error && answer.texts[0].contains(part), "{:?}", answer.texts);
    }
}
