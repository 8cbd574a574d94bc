//! Texts of the program's own that travel with the driver's messages: the start of a transaction before the first of them, its
//! end after the last. Each would cost a round trip of its own otherwise.
//!
//! PostgreSQL answers in the order in which it was asked ("Pipelining" in its documentation of the protocol), so a queue of who
//! asked says whose an answer is. The driver never sees the answers to these texts, and gets the last `ReadyForQuery` only when
//! the transaction has ended: when the driver is done, so is the clean-up.

use super::{
    Deadline,
    rows::{Outcome, Receiver, Rows},
};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The texts of one session, and what came of them. Set by the session, sent by its stream.
#[derive(Default)]
pub(in crate::db) struct Pipeline(Mutex<State>);

#[derive(Default)]
struct State {
    /// Goes before the driver's next message.
    before: Option<String>,
    /// Goes after the next statement that the driver executes.
    after: Option<String>,
    /// Whose answers are awaited, the next one first.
    awaited: VecDeque<Whose>,
    /// The answer that comes in holds an error.
    failed: bool,
    began: bool,
    ended: Option<bool>,
    /// What takes the rows of the statement that runs.
    rows: Option<Rows>,
    /// There will be no further statement.
    closing: bool,
}

/// Who is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Driver,
    Before,
    After,
}

/// What the driver gets of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The whole of it.
    Pass,
    /// Nothing.
    Skip,
    /// The transaction could not be started, so nothing that follows may count.
    Fail,
}

impl Pipeline {
    /// The text goes before the driver's next message.
    pub(in crate::db) fn begin(&self, text: String) {
        let mut state = self.lock();
        (state.before, state.after, state.began, state.ended) = (Some(text), None, false, None);
    }

    /// The text goes after the next statement that is executed.
    pub(in crate::db) fn end_with(&self, text: String) {
        self.lock().after = Some(text);
    }

    /// Takes back what was not sent. True when not even the first text was: nothing has happened then.
    pub(in crate::db) fn take_back(&self) -> bool {
        let mut state = self.lock();
        state.after = None;
        state.before.take().is_some()
    }

    /// Whether PostgreSQL has answered the first text, and without an error.
    pub(in crate::db) fn began(&self) -> bool {
        self.lock().began
    }

    /// Whether PostgreSQL has answered the last text; false for an error.
    pub(in crate::db) fn ended(&self) -> Option<bool> {
        self.lock().ended
    }

    /// Whether the last text has been sent and not been answered yet.
    pub(in crate::db) fn is_ending(&self) -> bool {
        self.lock().awaited.contains(&Whose::After)
    }

    /// The rows of the driver's next statement go here.
    pub(in crate::db) fn receive_rows(&self, receiver: Receiver) {
        self.lock().rows = Some(Rows::new(receiver));
    }

    /// Ends that. Out: how far the rows got.
    pub(in crate::db) fn rows_received(&self) -> Outcome {
        self.lock().rows.take().map(|rows| rows.outcome()).unwrap_or_default()
    }

    /// There will be no further statement with which anything could travel.
    pub(in crate::db) fn close(&self) {
        let mut state = self.lock();
        (state.closing, state.rows) = (true, None);
    }

    /// Whether that has been said.
    pub(super) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Whether the rows of the next statement go to a receiver.
    fn receives_rows(&self) -> bool {
        self.lock().rows.is_some()
    }

    /// Does something with a row that comes in, if its statement is one whose rows go to a receiver.
    pub(super) fn with_rows<T>(&self, act: impl FnOnce(&mut Rows) -> T) -> Option<T> {
        let mut state = self.lock();
        let whose = state.awaited.front().copied();
        state.rows.as_mut().filter(|_| whose == Some(Whose::Driver)).map(act)
    }

    /// What has to go out before the driver's next message.
    pub(super) fn before_message(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let text = state.before.take()?;
        state.awaited.push_back(Whose::Before);
        Some(query(&text))
    }

    /// The driver has sent what PostgreSQL will answer with a `ReadyForQuery` of its own; `executes` when it runs a statement.
    /// Out: what has to go out after it.
    pub(super) fn after_request(&self, executes: bool) -> Option<Vec<u8>> {
        let mut state = self.lock();
        state.awaited.push_back(Whose::Driver);
        let text = state.after.take_if(|_| executes)?;
        state.awaited.push_back(Whose::After);
        Some(query(&text))
    }

