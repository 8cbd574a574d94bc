use super::*;

#[track_caller]
fn refused(body: &str, code: i64, id: Value) {
    let (error, echoed) = parse(body.as_bytes()).unwrap_err();
    assert_eq!((error.code, echoed), (code, id), "{body}");
}

#[test]
fn the_three_kinds_of_message() {
    let request = parse(br#"{"jsonrpc":"2.0","id":"7","method":"ping"}"#).unwrap();
    assert_eq!(request, Message::Request { id: json!("7"), method: "ping".to_owned(), params: Map::new() });
    let notification = parse(br#"{"jsonrpc":"2.0","method":"notifications/initialized","params":{}}"#).unwrap();
    assert!(matches!(notification, Message::Notification { .. }));
    assert_eq!(parse(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#).unwrap(), Message::Response);
}

#[test]
fn what_is_not_one_message_is_refused_with_its_id_where_there_is_one() {
    refused("", code::PARSE_ERROR, Value::Null);
    refused("{", code::PARSE_ERROR, Value::Null);
    refused(&"[".repeat(1_000), code::PARSE_ERROR, Value::Null);
    refused("[]", code::INVALID_REQUEST, Value::Null);
    refused(&format!("[{}0]", "[],".repeat(3_000)), code::INVALID_REQUEST, Value::Null);
    refused("null", code::INVALID_REQUEST, Value::Null);
    refused(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, code::INVALID_REQUEST, json!(1));
    refused(r#"{"jsonrpc":"2.0","id":1}"#, code::INVALID_REQUEST, json!(1));
    refused(r#"{"jsonrpc":"2.0","id":1,"method":null}"#, code::INVALID_REQUEST, json!(1));
    refused(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, code::INVALID_REQUEST, Value::Null);
    refused(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, code::INVALID_REQUEST, Value::Null);
    refused(r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#, code::INVALID_REQUEST, Value::Null);
    refused(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}"#, code::INVALID_PARAMS, json!(1));
}

#[test]
fn a_long_text_counts_as_one_value() {
    let sql = "[{,\\\",".repeat(5_000);
    let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{{\"sql\":\"{sql}\"}}}}");
    assert!(matches!(parse(body.as_bytes()), Ok(Message::Request { .. })));
}

#[test]
fn an_error_carries_id_code_and_data() {
    let body =
        Error::new(400, code::UNSUPPORTED_PROTOCOL_VERSION, "no").with(json!({"requested":"x"})).body(&json!("a"));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, json!({"jsonrpc":"2.0","id":"a","error":{"code":-32022,"message":"no","data":{"requested":"x"}}}));
}
