//! The rows of a statement, taken from PostgreSQL's messages where they come in: the driver would copy each several times, and
//! is left to see that there were none.
//!
//! In: the body of a DataRow ("Message Formats" in PostgreSQL's documentation of the protocol). Out: a [`Row`] of texts.

use std::time::Duration;

use super::Deadline;

/// Whether more rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    More,
    /// No: what is left is passed over.
    Stop,
}

/// A row of a result.
#[derive(Debug)]
pub enum Row<'a> {
    /// The text of each column's value.
    Values(&'a [Option<&'a str>]),
    /// It has so many bytes, which is more than a row may have; none of them was kept.
    TooLong(usize),
}

/// What is left of an answer that was cut by bytes is read to its end if that takes no longer and is no more than this.
/// It is cheaper than a cancel request, after which the session cannot be used again.
const DRAIN: (Duration, usize) = (Duration::from_millis(250), 1 << 20);

/// What takes the rows, one by one.
pub(in crate::db) type Receiver = Box<dyn FnMut(Row<'_>) -> Flow + Send>;

/// The rows of the statement that runs.
pub(super) struct Rows {
    receiver: Receiver,
    outcome: Outcome,
}

/// How far the rows of a statement got.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::db) struct Outcome {
    /// No more were wanted.
    pub(in crate::db) stopped: bool,
    /// A row was no text, or not what the protocol says.
    pub(in crate::db) no_text: bool,
    /// So many bytes of what was not wanted have been passed over.
    passed_over: usize,
}

impl Outcome {
    /// Whether so much was left that it was not read to its end.
    pub(in crate::db) fn is_too_much(self) -> bool {
        self.passed_over > DRAIN.1
    }
}

/// Why the driver gets an error in place of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The row holds bytes that are no UTF-8, or is not what the protocol says.
    NoText,
    /// [`Outcome::is_too_much`].
    TooMuch,
}

impl Rows {
    pub(super) fn new(receiver: Receiver) -> Rows {
        Rows { receiver, outcome: Outcome::default() }
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Whether the body of a row of this length is wanted. If it is, [`Rows::take`] follows.
    pub(super) fn wants(&mut self, length: usize, most: usize, deadline: &Deadline) -> Result<bool, Fault> {
        if !self.outcome.stopped && length > most {
            self.give(Row::TooLong(length), deadline);
        }
        if self.outcome.stopped {
            let before = self.outcome;
            self.outcome.passed_over = before.passed_over.saturating_add(length);
            if self.outcome.is_too_much() && !before.is_too_much() {
                return Err(Fault::TooMuch);
            }
        }
        Ok(!self.outcome.stopped && length <= most)
    }

    /// Takes the body of a row.
    pub(super) fn take(&mut self, body: &[u8], deadline: &Deadline) -> Result<(), Fault> {
        match values(body) {
            Some(values) => {
                self.give(Row::Values(&values), deadline);
                Ok(())
            }
            None => {
                (self.outcome.stopped, self.outcome.no_text) = (true, true);
                Err(Fault::NoText)
            }
        }
    }

    fn give(&mut self, row: Row<'_>, deadline: &Deadline) {
        if (self.receiver)(row) == Flow::Stop {
            self.outcome.stopped = true;
            deadline.shorten(DRAIN.0);
        }
    }
}

/// The values of a row: their number (16 bits), then for each its length (32 bits, -1 for null) and its bytes.
fn values(body: &[u8]) -> Option<Vec<Option<&str>>> {
    let (count, mut rest) = body.split_first_chunk()?;
    let mut values = Vec::with_capacity(usize::from(u16::from_be_bytes(*count)));
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk()?;
        rest = after;
        values.push(match usize::try_from(i32::from_be_bytes(*length)) {
            Ok(length) => {
                let (value, after) = rest.split_at_checked(length)?;
                rest = after;
                Some(std::str::from_utf8(value).ok()?)
            }
            Err(_) => None,
        });
    }
    Some(values)
}
