//! The edge: one HTTP/1.1 connection, read strictly and within limits.
//!
//! In: bytes from anyone. Out: a [`Head`] within every limit, then, only when the handler asks for it, the body. Every
//! read and write has a deadline, so that no client can hold a thread for longer than it is worth. Follows RFC 9112;
//! where it leaves a choice, the request is refused: two `Content-Length`s, any `Transfer-Encoding`, folded lines, bare
//! line feeds.
//!
//! `tiny_http` supplies the types and writes the response head. Its `Server` is not used: one `Content-Length` can abort
//! it (docs/architecture.md says more).

mod connections;

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use tiny_http::{HTTPVersion, Header, Method, StatusCode};

pub use connections::{Connections, serve};
use connections::{Place, State};

/// The most bytes of a request line with its headers.
pub const MAX_HEAD_BYTES: usize = 16 << 10;
/// The most headers of a request.
pub const MAX_HEADERS: usize = 64;
/// The most bytes of a request body: the longest statement, with room for JSON's escapes.
pub const MAX_BODY_BYTES: usize = 192 << 10;
/// How long a connection may wait for its next request: longer than the 90 s for which Traefik keeps idle connections.
const IDLE: Duration = Duration::from_secs(120);
/// From the first byte of a head to its last.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// From the end of the head to the last byte of the body.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// From the first byte of a response to its last.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// How long and how much is still read after an early answer, so that the client sees it before a reset.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 16 << 20);

/// Headers that a request may carry once at most: a second one is an attempt to be read in two ways.
const SINGLE: &[&str] = &["host", "content-length", "content-type", "authorization", "origin", "expect"];

/// A request line and its headers, complete and within every limit.
#[derive(Debug, Clone)]
pub struct Head {
    method: Method,
    target: String,
    headers: Vec<(String, String)>,
    content_length: usize,
    keep_alive: bool,
    /// HTTP/1.1 and not 1.0.
    modern: bool,
}

impl Head {
    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query, as it was sent; empty where there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The media type of the body, without its parameters.
    pub fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim()
    }

    /// Whether a response may come as an event stream: the client takes one, and its HTTP version can carry it.
    pub fn takes_events(&self) -> bool {
        let takes = |value: &str| value.to_ascii_lowercase().contains("text/event-stream");
        self.modern && self.all("accept").any(takes)
    }

    /// A header's value, trimmed; `name` in lower case. Of several with the same name the first; see [`Head::all`].
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A head made by hand, for tests of what is decided on it.
    #[cfg(test)]
    pub(crate) fn for_test(method: &str, path: &str, headers: &[(&str, &str)]) -> Head {
        Head {
            method: Method::from_str(method).unwrap(),
            target: path.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            content_length: 0,
            keep_alive: true,
            modern: true,
        }
    }

    /// Reads a head from its bytes, the empty line included.
    fn parse(bytes: &[u8]) -> Result<Head, Refused> {
        let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut slots);
        match request.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Refused(400, "the request head is incomplete")),
            Err(httparse::Error::TooManyHeaders) => return Err(Refused(431, "more than 64 headers")),
            Err(httparse::Error::Version) => return Err(Refused(505, "only HTTP/1.1 and HTTP/1.0 are spoken")),
            Err(_) => return Err(Refused(400, "the request head is malformed")),
        }
        let mut headers: Vec<(String, String)> = Vec::with_capacity(request.headers.len());
        for header in request.headers.iter() {
            let name = header.name.to_ascii_lowercase();
            if SINGLE.contains(&name.as_str()) && headers.iter().any(|(known, _)| *known == name) {
                return Err(Refused(400, "a header that must be single came twice"));
            }
            let value = String::from_utf8_lossy(header.value).trim_matches([' ', '\t']).to_owned();
            headers.push((name, value));
        }
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let modern = request.version == Some(1);
        if modern && header("host").is_none() {
            return Err(Refused(400, "the Host header is missing"));
        }
        if header("transfer-encoding").is_some() {
            return Err(match header("content-length") {
                Some(_) => Refused(400, "Content-Length and Transfer-Encoding exclude each other"),
                None => Refused(411, "send the body with a Content-Length; Transfer-Encoding is not taken"),
            });
        }
        let content_length = match header("content-length") {
            None => 0,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                // A number too long for usize is too large in any case.
                digits.parse().unwrap_or(usize::MAX)
            }
            Some(_) => return Err(Refused(400, "Content-Length is not a number")),
        };
        let target = request.path.unwrap_or_default();
        if !target.starts_with('/') && target != "*" {
            return Err(Refused(400, "the request target must be a path"));
        }
        let connection = header("connection").unwrap_or_default().to_ascii_lowercase();
        let asks = |word: &str| connection.split(',').any(|part| part.trim() == word);
        let keep_alive = if modern { !asks("close") } else { asks("keep-alive") };
        let method = Method::from_str(request.method.unwrap_or_default());
        let method = method.map_err(|()| Refused(400, "the method is malformed"))?;
        Ok(Head { method, target: target.to_owned(), headers, content_length, keep_alive, modern })
    }
}

