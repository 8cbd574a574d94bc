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
mod head;
mod site;
mod wire;

use std::{io, net::TcpStream, sync::Arc};

pub use connections::{Connections, serve};
use connections::{Place, State};
pub use head::Head;
pub use site::Site;
use wire::Wire;

/// The most bytes of a request line with its headers.
pub const MAX_HEAD_BYTES: usize = 16 << 10;
/// The most headers of a request.
pub const MAX_HEADERS: usize = 64;
/// The most bytes of a request body: the longest statement, with room for JSON's escapes.
pub const MAX_BODY_BYTES: usize = 192 << 10;

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
            self.wire.ask_to_continue();
        }
        // As long as it only sends, a client is one that others may have to make room for.
        self.place.enter(State::Transfer);
        let body = self.wire.body(length).map_err(|error| match error.kind() {
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
