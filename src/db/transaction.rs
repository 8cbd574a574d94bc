//! The texts by which a session is set up and by which a transaction begins and ends.

use std::{fmt, time::Duration};

use crate::auth::Analyst;

/// Settings that fix how literals are read, which the guard relies on, and how values are written.
const FIXED: &[(&str, &str)] = &[
    ("standard_conforming_strings", "on"),
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO"),
    ("intervalstyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("client_min_messages", "error"),
    // Compiling a query cannot be interrupted.
    ("jit", "off"),
];

/// How long a statement may go on after its time limit. PostgreSQL ends it at the limit unless it is in code that looks for
/// no interrupt.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// A setting of our own, by which a session shows that PostgreSQL took the start-up options. A pooler leaves them out.
pub(super) const DIRECT: &str = "analytics_mcp.direct";

/// The session's settings from its first moment (the `options` of the start-up packet).
pub(super) fn startup_options(statement: Duration, lock: Duration) -> String {
    let mut options = format!(
        "-c {DIRECT}=on -c default_transaction_read_only=on -c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={}",
        statement.as_millis(),
        lock.as_millis(),
        idle(statement).as_millis(),
    );
    for (name, value) in FIXED {
        options.push_str(&format!(" -c {name}={value}"));
    }
    options
}

/// The same again for each transaction, in case something between us and PostgreSQL did not pass them on.
pub(super) fn transaction_settings(statement: Duration, lock: Duration) -> String {
    let mut text = format!(
        "START TRANSACTION READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {};",
        statement.as_millis(),
        lock.as_millis(),
        idle(statement).as_millis(),
    );
    for (name, value) in FIXED.iter().filter(|(name, _)| *name != "client_encoding") {
        text.push_str(&format!(" SET LOCAL {name} = '{value}';"));
    }
    text
}

/// Between two statements of a call only this program works, never the client.
fn idle(statement: Duration) -> Duration {
    statement.saturating_add(Duration::from_secs(5))
}

/// Starts a transaction where the session's settings are known to hold.
pub(super) const BEGIN: &str = "START TRANSACTION READ ONLY;";

/// Undoes the call. Advisory locks survive a rollback, so does the seed of random(), and so do statements that a function
/// has prepared: locks are released, the seed is drawn anew, and prepared statements are dropped. But where there
/// are some that must stay (`shares_statements`), one that a function has left makes the text fail, which ends the session.
pub(super) fn end(shares_statements: bool) -> String {
    let mut random = [0; 4];
    // Should the system have none, the seed is 0; no sign-in works then, either.
    let _ = getrandom::fill(&mut random);
    let seed = f64::from(i32::from_ne_bytes(random)) / f64::from(i32::MIN).abs();
    let clean = "SELECT pg_catalog.pg_advisory_unlock_all(), pg_catalog.setseed";
    if shares_statements {
        let none = "NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_statement() WHERE from_sql)";
        format!("ROLLBACK; {clean}({seed}), 1 / ({none})::int")
    } else {
        format!("ROLLBACK; DEALLOCATE ALL; {clean}({seed})")
    }
}

/// In whose name a transaction runs; it shows in the session's `application_name`.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A call of an analyst's.
    Analyst(Analyst),
    /// The server itself, for this purpose.
    Server(&'static str),
}

impl Caller {
    /// The analyst's name, or the server's purpose: letters, digits and `._-@` only, so it is safe in SQL and in logs.
    pub fn name(&self) -> &str {
        match self {
            Caller::Analyst(analyst) => analyst.name(),
            Caller::Server(purpose) => purpose,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mcp:{}", self.name())
    }
}