/// A request that is refused before it reaches a handler: status and reason.
#[derive(Debug, Clone, Copy)]
struct Refused(u16, &'static str);

/// A response: everything in memory, since answers are bounded.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status code.
    pub status: u16,
    /// Header names and values beside the fixed ones. What of a client's text is in a value is percent-encoded.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A JSON body.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Reply { status, headers, body: body.into() }
    }

    /// No body.
    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A refusal that is not JSON-RPC: `{"error":"…"}`. The text is the program's own.
    pub fn refusal(status: u16, reason: &str) -> Reply {
        Reply::json(status, serde_json::json!({ "error": reason }).to_string())
    }

    /// The same with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

/// One request in the hands of its handler.
pub struct Exchange<'a> {
    head: Head,
    wire: &'a mut Wire,
    place: &'a Place,
    body_taken: bool,
    /// The head of an event stream has been sent.
    streaming: bool,
}

impl Exchange<'_> {
    /// The request's head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Reads a body of at most `most` bytes. For [`MAX_BODY_BYTES`] it is called after the caller is known, so that strangers
    /// cannot make the server hold much. The error is the reply to send.
    pub fn read_body(&mut self, most: usize) -> Result<Vec<u8>, Reply> {
        let length = self.head.content_length;
        if length > most {
            return Err(Reply::refusal(413, &format!("the body is larger than {} KiB", most >> 10)));
        }
        if self.head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            let _ = self.wire.write(b"HTTP/1.1 100 Continue\r\n\r\n", from_now(WRITE_DEADLINE));
        }
        // As long as it only sends, a client is one that others may have to make room for.
        self.place.enter(State::Transfer);
        let body = self.wire.take(length, from_now(BODY_DEADLINE)).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => Reply::refusal(408, "the body did not arrive within 10 s"),
            _ => Reply::refusal(400, "the connection ended inside the body"),
        })?;
        self.place.enter(State::Busy);
        self.body_taken = true;
        Ok(body)
    }

    /// Sends an event ahead of the answer, which turns the answer into the last event of the stream (the `text/event-stream`
    /// of the HTML standard). Only where [`Head::takes_events`].
    pub fn send_event(&mut self, data: &str) -> io::Result<()> {
        if !self.streaming {
            self.wire.begin_stream(self.head.keep_alive)?;
            self.streaming = true;
        }
        self.wire.write_event(data.as_bytes())
    }

    /// The client's socket, by which a hang-up can be noticed while a query runs.
    pub fn socket(&self) -> Arc<TcpStream> {
        Arc::clone(&self.wire.stream)
    }
}

/// What a client sends and what was read of it ahead of need.
struct Wire {
    stream: Arc<TcpStream>,
    ahead: Vec<u8>,
}

