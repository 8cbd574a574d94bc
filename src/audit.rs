//! The witness: one line of JSON on standard output for each tool call, however it ends, and for each sign-in.
//!
//! An [`Entry`] is made before a call is looked at and writes its line when it is dropped, also by a panic. Text from
//! outside is escaped so that no line can be forged and no terminal be driven.

mod sign_ins;

use std::{
    io::{self, Write},
    sync::Arc,
    time::Instant,
};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    answer::Answer,
    auth::Analyst,
    invisible::escape,
    metrics::{self, Metrics},
};
pub use sign_ins::{SignInEvent, SignIns};

/// A call under observation. Only somebody who has signed in can have one.
#[derive(Serialize)]
pub struct Entry {
    analyst: Analyst,
    tool: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqlstate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u32>,
    bytes: usize,
    truncated: bool,
    #[serde(rename = "ms", serialize_with = "elapsed")]
    began: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<String>,
    #[serde(flatten)]
    sql: Option<Sql>,
    /// The longest statement that is written whole, in characters.
    #[serde(skip)]
    longest: usize,
    /// The tool's name where it is one, and what counts its calls.
    #[serde(skip)]
    counted: (&'static str, Arc<Metrics>),
}

/// A statement. Of one that is too long for the log, a hash says what it was.
#[derive(Serialize)]
struct Sql {
    sql: String,
    #[serde(rename = "sql_sha256", skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(rename = "sql_bytes", skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
}

impl Sql {
    fn new(sql: &str, longest: usize) -> Sql {
        match sql.char_indices().nth(longest) {
            None => Sql { sql: sql.to_owned(), sha256: None, bytes: None },
            Some((end, _)) => Sql {
                sql: format!("{}…", sql.get(..end).unwrap_or_default()),
                sha256: Some(Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()),
                bytes: Some(sql.len()),
            },
        }
    }
}

impl Entry {
    /// Begins to observe. `tool` is what the client wrote, cut to a bearable length; `known` is the tool of that name. A statement
    /// of more than `longest` characters is clipped.
    pub fn open(
        analyst: &Analyst,
        tool: &str,
        known: Option<&'static str>,
        longest: usize,
        metrics: &Arc<Metrics>,
    ) -> Entry {
        Entry {
            counted: (known.unwrap_or("unknown"), Arc::clone(metrics)),
            analyst: analyst.clone(),
            tool: tool.chars().take(64).collect(),
            outcome: "panic",
            code: None,
            sqlstate: None,
            rows: None,
            bytes: 0,
            truncated: false,
            began: Instant::now(),
            arguments: None,
            sql: None,
            longest,
        }
    }

    /// The arguments that were sent.
    pub fn arguments(&mut self, arguments: &Map<String, Value>) {
        match arguments.get("sql").and_then(Value::as_str) {
            Some(sql) => self.statement(sql),
            None => self.arguments = Some(clip(&json!(arguments).to_string(), 400)),
        }
    }

    /// The statement that is run.
    pub fn statement(&mut self, sql: &str) {
        self.sql = Some(Sql::new(sql, self.longest));
    }

    /// The call was answered.
    pub fn answered(&mut self, answer: &Answer) {
        (self.outcome, self.rows, self.truncated) = ("ok", answer.rows, answer.truncated);
        self.bytes = answer.len();
    }

    /// The call failed, with this code.
    pub fn failed(&mut self, code: &'static str, sqlstate: Option<&str>, bytes: usize) {
        let refused = code.starts_with("GUARD_") || code == "ARGUMENT" || code == "NOT_FOUND";
        self.outcome = if refused { "refused" } else { "error" };
        (self.code, self.sqlstate, self.bytes) = (Some(code), sqlstate.map(str::to_owned), bytes);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (tool, metrics) = &self.counted;
        write_line("call", self, metrics);
        metrics.call(&metrics::Call {
            tool,
            outcome: self.outcome,
            code: self.code,
            rows: self.rows.unwrap_or_default(),
            bytes: self.bytes,
            took: self.began.elapsed(),
        });
    }
}

/// The first `most` characters, and how much was left out.
fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}… ({} bytes in all)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}

fn elapsed<S: Serializer>(began: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(began.elapsed().as_millis())
}

/// Writes a line at once and whole. A full or closed log must not fail the call.
fn write_line(event: &'static str, what: &impl Serialize, metrics: &Metrics) {
    #[derive(Serialize)]
    struct Line<'a, W> {
        time: String,
        event: &'static str,
        #[serde(flatten)]
        what: &'a W,
    }
    // Microseconds are enough to order lines by.
    let line = Line { time: format!("{:.6}", jiff::Timestamp::now()), event, what };
    let written = serde_json::to_string(&line).map_err(io::Error::from).and_then(|line| {
        let mut out = io::stdout().lock();
        out.write_all(format!("{}\n", escape(&line)).as_bytes())?;
        out.flush()
    });
    if let Err(error) = written {
        metrics.audit_failed();
        log::error!("an audit line could not be written: {error}");
    }
}
