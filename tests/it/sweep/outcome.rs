//! One call through the server, and how it ended.

use analytics_mcp::guard::Rule;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::ANSWERED;
use crate::support::client::{Answer, Connection, Mcp, query_message};

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The code of the guard's rule.
    Refused(String),
    Rows,
    /// PostgreSQL's error code.
    Failed(String),
    Timeout,
    /// No answer in time.
    Late,
    /// Not the call's doing: the database was just restarting.
    Unavailable(String),
    /// The answer is not what an answer is.
    Broken(String),
}

/// An answer's text. The rows are read without a look at their depth or at the size of their numbers: both are JSON's
/// own affair, and readers differ in what they take.
#[derive(Deserialize)]
struct Told {
    error: Option<ToldError>,
    rows: Option<Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
struct ToldError {
    code: String,
    sqlstate: Option<String>,
}

/// The beginning of a long text.
fn short(text: &str) -> String {
    text.chars().take(400).collect()
}

/// Sends a text on a connection that is kept, and takes the answer apart.
pub(super) fn send(client: &Mcp, sql: &str, connection: &mut Option<Connection>) -> Outcome {
    let mut used = connection.take().unwrap_or_else(|| {
        let new = Connection::open(client.port);
        new.stream.set_read_timeout(Some(ANSWERED)).unwrap();
        new
    });
    used.send(client.post_bytes(&[], &query_message(&json!(1), sql)));
    let response = match used.try_receive(false) {
        Ok(response) => response,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
            used.hang_up();
            return Outcome::Late;
        }
        Err(error) => return Outcome::Broken(format!("the connection ends: {error}")),
    };
    *connection = Some(used);
    let Ok(body) = serde_json::from_slice::<Value>(&response.body) else {
        return Outcome::Broken(format!("not JSON: {}", String::from_utf8_lossy(&response.body)));
    };
    if response.status != 200 || !body["result"]["content"].is_array() {
        return Outcome::Broken(format!("{} {body}", response.status));
    }
    let answer = Answer::of(&response);
    let text = answer.texts.first().map_or("", String::as_str);
    let data: Told = match serde_json::from_str(text) {
        Ok(data) => data,
        Err(error) => return Outcome::Broken(format!("a text that is not JSON ({error}): {}", short(text))),
    };
    let (code, state) = match &data.error {
        Some(error) => (Some(error.code.as_str()), error.sqlstate.as_deref().unwrap_or_default()),
        None => (None, ""),
    };
    match code {
        None if answer.is_error || data.rows.is_none() => {
            Outcome::Broken(format!("neither rows nor error: {}", short(text)))
        }
        None => Outcome::Rows,
        // The session was ended from outside.
        Some("SQL_ERROR") if state.starts_with("57P") => Outcome::Unavailable(short(text)),
        Some("SQL_ERROR") => Outcome::Failed(state.to_owned()),
        Some("TIMEOUT") => Outcome::Timeout,
        Some("DATABASE_UNAVAILABLE" | "BUSY" | "CANCELLED") => Outcome::Unavailable(short(text)),
        Some(code) if Rule::ALL.iter().any(|rule| rule.code() == code) => Outcome::Refused(code.to_owned()),
        Some(_) => Outcome::Broken(short(text)),
    }
}
