//! MCP over streamable HTTP, stateless, in both of its eras on one endpoint.
//!
//! In: the head of a request and its JSON-RPC message. Out: an HTTP status and a body. A request whose `_meta` names a
//! protocol version is of the modern era (2026-07-28); any other is of the legacy era (`initialize`; 2025-03-26 to
//! 2025-11-25). There are no sessions. Answers are JSON; only a client that asks for progress may get an event stream, and
//! that only once its call takes long. Knows nothing of SQL.

use std::{
    net::TcpStream,
    panic,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use crate::{
    audit,
    auth::Analyst,
    http::{Exchange, Head, Reply},
    inflight::InFlight,
    instructions::Instructions,
    jsonrpc::{self, Error, Message, code},
    metrics::Metrics,
    tools::{self, Tool, Workshop},
};

/// The modern versions, newest first.
const MODERN: &[&str] = &["2026-07-28"];
/// The legacy versions, newest first.
const LEGACY: &[&str] = &["2025-11-25", "2025-06-18", "2025-03-26"];
/// How long a client may keep the tool list and the instructions, in milliseconds.
const TTL_MS: u32 = 300_000;
/// How often a call tells its progress. Clients give up when nothing has come for 60 s.
const PROGRESS: Duration = Duration::from_secs(5);

/// Keys of `_meta` that every modern request has.
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";

/// What the methods work with.
pub struct Service {
    /// What the tools work with.
    pub shop: Workshop,
    /// The running calls.
    pub inflight: Arc<InFlight>,
    /// What a model is told at the start.
    pub instructions: Instructions,
    /// What counts the calls.
    pub metrics: Arc<Metrics>,
    /// Held while a response is written to memory.
    pub writing: Mutex<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Era {
    Legacy,
    Modern,
}

/// Answers one message of an analyst.
pub fn handle(service: &Service, analyst: &Analyst, message: Message, exchange: &mut Exchange<'_>) -> Reply {
    match message {
        Message::Request { id, method, params } => {
            let outcome = answer(service, analyst, &id, &method, params, exchange);
            match outcome {
                Ok((era, result)) => {
                    let result = complete(era, result);
                    // One at a time: for the few milliseconds of writing, a large answer is there twice.
                    let writing = service.writing.lock().unwrap_or_else(PoisonError::into_inner);
                    let body = jsonrpc::result(&id, &result);
                    drop((result, writing));
                    Reply::json(200, body)
                }
                Err(error) => Reply::json(error.status, error.body(&id)),
            }
        }
        Message::Notification { method, params } => {
            if method == "notifications/cancelled"
                && let Some(id) = params.get("requestId")
            {
                service.inflight.cancel(analyst, id);
            }
            Reply::empty(202)
        }
        // Nothing is ever asked of a client. Legacy clients may still answer something; modern ones must not.
        Message::Response if header_versions(exchange.head()).any(|version| MODERN.contains(&version)) => {
            let error =
                Error::new(400, code::INVALID_REQUEST, "this server sends no requests, so it takes no responses");
            Reply::json(error.status, error.body(&Value::Null))
        }
        Message::Response => Reply::empty(202),
    }
}

/// The versions in the `MCP-Protocol-Version` header; proxies may join repeated headers.
fn header_versions(head: &Head) -> impl Iterator<Item = &str> {
    head.all("mcp-protocol-version").flat_map(|value| value.split(',')).map(str::trim)
}

/// Finds the era of a request and checks what the era asks of headers and `_meta`. `modern` are the modern versions that are
/// spoken: [`MODERN`], or none where the operator took them back.
fn era(head: &Head, method: &str, params: &Map<String, Value>, modern: &[&str]) -> Result<Era, Error> {
    let meta = params.get("_meta").and_then(Value::as_object);
    let claim = meta.and_then(|meta| meta.get(META_VERSION));
    let mut versions: Vec<&str> = header_versions(head).collect();
    versions.dedup();
    let header = match versions.as_slice() {
        [] => None,
        [one] => Some(*one),
        _ => {
            return Err(Error::new(
                400,
                code::HEADER_MISMATCH,
                "MCP-Protocol-Version names several versions; send one",
            ));
        }
    };
    let Some(claim) = claim else {
        return match header {
            Some(version) if modern.contains(&version) && method == "initialize" => Err(Error::new(
                400,
                code::HEADER_MISMATCH,
                "initialize belongs to older protocol versions than the MCP-Protocol-Version header names",
            )),
            Some(version) if modern.contains(&version) => Err(Error::new(
                400,
                code::INVALID_PARAMS,
                format!("params._meta must hold {META_VERSION} and {META_CAPABILITIES}"),
            )),
            // What initialize asks for is settled by its answer, whatever the header says.
            Some(version) if !LEGACY.contains(&version) && method != "initialize" => Err(unsupported(version, modern)),
            _ => Ok(Era::Legacy),
        };
    };
    let Some(claim) = claim.as_str() else {
        return Err(Error::new(400, code::INVALID_PARAMS, format!("params._meta.{META_VERSION} must be a string")));
    };
    if modern.is_empty() && method == "server/discover" {
        // Every known client goes on to initialize after this answer.
        return Err(Error::new(404, code::METHOD_NOT_FOUND, "there is no such method here; use initialize"));
    }
    let known = modern.contains(&claim);
    // Claude Code sends a legacy header with a modern body (anthropics/claude-code#93290): the body counts.
    let tolerated = known && header.is_some_and(|version| LEGACY.contains(&version));
    if !tolerated && header != Some(claim) {
        let message = format!(
            "the MCP-Protocol-Version header ({}) must equal params._meta.{META_VERSION} ({claim:?})",
            header.unwrap_or("missing")
        );
        return Err(Error::new(400, code::HEADER_MISMATCH, message));
    }
    if !known {
        return Err(unsupported(claim, modern));
    }
    if !meta.and_then(|meta| meta.get(META_CAPABILITIES)).is_some_and(Value::is_object) {
        return Err(Error::new(
            400,
            code::INVALID_PARAMS,
            format!("params._meta.{META_CAPABILITIES} must be an object"),
        ));
    }
    if !tolerated {
        mirrored(head, "mcp-method", Some(method))?;
        if method == "tools/call" {
            mirrored(head, "mcp-name", params.get("name").and_then(Value::as_str))?;
        }
    }
    Ok(Era::Modern)
}

fn unsupported(version: &str, modern: &[&str]) -> Error {
    let shown: String = version.chars().take(40).collect();
    let supported = if modern.is_empty() { LEGACY } else { modern };
    Error::new(400, code::UNSUPPORTED_PROTOCOL_VERSION, format!("protocol version {shown:?} is not spoken here"))
        .with(json!({ "supported": supported, "requested": shown }))
}

/// A header that must repeat a value of the body, possibly as `=?base64?…?=`.
fn mirrored(head: &Head, name: &str, body: Option<&str>) -> Result<(), Error> {
    let mismatch = |what: &str| Err(Error::new(400, code::HEADER_MISMATCH, format!("the {name} header {what}")));
    let Some(value) = head.header(name) else { return mismatch("is missing") };
    let decoded = match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => match BASE64.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            Some(decoded) => decoded,
            None => return mismatch("is not valid base64"),
        },
        None => value.to_owned(),
    };
    if Some(decoded.as_str()) == body { Ok(()) } else { mismatch("does not equal the body") }
}

