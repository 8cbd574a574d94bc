//! PostgreSQL's messages on their way in: which of them the driver gets, and how much of them.

use std::io;

use tokio::io::ReadBuf;

use super::{
    Deadline,
    pipeline::{Pipeline, Verdict},
    rows::Fault,
};

/// The most bytes of an error that are passed on.
pub(super) const MAX_ERROR: usize = 16 << 10;
/// What the driver gets in place of a row that is no text (SQLSTATE 22021, `character_not_in_repertoire`).
const NO_TEXT: &[u8] = b"SERROR\0VERROR\0C22021\0Mthe result holds bytes that are no valid text\0\
    Hleave that value out, or cast it another way: half a character comes of the one-byte type \"char\"\0\0";
/// What the driver gets when the rest of an answer is not read (SQLSTATE 57014, `query_canceled`).
const TOO_MUCH: &[u8] = b"SERROR\0VERROR\0C57014\0Mno more rows are wanted\0\0";

/// The longest messages, in bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::db) struct Limits {
    /// A row; of a longer one only its length is passed on.
    pub(in crate::db) row: usize,
    /// Anything else but an error; a longer one ends the connection.
    pub(in crate::db) message: usize,
}

/// Goes through PostgreSQL's messages as they come in.
pub(super) struct Incoming {
    limits: Limits,
    /// What goes to the driver before anything else.
    ready: Vec<u8>,
    /// The first bytes of a message's type and length.
    head: Vec<u8>,
    state: State,
}

/// Where in PostgreSQL's messages the stream is.
enum State {
    /// Between two messages, or in the type and length of one.
    Head,
    /// Inside a message that is passed on, so many bytes before its end.
    Pass(usize),
    /// Inside what is not passed on, so many bytes before its end.
    Skip(usize),
    /// At the beginning of an error that is too long: what has been seen of it, and how much is left.
    Cut(Vec<u8>, usize),
    /// Inside a row that goes to a receiver: what has been seen of it, and how much is left.
    Row(Vec<u8>, usize),
}

impl Incoming {
    pub(super) fn new(limits: Limits) -> Incoming {
        Incoming { limits, ready: Vec::new(), head: Vec::with_capacity(5), state: State::Head }
    }

    /// Moves bytes to the driver, as far as there is room for them. Out: how many of them are dealt with.
    pub(super) fn deliver(
        &mut self,
        bytes: &[u8],
        buffer: &mut ReadBuf<'_>,
        (pipeline, deadline): (&Pipeline, &Deadline),
    ) -> io::Result<usize> {
        let mut unread = bytes;
        loop {
            let length = self.ready.len().min(buffer.remaining());
            if length > 0 {
                buffer.put_slice(self.ready.get(..length).unwrap_or_default());
                self.ready.drain(..length);
            }
            if unread.is_empty() || buffer.remaining() == 0 {
                return Ok(bytes.len().saturating_sub(unread.len()));
            }
            let used = match &mut self.state {
                State::Head => {
                    let used = unread.len().min(5_usize.saturating_sub(self.head.len()));
                    self.head.extend_from_slice(unread.get(..used).unwrap_or_default());
                    if let &[kind, a, b, c, d] = self.head.as_slice() {
                        self.head.clear();
                        self.state = self.begin([kind, a, b, c, d], pipeline, deadline)?;
                    }
                    used
                }
                State::Pass(left) => {
                    let used = unread.len().min(*left).min(buffer.remaining());
                    buffer.put_slice(unread.get(..used).unwrap_or_default());
                    *left = left.saturating_sub(used);
                    used
                }
                State::Skip(left) => {
                    let used = unread.len().min(*left);
                    *left = left.saturating_sub(used);
                    used
                }
                // Most rows have come in whole: no copy is made of those.
                State::Row(seen, left) if seen.is_empty() && unread.len() >= *left => {
                    let used = *left;
                    self.row(unread.get(..used).unwrap_or_default(), pipeline, deadline);
                    used
                }
                State::Row(seen, left) => {
                    let used = unread.len().min(*left);
                    if seen.is_empty() {
                        seen.reserve_exact(*left);
                    }
                    seen.extend_from_slice(unread.get(..used).unwrap_or_default());
                    *left = left.saturating_sub(used);
                    if *left == 0 {
                        let row = std::mem::take(seen);
                        self.row(&row, pipeline, deadline);
                    }
                    used
                }
                State::Cut(seen, left) => {
                    let used = unread.len().min(MAX_ERROR.saturating_sub(seen.len()));
                    seen.extend_from_slice(unread.get(..used).unwrap_or_default());
                    *left = left.saturating_sub(used);
                    if seen.len() >= MAX_ERROR {
                        self.ready = error_message(&shortened(seen));
                        self.state = State::Skip(*left);
                    }
                    used
                }
            };
            unread = unread.get(used..).unwrap_or_default();
            if matches!(self.state, State::Pass(0) | State::Skip(0)) {
                self.state = State::Head;
            }
        }
    }

