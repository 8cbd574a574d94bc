//! The edge: one HTTP/1.1 connection, read strictly and within limits.
//!
//! In: bytes from anyone. Out: a [`Head`] within every limit, and the body, but only when the handler asks for it. Every
//! read and write has a deadline, so that no client can hold a thread for long. Follows RFC 9112; where that leaves a
//! choice, the request is refused: two `Content-Length`s, any `Transfer-Encoding`, folded lines, bare line feeds.
//!
//! `tiny_http` supplies the types and prints response heads. Its `Server` is not used: a single `Content-Length` can abort
//! it (see docs/architecture.md).

mod connections;
mod head;
mod reply;
mod site;
mod wire;

use std::{io, net::TcpStream, sync::Arc};

pub use connections::{Connections, serve};
use connections::{Place, State};
pub use head::Head;
pub use reply::{Body, Reply};
pub use site::Site;
use wire::Wire;

/// The most bytes of a request line with its headers.
pub const MAX_HEAD_BYTES: usize = 16 << 10;
/// The most headers of a request.
pub const MAX_HEADERS: usize = 64;
/// The most bytes of a request body: the longest statement, with room for JSON's escapes.
pub const MAX_BODY_BYTES: usize = 192 << 10;

/// One request, as its handler sees it.
pub struct Exchange<'a> {
    head: Head,
    wire: &'a mut Wire,
    place: &'a Place,
    body_read: bool,
    /// Whether the head of an event stream has been sent.
    streaming: bool,
}

impl Exchange<'_> {
    /// The request's head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Reads a body of at most `most` bytes; the error is the reply to send. Read as much as [`MAX_BODY_BYTES`] only once the
    /// caller is known, so that strangers cannot make the server hold much.
    pub fn read_body(&mut self, most: usize) -> Result<Vec<u8>, Reply> {
        let length = self.head.content_length;
        if length > most {
            return Err(Reply::refusal(413, &format!("the body is larger than {} KiB", most >> 10)));
        }
        if self.head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            self.wire.ask_to_continue();
        }
        // While a client is still sending, its connection may be closed to make room for others.
        self.place.enter(State::Transfer);
        let body = self.wire.body(length).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => Reply::refusal(408, "the body did not arrive within 10 s"),
            _ => Reply::refusal(400, "the connection ended inside the body"),
        })?;
        self.place.enter(State::Busy);
        self.body_read = true;
        Ok(body)
    }

    /// Sends an event ahead of the answer, which makes the answer the last event of a stream (the `text/event-stream` of the
    /// HTML standard). Only where [`Head::takes_events`].
    pub fn send_event(&mut self, data: &str) -> io::Result<()> {
        if !self.streaming {
            self.wire.begin_stream(self.head.keep_alive)?;
            self.streaming = true;
        }
        self.wire.write_event(&[data.as_bytes()], false)
    }

    /// The client's socket, which shows a hang-up while a query runs.
    pub fn socket(&self) -> Arc<TcpStream> {
        Arc::clone(&self.wire.stream)
    }
}
