//! What a tool call can end with instead of an answer: a closed set of codes, each with a text for the model to act on.
//!
//! Operator errors are another type, [`crate::config::ConfigError`]: they end the start, and may name files and hosts.
//! Nothing of a database error is passed on but its SQLSTATE, message, detail, hint and position.

use serde::Serialize;

use crate::guard;

/// Why a call failed. The texts are stable: models, logs and metrics go by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The guard refused the text; the code is the guard's own.
    Guard(guard::Rule),
    /// An argument is missing, unknown, of the wrong type or out of range.
    Argument,
    /// The schema, table or view is not there, or may not be read.
    NotFound,
    /// PostgreSQL refused or failed; the SQLSTATE says why.
    Sql,
    /// The statement ran into the time limit.
    Timeout,
    /// The client left, or cancelled the call.
    Cancelled,
    /// All places are taken.
    Busy,
    /// The database cannot be reached.
    Unavailable,
    /// The database role is not suitable (see `analytics_mcp check`).
    Unfit,
}

impl Code {
    /// The code as it is sent and logged.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Guard(rule) => rule.code(),
            Code::Argument => "ARGUMENT",
            Code::NotFound => "NOT_FOUND",
            Code::Sql => "SQL_ERROR",
            Code::Timeout => "TIMEOUT",
            Code::Cancelled => "CANCELLED",
            Code::Busy => "BUSY",
            Code::Unavailable => "DATABASE_UNAVAILABLE",
            Code::Unfit => "ROLE_UNFIT",
        }
    }
}

/// A failed call: what happened and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
    /// PostgreSQL's detail, where it adds something.
    pub detail: Option<String>,
    /// PostgreSQL's error code.
    pub sqlstate: Option<String>,
    /// Where in the analyst's text, in characters from 1.
    pub position: Option<usize>,
    /// The same for a reader, see [`Failure::located_in`].
    place: Option<Place>,
    /// Names that exist and are close to the one that does not.
    pub similar: Vec<String>,
}

impl Failure {
    /// A failure with a message only.
    pub fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
            hint: None,
            detail: None,
            sqlstate: None,
            position: None,
            place: None,
            similar: Vec::new(),
        }
    }

    /// The same with what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// A wrong argument: which one, and what is allowed.
    pub fn argument(name: &str, allowed: impl AsRef<str>) -> Failure {
        Failure::new(Code::Argument, format!("argument {name:?}: {}", allowed.as_ref()))
    }

    /// The same with the place in the analyst's text, where PostgreSQL or the guard has reported one.
    pub fn located_in(mut self, sql: &str) -> Failure {
        self.place = self.position.map(|position| place(sql, position));
        self
    }

    /// The text for the model: `{"error":{…}}`.
    pub fn text(&self) -> String {
        #[derive(Serialize)]
        struct Report<'a> {
            code: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            sqlstate: &'a Option<String>,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: &'a Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            position: &'a Option<Place>,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            did_you_mean: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: &'a Option<String>,
        }
        let report = Report {
            code: self.code.as_str(),
            sqlstate: &self.sqlstate,
            message: &self.message,
            detail: &self.detail,
            position: &self.place,
            did_you_mean: &self.similar,
            hint: &self.hint,
        };
        // Texts only: they cannot fail to be written.
        format!("{{\"error\":{}}}", serde_json::to_string(&report).unwrap_or_default())
    }
}

impl From<guard::Refusal> for Failure {
    fn from(refusal: guard::Refusal) -> Failure {
        let hint = refusal.rule.instead();
        let mut failure = Failure::new(Code::Guard(refusal.rule), refusal.message);
        if !failure.message.contains(hint) {
            failure.hint = Some(hint.to_owned());
        }
        failure.position = refusal.position;
        failure
    }
}

/// A place in a text: character, line and column from 1, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Place {
    character: usize,
    line: usize,
    column: usize,
    near: String,
}

fn place(sql: &str, position: usize) -> Place {
    let before: String = sql.chars().take(position.saturating_sub(1)).collect();
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    let near = sql.get(before.len()..).unwrap_or_default().chars().take(40).collect();
    Place { character: position, line, column, near }
}

#[cfg(test)]
#[path = "../tests/unit/error.rs"]
mod tests;