impl Wire {
    /// Bytes until the end of a head. `None` when the client left or was silent for too long between requests.
    fn head(&mut self) -> Result<Option<Head>, Refused> {
        let mut deadline = from_now(IDLE);
        let mut scanned = 0;
        if !self.ahead.is_empty() {
            deadline = from_now(HEAD_DEADLINE);
        }
        loop {
            if let Some(end) = find_head_end(&self.ahead, &mut scanned)? {
                let head =
                    self.ahead.get(..end).map_or(Err(Refused(400, "the request head is malformed")), Head::parse);
                self.ahead.drain(..end);
                return head.map(Some);
            }
            if self.ahead.len() >= MAX_HEAD_BYTES {
                return Err(Refused(431, "the request head is larger than 16 KiB"));
            }
            let started = !self.ahead.is_empty();
            match self.read_more(deadline) {
                Ok(0) => return Ok(None),
                Ok(_) if !started => deadline = from_now(HEAD_DEADLINE),
                Ok(_) => {}
                Err(error) if started && error.kind() == io::ErrorKind::TimedOut => {
                    return Err(Refused(408, "the request head did not arrive within 5 s"));
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Exactly `length` bytes.
    fn take(&mut self, length: usize, deadline: Instant) -> io::Result<Vec<u8>> {
        while self.ahead.len() < length {
            if self.read_more(deadline)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.ahead.split_off(length);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    /// Reads once, until the deadline at the latest; 0 at the end of the stream.
    fn read_more(&mut self, deadline: Instant) -> io::Result<usize> {
        let mut buffer = [0; 8 << 10];
        loop {
            self.stream.set_read_timeout(Some(remaining(deadline)?))?;
            match (&*self.stream).read(&mut buffer) {
                Ok(count) => {
                    self.ahead.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
                Err(error) => return Err(error),
            }
        }
    }

    fn write(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(remaining(deadline)?))?;
            match (&*self.stream).write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes a response.
    fn reply(&mut self, reply: Reply, head_only: bool, keep_alive: bool) -> io::Result<()> {
        let length = Some(reply.body.len()).filter(|_| reply.status != 204);
        let mut bytes = head_bytes(reply.status, &reply.headers, length, keep_alive)?;
        let deadline = from_now(WRITE_DEADLINE);
        if !head_only && reply.body.len() <= 8 << 10 {
            // One packet for head and body.
            bytes.extend_from_slice(&reply.body);
            return self.write(&bytes, deadline);
        }
        self.write(&bytes, deadline)?;
        if head_only { Ok(()) } else { self.write(&reply.body, deadline) }
    }

    /// Writes the head of an event stream, whose length is not known.
    fn begin_stream(&mut self, keep_alive: bool) -> io::Result<()> {
        let headers = [("Content-Type", "text/event-stream".to_owned()), ("X-Accel-Buffering", "no".to_owned())];
        self.write(&head_bytes(200, &headers, None, keep_alive)?, from_now(WRITE_DEADLINE))
    }

    /// Writes an event as a chunk (RFC 9112 section 7.1). `data` has no line break: it is JSON.
    fn write_event(&mut self, data: &[u8]) -> io::Result<()> {
        let (before, after) = (b"event: message\ndata: ", b"\n\n\r\n");
        let length = before.len().saturating_add(data.len()).saturating_add(2);
        let deadline = from_now(WRITE_DEADLINE);
        self.write(&[format!("{length:x}\r\n").as_bytes(), before].concat(), deadline)?;
        self.write(data, deadline)?;
        self.write(after, deadline)
    }

    /// Ends a stream.
    fn end_stream(&mut self) -> io::Result<()> {
        self.write(b"0\r\n\r\n", from_now(WRITE_DEADLINE))
    }

    /// Ends the connection after an early answer: reads what the client is still sending, so that it sees the answer.
    fn linger(&mut self) {
        let (time, mut bytes) = LINGER;
        let deadline = from_now(time);
        let _ = self.stream.shutdown(Shutdown::Write);
        self.ahead = Vec::new();
        while let Ok(count @ 1..) = self.read_more(deadline) {
            self.ahead.clear();
            bytes = bytes.saturating_sub(count);
            if bytes == 0 {
                return;
            }
        }
    }
}

/// The head of a response, made by `tiny_http`. Without a length the body is chunked, or there is none (204).
fn head_bytes(
    status: u16,
    headers: &[(&'static str, String)],
    length: Option<usize>,
    keep_alive: bool,
) -> io::Result<Vec<u8>> {
    let mut fields = vec![field("Server", "analytics_mcp"), field("X-Content-Type-Options", "nosniff")];
    if !headers.iter().any(|(name, _)| *name == "Cache-Control") {
        fields.push(field("Cache-Control", "no-store"));
    }
    fields.extend(headers.iter().map(|(name, value)| field(name, value)));
    let fields = fields.into_iter().flatten().collect();
    let response = tiny_http::Response::new(StatusCode(status), fields, io::empty(), length, None);
    let mut bytes = Vec::with_capacity(512);
    response.with_chunked_threshold(usize::MAX).raw_print(&mut bytes, HTTPVersion(1, 1), &[], true, None)?;
    if !keep_alive {
        // tiny_http drops a Connection header, so it is put before the empty line.
        bytes.truncate(bytes.len().saturating_sub(2));
        bytes.extend_from_slice(b"Connection: close\r\n\r\n");
    }
    Ok(bytes)
}

fn field(name: &str, value: &str) -> Option<Header> {
    Header::from_bytes(name, value).ok()
}

#[expect(clippy::arithmetic_side_effects, reason = "the constants of this module, some seconds each")]
fn from_now(time: Duration) -> Instant {
    Instant::now() + time
}

fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Where the head ends, if it does. A line feed without its carriage return is refused at once: proxies and servers
/// disagree on it. `scanned` is how far earlier calls have looked.
fn find_head_end(bytes: &[u8], scanned: &mut usize) -> Result<Option<usize>, Refused> {
    for (index, byte) in bytes.iter().enumerate().skip(*scanned) {
        if *byte == b'\n' {
            let line = bytes.get(..index).unwrap_or_default();
            if !line.ends_with(b"\r") {
                return Err(Refused(400, "lines must end with CR LF"));
            }
            if line.ends_with(b"\r\n\r") {
                return Ok(Some(index.saturating_add(1)));
            }
        }
    }
    *scanned = bytes.len();
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(head: &str, status: u16) {
        assert_eq!(
            Head::parse(head.as_bytes()).map(|head| head.target).map_err(|refused| refused.0),
            Err(status),
            "{head:?}"
        );
    }

    #[test]
    fn a_plain_head_is_read() {
        let head =
            Head::parse(b"POST /mcp?x=1 HTTP/1.1\r\nHost: a\r\nX-A:  b \r\nX-A: c\r\nContent-Length: 12\r\n\r\n")
                .unwrap();
        assert_eq!(
            (head.method(), head.path(), head.content_length, head.keep_alive),
            (&Method::Post, "/mcp", 12, true)
        );
        assert_eq!(head.all("x-a").collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        refused("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", 400);
        for (headers, status) in [
            ("Content-Length: 1\r\nContent-Length: 1\r\n", 400),
            ("Content-Length: +1\r\n", 400),
            ("Content-Length: 1, 1\r\n", 400),
            ("Content-Length: \r\n", 400),
            ("Transfer-Encoding: chunked\r\n", 411),
            ("Transfer-Encoding: identity\r\nContent-Length: 1\r\n", 400),
            ("Host: b\r\n", 400),
            ("Authorization: a\r\nauthorization: b\r\n", 400),
            ("X-A: a\r\n b\r\n", 400),
            ("X-A : b\r\n", 400),
            ("X-A: a\0b\r\n", 400),
        ] {
            refused(&format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n"), status);
        }
        refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
        refused("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
        refused(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65)), 431);
    }

    #[test]
    fn a_length_beyond_all_numbers_is_merely_too_large() {
        let head =
            Head::parse(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999999999\r\n\r\n").unwrap();
        assert_eq!(head.content_length, usize::MAX);
    }

    #[test]
    fn the_end_of_a_head_is_found_over_several_reads() {
        let mut scanned = 0;
        assert!(matches!(find_head_end(b"GET / HTTP/1.1\r\nHost: a\r\n\r", &mut scanned), Ok(None)));
        assert!(matches!(find_head_end(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", &mut scanned), Ok(Some(27))));
        assert!(find_head_end(b"GET / HTTP/1.1\nHost: a\n\n", &mut 0).is_err());
    }
}