    /// What becomes of the message with this type and length.
    fn begin(&mut self, head: [u8; 5], pipeline: &Pipeline, deadline: &Deadline) -> io::Result<State> {
        let [kind, a, b, c, d] = head;
        let length = u32::from_be_bytes([a, b, c, d]).checked_sub(4);
        let body = length.and_then(|length| usize::try_from(length).ok());
        let body = body.ok_or_else(|| invalid("PostgreSQL sent a message without a length"))?;
        if kind == b'D'
            && let Some(wanted) = pipeline.with_rows(|rows| rows.wants(body, self.limits.row, deadline))
        {
            return Ok(match wanted {
                Ok(true) => State::Row(Vec::new(), body),
                Ok(false) => State::Skip(body),
                Err(fault) => {
                    self.inject_fault(fault);
                    State::Skip(body)
                }
            });
        }
        let verdict = pipeline.incoming(kind, deadline);
        Ok(match (kind, verdict) {
            (_, Verdict::Fail) => return Err(invalid("the transaction could not be started")),
            (b'N', _) | (_, Verdict::Skip) => State::Skip(body),
            (b'E', _) if body > MAX_ERROR => State::Cut(Vec::new(), body),
            _ if body > self.limits.message => {
                return Err(invalid(&format!("PostgreSQL sent a message of {body} bytes")));
            }
            _ => {
                self.ready.extend_from_slice(&head);
                State::Pass(body)
            }
        })
    }

    /// A row has come in whole.
    fn row(&mut self, body: &[u8], pipeline: &Pipeline, deadline: &Deadline) {
        if let Some(Err(fault)) = pipeline.with_rows(|rows| rows.take(body, deadline)) {
            self.inject_fault(fault);
        }
        self.state = State::Head;
    }

    fn inject_fault(&mut self, fault: Fault) {
        self.inject(match fault {
            Fault::NoText => NO_TEXT,
            Fault::TooMuch => TOO_MUCH,
        });
    }

    /// Whether the driver has whole messages only.
    pub(super) fn is_between_messages(&self) -> bool {
        !matches!(self.state, State::Pass(_)) && self.ready.is_empty()
    }

    /// The driver gets an error with these fields next. Only when it is between two messages.
    pub(super) fn inject(&mut self, fields: &[u8]) {
        self.ready = error_message(fields);
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// An ErrorResponse with these fields.
fn error_message(fields: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fields.len().saturating_add(4)).unwrap_or(u32::MAX);
    [b"E", length.to_be_bytes().as_slice(), fields].concat()
}

/// The fields of an error, of which only the beginning is there: those that are whole, and the beginning of the last one.
fn shortened(beginning: &[u8]) -> Vec<u8> {
    let mut fields = beginning.to_vec();
    let open = fields.iter().rposition(|byte| *byte == 0).map_or(0, |end| end.saturating_add(1));
    // PostgreSQL sends UTF-8, and the driver insists on it: no character is cut in two.
    let valid =
        std::str::from_utf8(fields.get(open..).unwrap_or_default()).map_or_else(|error| error.valid_up_to(), str::len);
    fields.truncate(open.saturating_add(valid));
    if valid > 0 {
        fields.extend_from_slice("…\0".as_bytes());
    }
    fields.push(0);
    fields
}

#[cfg(test)]
#[path = "../../../tests/unit/db/incoming.rs"]
mod tests;
