//! A client that sends exactly the bytes it is given, and one that speaks MCP through it.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};

use super::HANG;

/// A response, read to the end of its body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a response body is UTF-8")
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    ahead: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Connection {
        Connection::try_open(port).unwrap()
    }

    pub(crate) fn try_open(port: u16) -> io::Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANG))?;
        stream.set_write_timeout(Some(HANG))?;
        Ok(Connection { stream, ahead: Vec::new() })
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads the next response, which must have a `Content-Length` or, being 1xx or 204, no body.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> Response {
        self.try_receive(false).unwrap_or_else(|error| panic!("no response: {error}"))
    }

    /// Reads the response to a HEAD request.
    #[track_caller]
    pub(crate) fn receive_head(&mut self) -> Response {
        self.try_receive(true).unwrap_or_else(|error| panic!("no response: {error}"))
    }

    pub(crate) fn try_receive(&mut self, head_only: bool) -> io::Result<Response> {
        let end = loop {
            if let Some(at) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more()?;
        };
        let head: Vec<u8> = self.ahead.drain(..end).collect();
        let head = String::from_utf8(head).expect("a response head is UTF-8");
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let status = first
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or_else(|| panic!("not a status line: {first:?}"));
        let headers: Vec<(String, String)> = lines
            .filter(|line| !line.is_empty())
            .map(|line| line.split_once(':').unwrap_or_else(|| panic!("not a header: {line:?}")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut response = Response { status, headers, body: Vec::new() };
        assert_eq!(response.header("transfer-encoding"), None, "every answer has a length");
        if !head_only && status >= 200 && status != 204 {
            let length: usize = response.header("content-length").expect("Content-Length").parse().unwrap();
            while self.ahead.len() < length {
                self.more()?;
            }
            response.body = self.ahead.drain(..length).collect();
        }
        Ok(response)
    }

    /// Whether the server ends the connection without another byte.
    #[track_caller]
    pub(crate) fn is_closed(&mut self) -> bool {
        assert!(self.ahead.is_empty(), "more came: {:?}", String::from_utf8_lossy(&self.ahead));
        match self.more() {
            Ok(()) => false,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                panic!("the server neither speaks nor closes")
            }
            Err(_) => true,
        }
    }

    /// Closes the sending side and the receiving side.
    pub(crate) fn hang_up(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.ahead.extend_from_slice(&buffer[..count]);
                Ok(())
            }
            // The machine was halted for a moment.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.more(),
            Err(error) => Err(error),
        }
    }
}

/// The bytes of a request with a matching `Content-Length`.
pub(crate) fn bytes(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str("Host: 127.0.0.1\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// One request on a connection of its own.
#[track_caller]
pub(crate) fn request(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    try_request(port, method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

pub(crate) fn try_request(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut connection = Connection::try_open(port)?;
    connection.stream.write_all(&bytes(method, path, headers, body))?;
    connection.try_receive(method == "HEAD")
}

/// An MCP client with a token. Each call has a connection of its own.
#[derive(Clone)]
pub(crate) struct Mcp {
    pub(crate) port: u16,
    authorization: String,
}

/// What a tool answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) texts: Vec<String>,
    pub(crate) is_error: bool,
}

impl Answer {
    /// The result of a `tools/call`, taken apart.
    #[track_caller]
    pub(crate) fn of(response: &Response) -> Answer {
        assert_eq!(response.status, 200, "{}", response.text());
        let body = response.json();
        let result = &body["result"];
        assert!(result.is_object(), "no result: {body}");
        let texts = result["content"].as_array().expect("content").iter().map(|block| {
            assert_eq!(block["type"], "text");
            block["text"].as_str().expect("text").to_owned()
        });
        Answer { texts: texts.collect(), is_error: result["isError"].as_bool().expect("isError") }
    }

    /// The data, which must be there.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        assert!(!self.is_error, "an error: {:?}", self.texts);
        serde_json::from_str(&self.texts[0]).unwrap_or_else(|error| panic!("{error}: {}", self.texts[0]))
    }

    /// The text, which must be no error.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        assert!(!self.is_error, "an error: {:?}", self.texts);
        &self.texts[0]
    }

    /// The line that begins so, which must be there.
    #[track_caller]
    pub(crate) fn line(&self, beginning: &str) -> &str {
        let line = self.text().lines().find(|line| line.starts_with(beginning));
        line.unwrap_or_else(|| panic!("no line begins with {beginning:?}:\n{}", self.text()))
    }

    /// The rows, which must be there.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        self.data()["rows"].as_array().expect("rows").clone()
    }

    /// The error, which must be there.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        assert!(self.is_error, "not an error: {:?}", self.texts);
        let text: Value = serde_json::from_str(&self.texts[0]).expect("an error is JSON");
        text["error"].clone()
    }

    /// The error's code, or the text of an answer.
    pub(crate) fn code(&self) -> String {
        match serde_json::from_str::<Value>(&self.texts[0]) {
            Ok(text) if self.is_error => text["error"]["code"].as_str().unwrap_or_default().to_owned(),
            _ => self.texts[0].clone(),
        }
    }
}

impl Mcp {
    pub(crate) fn new(port: u16, token: &str) -> Mcp {
        Mcp { port, authorization: format!("Bearer {token}") }
    }

    /// The bytes of a POST with this body, for tests that send them themselves.
    pub(crate) fn post_bytes(&self, headers: &[(&str, &str)], body: &Value) -> Vec<u8> {
        self.post_raw_bytes(headers, body.to_string().as_bytes())
    }

    pub(crate) fn post_raw_bytes(&self, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut all = vec![("Authorization", self.authorization.as_str()), ("Content-Type", "application/json")];
        all.extend_from_slice(headers);
        bytes("POST", "/mcp", &all, body)
    }

    /// Posts a body.
    #[track_caller]
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &Value) -> Response {
        self.post_raw(headers, body.to_string().as_bytes())
    }

    #[track_caller]
    pub(crate) fn post_raw(&self, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut connection = Connection::open(self.port);
        connection.send(self.post_raw_bytes(headers, body));
        connection.receive()
    }

    /// A request of the legacy era.
    #[track_caller]
    pub(crate) fn legacy(&self, method: &str, params: Value) -> Response {
        self.post(&[], &message(&next_id(), method, params))
    }

    /// A request of the modern era, with its headers.
    #[track_caller]
    pub(crate) fn modern(&self, method: &str, params: Value) -> Response {
        let name = params["name"].as_str().map(str::to_owned);
        let mut headers = vec![("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)];
        if let Some(name) = &name {
            headers.push(("Mcp-Name", name));
        }
        self.post(&headers, &message(&next_id(), method, with_meta(params)))
    }

    /// Calls a tool in the legacy way.
    #[track_caller]
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> Answer {
        Answer::of(&self.legacy("tools/call", json!({ "name": tool, "arguments": arguments })))
    }

    /// Runs a statement.
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> Answer {
        self.call("query", json!({ "sql": sql }))
    }

    /// Sends a query and does not wait for the answer.
    pub(crate) fn begin(&self, id: &Value, sql: &str) -> Connection {
        let mut connection = Connection::open(self.port);
        connection.send(self.post_bytes(&[], &query_message(id, sql)));
        connection
    }
}

pub(crate) fn message(id: &Value, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

pub(crate) fn query_message(id: &Value, sql: &str) -> Value {
    message(id, "tools/call", json!({ "name": "query", "arguments": { "sql": sql } }))
}

/// The `_meta` that every modern request has.
pub(crate) fn with_meta(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "it", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

fn next_id() -> Value {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    json!(NEXT.fetch_add(1, Ordering::Relaxed))
}
