//! JSON-RPC 2.0: messages in, responses out.
//!
//! In: a body. Out: one [`Message`], or the [`Error`] to answer with. Batches are refused, as MCP does since 2025-06-18.
//! Knows nothing of MCP but the status codes that its transport gives to errors.

use serde_json::{Map, Value, json};

/// Codes of the JSON-RPC 2.0 specification, section 5.1, and those that MCP 2026-07-28 adds.
pub mod code {
    /// The body is not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The JSON is not one JSON-RPC message.
    pub const INVALID_REQUEST: i64 = -32600;
    /// The method is not there.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters are not those of the method.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The server failed.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// MCP: an HTTP header says something else than the body.
    pub const HEADER_MISMATCH: i64 = -32020;
    /// MCP: the protocol version is not spoken here.
    pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;
}

/// One message of a client.
#[derive(Debug, PartialEq)]
pub enum Message {
    /// Wants an answer.
    Request {
        /// A string or an integer, echoed as it came.
        id: Value,
        /// The method's name.
        method: String,
        /// The parameters; empty when there are none.
        params: Map<String, Value>,
    },
    /// Wants none.
    Notification {
        /// The method's name.
        method: String,
        /// The parameters; empty when there are none.
        params: Map<String, Value>,
    },
    /// Answers a request; this server never sends one.
    Response,
}

/// An error response, with the HTTP status that it travels under.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// The HTTP status code.
    pub status: u16,
    /// One of [`code`].
    pub code: i64,
    /// What is wrong and what to do.
    pub message: String,
    /// Further data, where the specification defines some.
    pub data: Option<Value>,
}

impl Error {
    /// An error without data.
    pub fn new(status: u16, code: i64, message: impl Into<String>) -> Error {
        Error { status, code, message: message.into(), data: None }
    }

    /// The same with data.
    pub fn with(mut self, data: Value) -> Error {
        self.data = Some(data);
        self
    }

    /// The response body. `id` is null where the request's could not be read.
    pub fn body(&self, id: &Value) -> String {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(data), Some(object)) = (&self.data, error.as_object_mut()) {
            object.insert("data".to_owned(), data.clone());
        }
        json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()
    }
}

/// The most values in a message. As a tree a value takes many times the two bytes that it can be written in.
const MAX_VALUES: usize = 2_000;

/// Reads the one message of a body. An error comes with the message's id, where it had one.
pub fn parse(body: &[u8]) -> Result<Message, (Error, Value)> {
    let invalid = |id: &Value, message: &str| (Error::new(400, code::INVALID_REQUEST, message), id.clone());
    if count_values(body) > MAX_VALUES {
        return Err(invalid(&Value::Null, "the message has more than 2000 values"));
    }
    // serde_json refuses more than 128 levels, so a deep body cannot exhaust the stack.
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| (Error::new(400, code::PARSE_ERROR, format!("the body is not JSON: {error}")), Value::Null))?;
    let mut object = match value {
        Value::Object(object) => object,
        Value::Array(_) => return Err(invalid(&Value::Null, "batches are not taken; send one message a request")),
        _ => return Err(invalid(&Value::Null, "the body is not a JSON-RPC object")),
    };
    let id = object.remove("id");
    let readable = match &id {
        Some(Value::String(_)) => true,
        Some(Value::Number(number)) => number.is_i64() || number.is_u64(),
        _ => false,
    };
    let echo = id.clone().filter(|_| readable).unwrap_or(Value::Null);
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid(&echo, "\"jsonrpc\" must be \"2.0\""));
    }
    if !object.contains_key("method") && (object.contains_key("result") || object.contains_key("error")) {
        return Ok(Message::Response);
    }
    let Some(Value::String(method)) = object.remove("method") else {
        return Err(invalid(&echo, "\"method\" must be a string"));
    };
    let params = match object.remove("params") {
        None => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err((Error::new(200, code::INVALID_PARAMS, "\"params\" must be an object"), echo)),
    };
    match (id, readable) {
        (None, _) => Ok(Message::Notification { method, params }),
        (Some(id), true) => Ok(Message::Request { id, method, params }),
        (Some(_), false) => Err(invalid(&Value::Null, "\"id\" must be a string or an integer")),
    }
}

/// About how many values the JSON text holds: the brackets and commas outside its strings.
fn count_values(json: &[u8]) -> usize {
    let (mut count, mut in_string, mut escaped) = (0usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' | b',' if !in_string => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}

/// The body of a successful response.
pub fn result(id: &Value, result: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string()
}

#[cfg(test)]
#[path = "../tests/unit/jsonrpc.rs"]
mod tests;