/// The result of a request, and the era in whose form it is told.
fn answer(
    service: &Service,
    analyst: &Analyst,
    id: &Value,
    method: &str,
    params: Map<String, Value>,
    exchange: &mut Exchange<'_>,
) -> Result<(Era, Value), Error> {
    let head = exchange.head();
    let modern = if service.shop.config.protocol_modern { MODERN } else { &[] };
    let era = era(head, method, &params, modern)?;
    let token = params.get("_meta").and_then(|meta| meta.get("progressToken")).cloned();
    let token = token.filter(|_| method == "tools/call" && head.takes_events());
    let call = Call { analyst, era, id, method, client: exchange.socket(), started: Instant::now() };
    let result = match token {
        Some(token) => with_progress(exchange, &token, || request(service, call, params)),
        None => request(service, call, params),
    };
    result.map(|result| (era, result))
}

/// Runs a call in a thread of its own and tells the client every few seconds that it still runs.
fn with_progress(
    exchange: &mut Exchange<'_>,
    token: &Value,
    call: impl FnOnce() -> Result<Value, Error> + Send,
) -> Result<Value, Error> {
    thread::scope(|scope| {
        // Nothing is sent through the channel: its end is the end of the call, also by a panic.
        let (running, ended) = mpsc::channel::<()>();
        let caller = thread::Builder::new().name("call".to_owned()).spawn_scoped(scope, move || {
            let _running = running;
            call()
        });
        let caller = caller.map_err(|error| {
            log::warn!("cannot start a thread for a call: {error}");
            Error::new(503, code::INTERNAL_ERROR, "the server is too busy; try again in a few seconds")
        })?;
        let mut seconds = 0u64;
        while ended.recv_timeout(PROGRESS) == Err(RecvTimeoutError::Timeout) {
            seconds = PROGRESS.as_secs().saturating_add(seconds);
            let params =
                json!({ "progressToken": token, "progress": seconds, "message": format!("running for {seconds} s") });
            let event = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params });
            if exchange.send_event(&event.to_string()).is_err() {
                // The client is gone; `inflight` sees that too and ends the call.
                break;
            }
        }
        caller.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    })
}

