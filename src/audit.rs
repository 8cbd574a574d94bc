//! The witness: one line of JSON on standard output for each tool call, whatever its end, and for refused sign-ins.
//!
//! An [`Entry`] is made before a call is looked at and writes its line when it is dropped, also by a panic. Text from
//! outside is escaped so that no line can be forged and no terminal be driven.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::{
    answer::Answer,
    auth::Analyst,
    metrics::{self, Metrics},
};

/// The longest part of a refused statement that is kept, in characters. One that is run is kept whole.
const REFUSED_CHARS: usize = 4_000;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    /// The tool's name where it is one, and what counts its calls.
    #[serde(skip)]
    counted: (&'static str, Arc<Metrics>),
}

impl Entry {
    /// Begins to observe. `tool` is what the client wrote, cut to a bearable length; `known` is the tool of that name.
    pub fn open(analyst: &Analyst, tool: &str, known: Option<&'static str>, metrics: &Arc<Metrics>) -> Entry {
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
        }
    }

    /// The arguments that were sent; of a statement the beginning, since it may be refused.
    pub fn arguments(&mut self, arguments: &Map<String, Value>) {
        match arguments.get("sql").and_then(Value::as_str) {
            Some(sql) => self.sql = Some(clip(sql, REFUSED_CHARS)),
            None => self.arguments = Some(clip(&json!(arguments).to_string(), 400)),
        }
    }

    /// The statement that is run, the whole of it.
    pub fn statement(&mut self, sql: &str) {
        self.sql = Some(sql.to_owned());
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
        write_line("call", self);
        let (tool, metrics) = &self.counted;
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

/// Who signed in, and who did not.
pub struct SignIns {
    metrics: Arc<Metrics>,
    /// For each reason when a refusal was last written down, and how many were not since. A reason of its own each, so that
    /// nobody can hide one kind behind another.
    refused: Mutex<BTreeMap<&'static str, (Instant, u64)>>,
}

impl SignIns {
    /// Nobody has tried yet.
    pub fn new(metrics: Arc<Metrics>) -> SignIns {
        SignIns { metrics, refused: Mutex::default() }
    }

    /// Notes that somebody signed in for a client: whose token it was, what the client calls itself, where it was sent.
    pub fn accepted(&self, analyst: &Analyst, client: &str, destination: &str, peer: IpAddr) {
        self.metrics.sign_in(false);
        let peer = peer.to_string();
        write_line(
            "signed_in",
            &json!({ "analyst": analyst, "client": client, "destination": destination, "peer": peer }),
        );
    }

    /// Notes somebody without a valid token; at most once a second for each reason, since a stranger must not be able to fill
    /// the disk. `reason` is the program's own text.
    pub fn refused(&self, peer: IpAddr, reason: &'static str) {
        self.metrics.sign_in(true);
        let mut state = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let count = match state.get_mut(reason) {
            Some((at, unwritten)) if at.elapsed() < Duration::from_secs(1) => {
                *unwritten = unwritten.saturating_add(1);
                return;
            }
            Some((_, unwritten)) => unwritten.saturating_add(1),
            None => 1,
        };
        state.insert(reason, (Instant::now(), 0));
        drop(state);
        let peer = peer.to_string();
        write_line("sign_in_refused", &json!({ "reason": reason, "peer": peer, "count": count }));
    }
}

/// A client gave its access up.
pub fn signed_out(analyst: &Analyst) {
    write_line("signed_out", &json!({ "analyst": analyst }));
}

/// Writes a line at once and whole. A full or closed log must not fail the call.
fn write_line(event: &'static str, what: &impl Serialize) {
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
        log::error!("an audit line could not be written: {error}");
    }
}

/// What can drive a terminal, turn the direction of a text or hide a part of it: control characters, line and paragraph
/// separators, zero-width and direction marks.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Escapes what JSON leaves as it is although it [is hidden](is_hidden).
fn escape(json: &str) -> String {
    if !json.contains(is_hidden) {
        return json.to_owned();
    }
    let mut escaped = String::with_capacity(json.len().saturating_add(16));
    for c in json.chars() {
        if is_hidden(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_can_forge_a_line_or_drive_a_terminal() {
        let text = "x\"}\n{\"event\":\"call\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\u{feff}";
        let line = escape(&json!({ "sql": text }).to_string());
        assert_eq!(line.lines().count(), 1);
        assert!(line.chars().all(|c| !c.is_control() && !matches!(c, '\u{202e}' | '\u{2028}' | '\u{feff}')), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["sql"], text);
    }
}