    /// What becomes of a message of PostgreSQL of this type.
    pub(super) fn incoming(&self, kind: u8, deadline: &Deadline) -> Verdict {
        let mut state = self.lock();
        let whose = state.awaited.front().copied().unwrap_or(Whose::Driver);
        if kind != b'Z' {
            state.failed |= whose != Whose::Driver && kind == b'E';
            return if whose == Whose::Driver { Verdict::Pass } else { Verdict::Skip };
        }
        state.awaited.pop_front();
        let failed = std::mem::take(&mut state.failed);
        match whose {
            Whose::Before if failed => Verdict::Fail,
            Whose::Before => {
                state.began = true;
                deadline.step();
                Verdict::Skip
            }
            Whose::After => {
                state.ended = Some(!failed);
                Verdict::Pass
            }
            Whose::Driver if state.awaited.front() == Some(&Whose::After) => Verdict::Skip,
            Whose::Driver => Verdict::Pass,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Query message.
fn query(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len().saturating_add(5)).unwrap_or(u32::MAX);
    [b"Q", length.to_be_bytes().as_slice(), text.as_bytes(), b"\0"].concat()
}

/// Follows the driver's messages on their way out.
#[derive(Default)]
pub(super) struct Outgoing {
    /// What PostgreSQL has not been sent yet, and how much of it has been.
    pub(super) bytes: Vec<u8>,
    pub(super) sent: usize,
    head: Vec<u8>,
    /// How much of the message under way is to come.
    left: usize,
    /// The first message, which has no type, is over.
    typed: bool,
    /// A statement has been executed since the last `Sync`.
    executes: bool,
    /// A statement has been closed since the last `Sync`, and nothing else has happened.
    closes: bool,
    /// The driver has sent what cannot be understood.
    pub(super) broken: bool,
    /// There is more in `bytes` than the closing of statements, to which nobody waits for an answer: that can go with the next
    /// message.
    pub(super) urgent: bool,
}

impl Outgoing {
    /// Takes the driver's next bytes, and puts in between what goes with them.
    pub(super) fn take(&mut self, bytes: &[u8], pipeline: &Pipeline) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.left == 0 {
                if self.head.is_empty() && self.typed {
                    self.bytes.extend(pipeline.before_message().unwrap_or_default());
                }
                let whole = if self.typed { 5 } else { 4_usize };
                rest = self.pass(rest, whole.saturating_sub(self.head.len()), true);
                if let [.., a, b, c, d] = *self.head.as_slice()
                    && self.head.len() == whole
                {
                    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or_default();
                    self.left = length.saturating_sub(4);
                } else {
                    break;
                }
            } else {
                let before = rest.len();
                rest = self.pass(rest, self.left, false);
                self.left = self.left.saturating_sub(before.saturating_sub(rest.len()));
            }
            if self.left == 0 {
                self.ended(pipeline);
            }
        }
    }

    /// Moves up to `most` bytes on their way; the rest.
    fn pass<'a>(&mut self, bytes: &'a [u8], most: usize, head: bool) -> &'a [u8] {
        let (now, rest) = bytes.split_at_checked(most).unwrap_or((bytes, &[]));
        self.bytes.extend_from_slice(now);
        if head {
            self.head.extend_from_slice(now);
        }
        rest
    }

    /// A message is over.
    fn ended(&mut self, pipeline: &Pipeline) {
        let kind = self.head.first().copied().filter(|_| self.typed);
        self.head.clear();
        self.typed = true;
        match kind {
            Some(b'C') if !self.executes => self.closes = true,
            Some(b'S') if std::mem::take(&mut self.closes) => {
                let _ = pipeline.after_request(false);
            }
            Some(b'B') if pipeline.receives_rows() => {
                // The driver asks for values in their binary form, by the message's last two numbers: one format, which is 1.
                // Rows go past it, and are to be texts, which is 0.
                match self.bytes.last_chunk_mut() {
                    Some(formats) if *formats == [0, 1, 0, 1] => *formats = [0, 1, 0, 0],
                    _ => self.broken = true,
                }
                self.urgent = true;
            }
            Some(b'E') => (self.executes, self.closes, self.urgent) = (true, false, true),
            Some(b'S' | b'Q') => {
                self.urgent = true;
                let executes = std::mem::take(&mut self.executes);
                self.bytes.extend(pipeline.after_request(executes).unwrap_or_default());
            }
            _ => (self.closes, self.urgent) = (false, true),
        }
    }
}