/// What is known of a request beside its parameters.
struct Call<'a> {
    analyst: &'a Analyst,
    era: Era,
    id: &'a Value,
    method: &'a str,
    /// The connection that waits for the answer.
    client: Arc<TcpStream>,
    started: Instant,
}

/// The methods. The order of the arms is the order of a conversation.
fn request(service: &Service, call: Call<'_>, params: Map<String, Value>) -> Result<Value, Error> {
    let era = call.era;
    match (era, call.method) {
        (Era::Legacy, "initialize") => Ok(initialize(service, &params)),
        (Era::Legacy, "ping") => Ok(json!({})),
        (Era::Modern, "server/discover") => Ok(json!({
            "supportedVersions": MODERN,
            "capabilities": { "tools": {} },
            "instructions": service.instructions.text(&service.shop),
            "ttlMs": TTL_MS, "cacheScope": "public",
        })),
        (_, "tools/list") => Ok(list_tools(service, era)),
        (_, "tools/call") => call_tool(service, call, params),
        (Era::Legacy, _) => Err(Error::new(200, code::METHOD_NOT_FOUND, "there is no such method")),
        (Era::Modern, _) => Err(Error::new(404, code::METHOD_NOT_FOUND, "there is no such method")),
    }
}

fn initialize(service: &Service, params: &Map<String, Value>) -> Value {
    let wanted = params.get("protocolVersion").and_then(Value::as_str);
    let newest = LEGACY.first().copied().unwrap_or_default();
    let version = wanted.filter(|version| LEGACY.contains(version)).unwrap_or(newest);
    json!({
        "protocolVersion": version,
        "capabilities": { "tools": {} },
        "serverInfo": server_info(),
        "instructions": service.instructions.text(&service.shop),
    })
}

fn server_info() -> Value {
    json!({ "name": "fireside-analytics", "title": "Fireside fleet analytics", "version": env!("CARGO_PKG_VERSION") })
}

/// The same for everybody, in the same order, to the byte.
fn list_tools(service: &Service, era: Era) -> Value {
    let tools: Vec<Value> = Tool::ALL.iter().map(|tool| tool.listing(&service.shop.config)).collect();
    match era {
        Era::Legacy => json!({ "tools": tools }),
        Era::Modern => json!({ "tools": tools, "ttlMs": TTL_MS, "cacheScope": "public" }),
    }
}

