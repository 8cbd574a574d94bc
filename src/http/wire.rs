//! The bytes of one connection, each read and write with a deadline.

use std::{
    io::{self, IoSlice, Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

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
/// For how long, and how much, is still read after an early answer, so that the client sees it before a reset.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 16 << 20);
/// The unit of the socket's timeouts.
const TICK: Duration = Duration::from_millis(100);

/// The client's socket, and what was read from it ahead of need.
pub(super) struct Wire {
    pub(super) stream: Arc<TcpStream>,
    ahead: Vec<u8>,
    /// The timeouts that the socket has now, so that they are set only when they have to change.
    read_timeout: Duration,
    write_timeout: Duration,
}

impl Wire {
    pub(super) fn new(stream: Arc<TcpStream>) -> Wire {
        Wire { stream, ahead: Vec::new(), read_timeout: Duration::ZERO, write_timeout: Duration::ZERO }
    }

    /// The next head. `None` when the client left or was silent for too long between requests.
    pub(super) fn head(&mut self) -> Result<Option<Head>, Refused> {
        let mut scanned = 0;
        let mut started = !self.ahead.is_empty();
        let mut deadline = from_now(if started { HEAD_DEADLINE } else { IDLE });
        loop {
            if let Some(end) = find_head_end(&self.ahead, &mut scanned)? {
                let head = Head::parse(self.ahead.get(..end).unwrap_or_default());
                self.ahead.drain(..end);
                return head.map(Some);
            }
            if self.ahead.len() >= MAX_HEAD_BYTES {
                return Err(Refused(431, "the request head is larger than 16 KiB"));
            }
            match self.read_more(deadline) {
                Ok(1..) if started => {}
                Ok(1..) => (started, deadline) = (true, from_now(HEAD_DEADLINE)),
                Err(error) if started && error.kind() == io::ErrorKind::TimedOut => {
                    return Err(Refused(408, "the request head did not arrive within 5 s"));
                }
                Ok(0) | Err(_) => return Ok(None),
            }
        }
    }

    /// Tells a client that waits for it to send the body.
    pub(super) fn ask_to_continue(&mut self) {
        // A client that is gone is noticed when its body is read.
        let _ = self.write(&[b"HTTP/1.1 100 Continue\r\n\r\n"]);
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
            let timeout = timeout(deadline)?;
            if timeout != self.read_timeout {
                self.stream.set_read_timeout(Some(timeout))?;
                self.read_timeout = timeout;
            }
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

    /// Writes these pieces one after the other, with as few system calls as possible.
    fn write(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let deadline = from_now(WRITE_DEADLINE);
        let mut pieces: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = pieces.as_mut_slice();
        // Drops empty pieces at the front; writing them would look like the end of the stream.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let timeout = timeout(deadline)?;
            if timeout != self.write_timeout {
                self.stream.set_write_timeout(Some(timeout))?;
                self.write_timeout = timeout;
            }
            match (&*self.stream).write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut rest, count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes a response.
    pub(super) fn reply(&mut self, reply: &Reply, head_only: bool, keep_alive: bool) -> io::Result<()> {
        let head = reply.head(true, keep_alive)?;
        let mut pieces = vec![head.as_slice()];
        if !head_only {
            pieces.extend(reply.body.slices());
        }
        self.write(&pieces)
    }

    /// Writes the head of an event stream, whose length is not known.
    pub(super) fn begin_stream(&mut self, keep_alive: bool) -> io::Result<()> {
        let reply = Reply::new(200, "text/event-stream", String::new()).with("X-Accel-Buffering", "no");
        self.write(&[&reply.head(false, keep_alive)?])
    }

    /// Writes an event as a chunk (RFC 9112 section 7.1); the last one ends the stream. `data` has no line break: it is JSON.
    pub(super) fn write_event(&mut self, data: &[&[u8]], last: bool) -> io::Result<()> {
        const FIELDS: &str = "event: message\ndata: ";
        let length = data.iter().map(|piece| piece.len()).sum::<usize>().saturating_add(FIELDS.len()).saturating_add(2);
        let before = format!("{length:x}\r\n{FIELDS}");
        let after: &[u8] = if last { b"\n\n\r\n0\r\n\r\n" } else { b"\n\n\r\n" };
        self.write(&[&[before.as_bytes()], data, &[after]].concat())
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

#[expect(clippy::arithmetic_side_effects, reason = "the constants of this module, some seconds each")]
pub(super) fn from_now(time: Duration) -> Instant {
    Instant::now() + time
}

/// What is left until the deadline, in whole ticks, so that it is the same for each request that comes and goes at once.
fn timeout(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    let ticks = left.as_millis().div_ceil(TICK.as_millis());
    match u32::try_from(ticks) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        ticks => Ok(TICK.saturating_mul(ticks.unwrap_or(u32::MAX))),
    }
}

#[cfg(test)]
#[path = "../../tests/unit/http/wire.rs"]
mod tests;
