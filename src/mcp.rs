//! MCP over streamable HTTP, stateless, in both kinds of its versions on one endpoint.
//!
//! In: the head of a request and its JSON-RPC message. Out: an HTTP status and a body. A request whose `_meta` names a
//! protocol version is modern (2026-07-28); any other is legacy (`initialize`; 2025-03-26 to 2025-11-25). There are no
//! sessions. Answers are JSON; only a client that asks for progress may get an event stream, and that only once its call takes
//! long. Knows nothing of SQL, and of tools only how one is called.

mod progress;
mod version;

use std::{net::TcpStream, sync::Arc, time::Instant};

use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, Text},
    app::AppState,
    auth::Analyst,
    http::{Body, Exchange, Reply},
    jsonrpc::{self, Error, Message, code},
    tools, view,
};
use version::{DISCOVER, LEGACY, META_SERVER, MODERN, Protocol, header_versions, protocol};

/// How long a client may keep the tool list and the instructions, in milliseconds.
const TTL_MS: u32 = 300_000;

/// Answers one message of an analyst.
pub fn handle(app: &AppState, analyst: &Analyst, message: Message, exchange: &mut Exchange<'_>) -> Reply {
    match message {
        Message::Request { id, method, params } => match request(app, analyst, &id, &method, params, exchange) {
            Ok(body) => Reply::json(200, body),
            Err(error) => Reply::json(error.status, error.body(&id)),
        },
        Message::Notification { method, params } => {
            if method == "notifications/cancelled"
                && let Some(id) = params.get("requestId")
            {
                app.permits.cancel(analyst, id);
            }
            Reply::empty(202)
        }
        // This server sends no requests. Legacy clients may send a response all the same; modern ones must not.
        Message::Response if header_versions(exchange.head()).any(|version| MODERN.contains(&version)) => {
            let error =
                Error::new(400, code::INVALID_REQUEST, "this server sends no requests, so it takes no responses");
            Reply::json(error.status, error.body(&Value::Null))
        }
        Message::Response => Reply::empty(202),
    }
}

/// The body of the response to a request.
fn request(
    app: &AppState,
    analyst: &Analyst,
    id: &Value,
    method: &str,
    params: Map<String, Value>,
    exchange: &mut Exchange<'_>,
) -> Result<Body, Error> {
    let started = Instant::now();
    let modern = if app.config.protocol_modern { MODERN } else { &[] };
    let protocol = protocol(exchange.head(), method, &params, modern)?;
    let mut result = match (protocol, method) {
        (_, "tools/call") => return call_tool(app, (analyst, id, started), protocol, params, exchange),
        (_, "tools/list") => json!({ "tools": tools::listing(&app.config) }),
        (_, "resources/list") if app.config.view => view::list(),
        (_, "resources/templates/list") if app.config.view => json!({ "resourceTemplates": [] }),
        (_, "resources/read") if app.config.view => read_resource(&params)?,
        (Protocol::Legacy, "initialize") => initialize(app, &params),
        (Protocol::Legacy, "ping") => json!({}),
        (Protocol::Modern, DISCOVER) => json!({
            "supportedVersions": MODERN,
            "capabilities": capabilities(app),
            "instructions": app.instructions.text(),
        }),
        (Protocol::Legacy, _) => return Err(Error::new(200, code::METHOD_NOT_FOUND, "there is no such method")),
        (Protocol::Modern, _) => return Err(Error::new(404, code::METHOD_NOT_FOUND, "there is no such method")),
    };
    if let (Protocol::Modern, Some(object)) = (protocol, result.as_object_mut()) {
        // All of these are the same for everybody.
        object.extend([("ttlMs".to_owned(), json!(TTL_MS)), ("cacheScope".to_owned(), json!("public"))]);
    }
    Ok(jsonrpc::result(id, &complete(protocol, result)).into())
}

fn initialize(app: &AppState, params: &Map<String, Value>) -> Value {
    let wanted = params.get("protocolVersion").and_then(Value::as_str);
    let newest = LEGACY.first().copied().unwrap_or_default();
    let version = wanted.filter(|version| LEGACY.contains(version)).unwrap_or(newest);
    json!({
        "protocolVersion": version,
        "capabilities": capabilities(app),
        "serverInfo": server_info(),
        "instructions": app.instructions.text(),
    })
}

fn server_info() -> Value {
    json!({ "name": "fireside-analytics", "title": "Fireside fleet analytics", "version": env!("CARGO_PKG_VERSION") })
}

/// What the server can do, the same for every client: some show the view without having announced that they can.
fn capabilities(app: &AppState) -> Value {
    let with_view = json!({ "tools": {}, "resources": {}, "extensions": { view::EXTENSION: {} } });
    if app.config.view { with_view } else { json!({ "tools": {} }) }
}

/// The document of the view.
fn read_resource(params: &Map<String, Value>) -> Result<Value, Error> {
    let uri = params.get("uri").cloned().unwrap_or_default();
    let unknown = "params.uri is not the address of a resource; resources/list names the one there is";
    uri.as_str()
        .and_then(view::read)
        .ok_or_else(|| Error::new(200, code::INVALID_PARAMS, unknown).with(json!({ "uri": uri })))
}

/// What every modern result carries.
fn complete(protocol: Protocol, mut result: Value) -> Value {
    if let (Protocol::Modern, Some(object)) = (protocol, result.as_object_mut()) {
        object.insert("resultType".to_owned(), json!("complete"));
        object.insert("_meta".to_owned(), json!({ META_SERVER: server_info() }));
    }
    result
}

fn call_tool(
    app: &AppState,
    (analyst, id, started): (&Analyst, &Value, Instant),
    protocol: Protocol,
    mut params: Map<String, Value>,
    exchange: &mut Exchange<'_>,
) -> Result<Body, Error> {
    let invalid = |message: String| Error::new(200, code::INVALID_PARAMS, message);
    let Some(Value::String(name)) = params.remove("name") else {
        return Err(invalid("params.name must be the name of a tool".to_owned()));
    };
    let arguments = params.remove("arguments");
    let token = params.get("_meta").and_then(|meta| meta.get("progressToken")).cloned();
    let client: Arc<TcpStream> = exchange.socket();
    let call = || tools::call(app, tools::Request { analyst, id, client, started, name: &name, arguments });
    let answer = match token.filter(|_| exchange.head().takes_events()) {
        Some(token) => progress::report(exchange, &token, call)?,
        None => call(),
    };
    answer.map(|answer| tool_result(id, protocol, answer)).map_err(|tools::Invalid(message)| invalid(message))
}

/// The response to a tool call. Its texts are in the form already in which they are sent.
fn tool_result(id: &Value, protocol: Protocol, answer: Answer) -> Body {
    let mut pieces = vec![format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[").into_bytes()];
    for (index, block) in answer.blocks.into_iter().enumerate() {
        pieces.push(if index > 0 { b",".to_vec() } else { Vec::new() });
        pieces.push(b"{\"type\":\"text\",\"text\":\"".to_vec());
        pieces.extend(block.into_iter().flat_map(Text::into_escaped));
        pieces.push(b"\"}".to_vec());
    }
    // The other members of the result, which end it.
    let rest = complete(protocol, json!({ "isError": answer.is_error })).to_string();
    pieces.push(format!("],{}}}", rest.trim_start_matches('{')).into_bytes());
    Body::pieces(pieces)
}
