use super::*;

fn params(meta: Value) -> Map<String, Value> {
    let mut params = Map::new();
    params.insert("name".to_owned(), json!("query"));
    if !meta.is_null() {
        params.insert("_meta".to_owned(), meta);
    }
    params
}

#[track_caller]
fn check(headers: &[(&str, &str)], method: &str, meta: Value, expected: Result<Protocol, (u16, i64)>) {
    let head = Head::for_test("POST", "/mcp", headers);
    let found = protocol(&head, method, &params(meta), MODERN).map_err(|error| (error.status, error.code));
    assert_eq!(found, expected, "{headers:?} {method}");
}

#[test]
fn the_protocol_of_a_request_and_its_headers() {
    let modern = || json!({ META_VERSION: "2026-07-28", META_CAPABILITIES: {} });
    let version = |version: &'static str| ("mcp-protocol-version", version);
    let (list, call) = (("mcp-method", "tools/list"), ("mcp-method", "tools/call"));
    check(&[], "tools/list", Value::Null, Ok(Protocol::Legacy));
    check(&[version("2025-06-18")], "tools/list", json!({ "progressToken": 1 }), Ok(Protocol::Legacy));
    check(&[version("2025-06-18, 2025-06-18")], "tools/list", Value::Null, Ok(Protocol::Legacy));
    check(&[version("1999-01-01")], "tools/list", Value::Null, Err((400, -32022)));
    check(&[version("1999-01-01")], "initialize", Value::Null, Ok(Protocol::Legacy));
    check(&[version("2026-07-28")], "initialize", Value::Null, Err((400, -32020)));
    check(&[version("2026-07-28")], "tools/list", Value::Null, Err((400, -32602)));
    check(&[version("2026-07-28"), list], "tools/list", json!({ META_VERSION: "2026-07-28" }), Err((400, -32602)));
    check(&[version("2026-07-28"), list], "tools/list", modern(), Ok(Protocol::Modern));
    check(&[version("2026-07-28")], "tools/list", modern(), Err((400, -32020)));
    check(&[version("2026-07-28"), ("mcp-method", "TOOLS/LIST")], "tools/list", modern(), Err((400, -32020)));
    check(&[version("2026-07-28"), call, ("mcp-name", "query")], "tools/call", modern(), Ok(Protocol::Modern));
    check(
        &[version("2026-07-28"), call, ("mcp-name", "=?base64?cXVlcnk=?=")],
        "tools/call",
        modern(),
        Ok(Protocol::Modern),
    );
    check(&[version("2026-07-28"), call, ("mcp-name", "=?base64?!?=")], "tools/call", modern(), Err((400, -32020)));
    check(&[version("2026-07-28"), call, ("mcp-name", "other")], "tools/call", modern(), Err((400, -32020)));
    check(&[version("2026-07-28"), call], "tools/call", modern(), Err((400, -32020)));
    check(&[version("2025-11-25")], "tools/call", modern(), Ok(Protocol::Modern));
    check(&[], "tools/list", modern(), Err((400, -32020)));
    check(
        &[version("v999.0.0"), list],
        "tools/list",
        json!({ META_VERSION: "v999.0.0", META_CAPABILITIES: {} }),
        Err((400, -32022)),
    );
    check(
        &[version("2026-07-28"), list],
        "tools/list",
        json!({ META_VERSION: "v999.0.0", META_CAPABILITIES: {} }),
        Err((400, -32020)),
    );
}

/// The check is the suite's: it claims `v999.0.0` in header and body, and in the body alone.
#[test]
fn discovery_is_answered_whatever_version_the_header_names() {
    let version = |version: &'static str| ("mcp-protocol-version", version);
    let claims = |version: &str| json!({ META_VERSION: version, META_CAPABILITIES: {} });
    let mirrored = ("mcp-method", DISCOVER);
    for headers in [
        &[][..],
        &[version("2024-11-05")],
        &[version("2025-11-25")],
        &[version("2099-01-01")],
        &[version("")],
        &[version("2026-07-28, 2025-11-25")],
    ] {
        check(headers, DISCOVER, claims("2026-07-28"), Ok(Protocol::Modern));
        check(headers, DISCOVER, Value::Null, Ok(Protocol::Modern));
        check(headers, DISCOVER, json!({ "progressToken": 1 }), Ok(Protocol::Modern));
        // The answer has the list of what is spoken, too.
        check(headers, DISCOVER, claims("v999.0.0"), Err((400, -32022)));
    }
    check(&[version("v999.0.0"), mirrored], DISCOVER, claims("v999.0.0"), Err((400, -32022)));
    check(&[version("2025-11-25"), mirrored], DISCOVER, claims("2025-11-25"), Err((400, -32022)));
    // A request that says 2026-07-28 is held to it.
    check(&[version("2026-07-28"), mirrored], DISCOVER, claims("2026-07-28"), Ok(Protocol::Modern));
    check(&[version("2026-07-28"), mirrored], DISCOVER, claims("v999.0.0"), Err((400, -32020)));
    check(&[version("2026-07-28"), mirrored], DISCOVER, Value::Null, Err((400, -32602)));
    check(&[version("2026-07-28")], DISCOVER, claims("2026-07-28"), Err((400, -32020)));
    check(&[], DISCOVER, json!({ META_VERSION: "2026-07-28" }), Err((400, -32602)));
}
