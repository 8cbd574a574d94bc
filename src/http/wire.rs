//! The bytes of one connection, each read and write with a deadline.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use tiny_http::{HTTPVersion, Header, StatusCode};

use super::{
    MAX_HEAD_BYTES, Reply,
    head::{Head, Refused, find_head_end},
};

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

/// What a client sends and what was read of it ahead of need.
pub(super) struct Wire {
    pub(super) stream: Arc<TcpStream>,
    ahead: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: Arc<TcpStream>) -> Wire {
        Wire { stream, ahead: Vec::new() }
    }

    /// Bytes until the end of a head. `None` when the client left or was silent for too long between requests.
    pub(super) fn head(&mut self) -> Result<Option<Head>, Refused> {
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

    /// Tells a client that waits for it to send the body.
    pub(super) fn ask_to_continue(&mut self) {
        // A client that is gone is noticed when its body is read.
        let _ = self.write(b"HTTP/1.1 100 Continue\r\n\r\n", from_now(WRITE_DEADLINE));
    }

    /// A body of exactly `length` bytes.
    pub(super) fn body(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let deadline = from_now(BODY_DEADLINE);
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
    pub(super) fn reply(&mut self, reply: Reply, head_only: bool, keep_alive: bool) -> io::Result<()> {
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
    pub(super) fn begin_stream(&mut self, keep_alive: bool) -> io::Result<()> {
        let headers = [("Content-Type", "text/event-stream".to_owned()), ("X-Accel-Buffering", "no".to_owned())];
        self.write(&head_bytes(200, &headers, None, keep_alive)?, from_now(WRITE_DEADLINE))
    }

    /// Writes an event as a chunk (RFC 9112 section 7.1). `data` has no line break: it is JSON.
    pub(super) fn write_event(&mut self, data: &[u8]) -> io::Result<()> {
        let (before, after) = (b"event: message\ndata: ", b"\n\n\r\n");
        let length = before.len().saturating_add(data.len()).saturating_add(2);
        let deadline = from_now(WRITE_DEADLINE);
        self.write(&[format!("{length:x}\r\n").as_bytes(), before].concat(), deadline)?;
        self.write(data, deadline)?;
        self.write(after, deadline)
    }

    /// Ends a stream.
    pub(super) fn end_stream(&mut self) -> io::Result<()> {
        self.write(b"0\r\n\r\n", from_now(WRITE_DEADLINE))
    }

    /// Ends the connection after an early answer: reads what the client is still sending, so that it sees the answer.
    pub(super) fn linger(&mut self) {
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
pub(super) fn from_now(time: Duration) -> Instant {
    Instant::now() + time
}

fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
