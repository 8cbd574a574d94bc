//! MCP over streamable HTTP, stateless, in both of its eras on one endpoint.
//!
//! In: the head of a request and its JSON-RPC message. Out: an HTTP status and a body. A request whose `_meta` names a
//! protocol version is of the modern era (2026-07-28); any other is of the legacy era (`initialize`; 2025-03-26 to
//! 2025-11-25). There are no sessions. Answers are JSON; only a client that asks for progress may get an event stream, and
//! that only once its call takes long. Knows nothing of SQL.

mod era;

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

use serde_json::{Map, Value, json};

use crate::{
    audit,
    auth::Analyst,
    http::{Exchange, Reply},
    inflight::InFlight,
    instructions::Instructions,
    jsonrpc::{self, Error, Message, code},
    metrics::Metrics,
    tools::{self, AppState, Tool},
};
use era::{Era, LEGACY, META_SERVER, MODERN, header_versions};

/// How long a client may keep the tool list and the instructions, in milliseconds.
const TTL_MS: u32 = 300_000;
/// How often a call tells its progress. Clients give up when nothing has come for 60 s.
const PROGRESS: Duration = Duration::from_secs(5);

/// What the methods work with.
pub struct Service {
    /// What the tools work with.
    pub app: AppState,
    /// The running calls.
    pub inflight: Arc<InFlight>,
    /// What a model is told at the start.
    pub instructions: Instructions,
    /// What counts the calls.
    pub metrics: Arc<Metrics>,
    /// Held while a response is written to memory.
    pub writing: Mutex<()>,
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
    let modern = if service.app.config.protocol_modern { MODERN } else { &[] };
    let era = era::era(head, method, &params, modern)?;
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
            "instructions": service.instructions.text(&service.app),
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
        "instructions": service.instructions.text(&service.app),
    })
}

fn server_info() -> Value {
    json!({ "name": "fireside-analytics", "title": "Fireside fleet analytics", "version": env!("CARGO_PKG_VERSION") })
}

/// The same for everybody, in the same order, to the byte.
fn list_tools(service: &Service, era: Era) -> Value {
    let tools: Vec<Value> = Tool::ALL.iter().map(|tool| tool.listing(&service.app.config)).collect();
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
    let answer = tools::read(&service.app, &mut entry, tool, arguments).and_then(|request| {
        let permit = service.inflight.enter(call.analyst, call.id, call.client, call.started)?;
        tools::call(&service.app, &permit, &mut entry, request)
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