fn call_tool(service: &Service, call: Call<'_>, mut params: Map<String, Value>) -> Result<Value, Error> {
    let invalid = |message: String| Error::new(200, code::INVALID_PARAMS, message);
    let Some(Value::String(name)) = params.remove("name") else {
        return Err(invalid("params.name must be the name of a tool".to_owned()));
    };
    let tool = Tool::named(&name);
    let mut entry = audit::Entry::open(call.analyst, &name, tool.map(Tool::name), &service.metrics);
    let Some(tool) = tool else {
        entry.failed("UNKNOWN_TOOL", None, 0);
        let names: Vec<&str> = Tool::ALL.iter().map(|tool| tool.name()).collect();
        return Err(invalid(format!(
            "Unknown tool: {}; there are: {}",
            name.chars().take(64).collect::<String>(),
            names.join(", ")
        )));
    };
    let arguments = match params.remove("arguments") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(_) => {
            entry.failed("ARGUMENT", None, 0);
            return Err(invalid("params.arguments must be an object".to_owned()));
        }
    };
    // Arguments are read before the call waits for its place: what waits is small.
    let answer = tools::read(&service.shop, &mut entry, tool, arguments).and_then(|request| {
        let ticket = service.inflight.enter(call.analyst, call.id, call.client, call.started)?;
        tools::call(&service.shop, &ticket, &mut entry, request)
    });
    let (texts, is_error) = match answer {
        Ok(texts) => (texts, false),
        Err(failure) => {
            let text = failure.text(entry.statement());
            entry.failed(failure.code.as_str(), failure.sqlstate.as_deref(), text.len());
            (vec![text], true)
        }
    };
    let content: Vec<Value> = texts.into_iter().map(text_content).collect();
    Ok(json!({ "content": content, "isError": is_error }))
}

/// A text content block, without copying the text.
fn text_content(text: String) -> Value {
    let mut block = Map::new();
    block.insert("type".to_owned(), json!("text"));
    block.insert("text".to_owned(), Value::String(text));
    Value::Object(block)
}

/// What every modern result carries.
fn complete(era: Era, mut result: Value) -> Value {
    if let (Era::Modern, Some(object)) = (era, result.as_object_mut()) {
        object.insert("resultType".to_owned(), json!("complete"));
        object.insert("_meta".to_owned(), json!({ META_SERVER: server_info() }));
    }
    result
}

#[cfg(test)]
mod tests {
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
    fn check(headers: &[(&str, &str)], method: &str, meta: Value, expected: Result<Era, (u16, i64)>) {
        let head = Head::for_test("POST", "/mcp", headers);
        let found = era(&head, method, &params(meta), MODERN).map_err(|error| (error.status, error.code));
        assert_eq!(found, expected, "{headers:?} {method}");
    }

    #[test]
    fn the_era_of_a_request_and_its_headers() {
        let modern = || json!({ META_VERSION: "2026-07-28", META_CAPABILITIES: {} });
        let version = |version: &'static str| ("mcp-protocol-version", version);
        let (list, call) = (("mcp-method", "tools/list"), ("mcp-method", "tools/call"));
        check(&[], "tools/list", Value::Null, Ok(Era::Legacy));
        check(&[version("2025-06-18")], "tools/list", json!({ "progressToken": 1 }), Ok(Era::Legacy));
        check(&[version("2025-06-18, 2025-06-18")], "tools/list", Value::Null, Ok(Era::Legacy));
        check(&[version("1999-01-01")], "tools/list", Value::Null, Err((400, -32022)));
        check(&[version("1999-01-01")], "initialize", Value::Null, Ok(Era::Legacy));
        check(&[version("2026-07-28")], "initialize", Value::Null, Err((400, -32020)));
        check(&[version("2026-07-28")], "tools/list", Value::Null, Err((400, -32602)));
        check(&[version("2026-07-28"), list], "tools/list", json!({ META_VERSION: "2026-07-28" }), Err((400, -32602)));
        check(&[version("2026-07-28"), list], "tools/list", modern(), Ok(Era::Modern));
        check(&[version("2026-07-28")], "tools/list", modern(), Err((400, -32020)));
        check(&[version("2026-07-28"), ("mcp-method", "TOOLS/LIST")], "tools/list", modern(), Err((400, -32020)));
        check(&[version("2026-07-28"), call, ("mcp-name", "query")], "tools/call", modern(), Ok(Era::Modern));
        check(
            &[version("2026-07-28"), call, ("mcp-name", "=?base64?cXVlcnk=?=")],
            "tools/call",
            modern(),
            Ok(Era::Modern),
        );
        check(&[version("2026-07-28"), call, ("mcp-name", "=?base64?!?=")], "tools/call", modern(), Err((400, -32020)));
        check(&[version("2026-07-28"), call, ("mcp-name", "other")], "tools/call", modern(), Err((400, -32020)));
        check(&[version("2026-07-28"), call], "tools/call", modern(), Err((400, -32020)));
        check(&[version("2025-11-25")], "tools/call", modern(), Ok(Era::Modern));
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
}
