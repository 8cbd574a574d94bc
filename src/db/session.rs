//! One session: how a transaction begins and ends, and how rows come out of it.
//!
//! The simple query protocol, which can run several statements, is used here only, and only with this file's own texts.
//! An analyst's text goes through the extended protocol.

use std::time::Duration;

use postgres::{
    Client, SimpleQueryMessage,
    error::{ErrorPosition, SqlState},
    fallible_iterator::FallibleIterator,
    types::{Kind, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cancel::{Canceller, Reason};
use crate::{
    error::{Code, Failure},
    guard::ReadOnlySql,
};

/// Settings that fix how literals are read, which the guard relies on, and how values are written.
const FIXED: &[(&str, &str)] = &[
    ("standard_conforming_strings", "on"),
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO"),
    ("intervalstyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
];

/// A setting of our own, by which a session shows that PostgreSQL took the start-up options. A pooler leaves them out.
const DIRECT: &str = "analytics_mcp.direct";

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

/// Undoes the call. Advisory locks survive a rollback, so does the seed of random(), and so do statements that a function
/// has prepared: locks are released first, since all else may fail for want of them; the seed is drawn anew; a prepared
/// statement is counted, and ends the session.
const END: &str = "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all(); \
    SELECT pg_catalog.setseed(('x' || substr(pg_catalog.gen_random_uuid()::text, 1, 8))::bit(32)::int / 2147483648.0); \
    SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statements WHERE from_sql";

/// A connection, and whether it is as new.
pub(super) struct Session {
    client: Client,
    tls: MakeRustlsConnect,
    /// There is a pooler (PgBouncer) between us and PostgreSQL: each transaction may meet another of its processes.
    pooled: bool,
    tainted: bool,
}

impl Session {
    #[expect(clippy::disallowed_methods, reason = "fixed text")]
    pub(super) fn new(mut client: Client, tls: MakeRustlsConnect) -> Result<Session, postgres::Error> {
        let answer = client.simple_query(&format!("SELECT pg_catalog.current_setting('{DIRECT}', true)"))?;
        let direct = answer.iter().any(|message| match message {
            SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten() == Some("on"),
            _ => false,
        });
        Ok(Session { client, tls, pooled: !direct, tainted: false })
    }

    pub(super) fn is_tainted(&self) -> bool {
        self.tainted || self.client.is_closed()
    }

    pub(super) fn canceller(&self) -> Canceller {
        Canceller { token: self.client.cancel_token(), tls: self.tls.clone() }
    }

    #[expect(clippy::disallowed_methods, reason = "fixed text")]
    pub(super) fn probe(&mut self) -> Result<(), postgres::Error> {
        self.client.simple_query("").map(drop)
    }

    /// Starts the read-only transaction. Until [`Session::end`] has succeeded the session counts as tainted.
    #[expect(clippy::disallowed_methods, reason = "fixed text; `who` holds no quote (auth::Analyst)")]
    pub(super) fn begin(&mut self, settings: &str, who: &str) -> Result<(), postgres::Error> {
        self.tainted = true;
        self.client.batch_execute(&format!("{settings} SET LOCAL application_name = 'mcp:{who}'"))
    }

    pub(super) fn reading(&mut self) -> Reading<'_> {
        let canceller = self.canceller();
        Reading { client: &mut self.client, canceller, pooled: self.pooled, ran: false, lost: false, doubt: false }
    }

    /// Rolls back and gives the session back clean, or leaves it tainted: after a lost connection, and when a cancel
    /// request may still be on its way (`cancelled`: one was sent from outside; `doubt`: one of the reading's own).
    /// The result is passed through, but for the error of a cancelled statement, which becomes the reason.
    pub(super) fn end<T>(
        &mut self,
        cancelled: Option<Reason>,
        doubt: bool,
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (result, used_up) = match (cancelled, result) {
            (None, result) => (result, true),
            (Some(reason), Err(failure)) if is_cancel(&failure) => (Err(reason.failure()), true),
            // A pooler may end a cancelled statement by closing the connection.
            (Some(reason), Err(failure)) if failure.code == Code::Unavailable => (Err(reason.failure()), false),
            (Some(_), result) => (result, false),
        };
        if used_up && !doubt && !self.client.is_closed() && self.roll_back() {
            self.tainted = false;
        }
        result
    }

    #[expect(clippy::disallowed_methods, reason = "fixed text")]
    fn roll_back(&mut self) -> bool {
        match self.client.simple_query(END) {
            Ok(messages) => {
                let rows = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten(),
                    _ => None,
                });
                rows.last() == Some("0")
            }
            Err(error) => {
                log::debug!("a session did not roll back and is closed: {error}");
                false
            }
        }
    }
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name as PostgreSQL tells it; need not be unique.
    pub name: String,
    /// Its type's name; arrays as `text[]`.
    pub type_name: String,
    /// The schema of the type.
    pub type_schema: String,
}

/// Whether more rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    More,
    /// No: the statement is cancelled, so that PostgreSQL stops working on it.
    Stop,
}

/// A read-only transaction under way.
pub struct Reading<'a> {
    client: &'a mut Client,
    canceller: Canceller,
    pooled: bool,
    /// A text of the analyst has been sent.
    pub(super) ran: bool,
    /// The connection is gone.
    pub(super) lost: bool,
    /// The session must not be used again: a cancel request of our own may still be on its way, or see [`Reading::prepare`].
    pub(super) doubt: bool,
}

impl Reading<'_> {
    /// The columns of the analyst's statement. PostgreSQL parses and analyses it, and runs nothing; its errors carry the
    /// position in the analyst's text.
    pub fn prepare(&mut self, sql: &ReadOnlySql) -> Result<Vec<Column>, Failure> {
        // Analysing a text already runs code, such as the input functions of its literals: never twice.
        self.ran = true;
        // To learn of a type that it does not know, the driver prepares statements of its own, which it keeps for the next
        // time. Behind a pooler another process will be met then, with no such statement or, worse, with another.
        self.doubt |= self.pooled;
        let statement = self.client.prepare(sql.as_str()).map_err(|error| self.failed(&error, None))?;
        if statement.columns().iter().all(|column| Type::from_oid(column.type_().oid()).is_some()) {
            self.doubt = false;
        }
        if !statement.params().is_empty() {
            return Err(Failure::new(Code::Sql, "the statement has parameters ($1, …)")
                .hint("write the values into the statement"));
        }
        let column = |column: &postgres::Column| {
            let kind = column.type_();
            let type_name = match kind.kind() {
                Kind::Array(element) => format!("{}[]", element.name()),
                _ => kind.name().to_owned(),
            };
            Column { name: column.name().to_owned(), type_name, type_schema: kind.schema().to_owned() }
        };
        Ok(statement.columns().iter().map(column).collect())
    }

    /// Runs a statement that returns a text and its length in bytes for each row. A text that is shorter than its length
    /// was too long to be sent whole; `row` gets none then. `prefix` is the number of characters that stand before the analyst's text.
    pub fn stream(
        &mut self,
        sql: &str,
        params: &[&str],
        prefix: usize,
        mut row: impl FnMut(Option<&str>, usize) -> Flow,
    ) -> Result<(), Failure> {
        // A statement of the catalog may be run again on another connection; the analyst's may not.
        self.ran = self.ran || prefix > 0;
        let canceller = self.canceller.clone();
        let params = params.iter().map(|param| (*param, Type::TEXT));
        let mut stopped = false;
        let read = || -> Result<(), postgres::Error> {
            let mut rows = self.client.query_typed_raw(sql, params)?;
            while let Some(next) = rows.next()? {
                if stopped {
                    continue; // drained until the cancelled statement ends
                }
                let length: i32 = next.try_get(1)?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let text: Option<&str> = next.try_get(0)?;
                if row(text.filter(|text| text.len() == length), length) == Flow::Stop {
                    stopped = true;
                    canceller.send()?;
                }
            }
            Ok(())
        };
        match read() {
            // The statement was over before the request arrived, which may thus hit a later one.
            Ok(()) => self.doubt |= stopped,
            Err(error) if stopped && error.code() == Some(&SqlState::QUERY_CANCELED) => {}
            Err(error) if stopped => {
                self.doubt = true;
                log::debug!("cannot stop a statement: {error}");
            }
            Err(error) => return Err(self.failed(&error, Some(prefix))),
        }
        Ok(())
    }

    fn failed(&mut self, error: &postgres::Error, prefix: Option<usize>) -> Failure {
        self.lost = is_lost(error) || self.client.is_closed();
        let code = error.code();
        if self.pooled
            && (code == Some(&SqlState::DUPLICATE_PSTATEMENT) || code == Some(&SqlState::INVALID_SQL_STATEMENT_NAME))
        {
            // Another client of the pooler has left a statement of the same name behind. Nothing of the analyst has run.
            (self.lost, self.ran) = (true, false);
        }
        failure(error, prefix)
    }
}

/// Whether the connection is gone, or about to go.
pub(super) fn is_lost(error: &postgres::Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("08") || code.code().starts_with("57P"),
        None => error.is_closed() || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>()),
    }
}

fn is_cancel(failure: &Failure) -> bool {
    failure.sqlstate.as_deref() == Some(SqlState::QUERY_CANCELED.code())
}

/// PostgreSQL's error for the model. `prefix` is the number of characters before the analyst's text.
pub(super) fn failure(error: &postgres::Error, prefix: Option<usize>) -> Failure {
    let again = "send the call again; it only reads, so nothing is lost";
    if is_lost(error) {
        return Failure::new(Code::Unavailable, "the connection to the database was lost, perhaps by a restart")
            .hint(again);
    }
    let Some(db) = error.as_db_error() else {
        log::warn!("the driver failed: {error}: {:?}", std::error::Error::source(error).map(ToString::to_string));
        return Failure::new(Code::Unavailable, "the conversation with the database failed").hint(again);
    };
    let code = match db.code() {
        &SqlState::QUERY_CANCELED if !db.message().contains("user request") => Code::Timeout,
        _ => Code::Sql,
    };
    let mut failure = Failure::new(code, clip(db.message()));
    failure.sqlstate = Some(db.code().code().to_owned());
    failure.detail = db.detail().map(clip);
    failure.hint = db.hint().map(clip).or_else(|| advice(db.code()).map(str::to_owned));
    if let Some(ErrorPosition::Original(position)) = db.position() {
        let position = usize::try_from(*position).unwrap_or_default();
        failure.position = position.checked_sub(prefix.unwrap_or_default()).filter(|position| *position > 0);
    }
    failure
}

/// What to do about errors for which PostgreSQL has no hint of its own.
fn advice(code: &SqlState) -> Option<&'static str> {
    Some(match *code {
        SqlState::QUERY_CANCELED => {
            "narrow the query: filter on the time column, aggregate, use a curated view of reporting, or sample fewer rows"
        }
        SqlState::LOCK_NOT_AVAILABLE => "a table is being changed at the moment; try again in a minute",
        SqlState::INSUFFICIENT_PRIVILEGE => "this role only reads the schemas that list_schemas shows",
        SqlState::UNDEFINED_COLUMN => "describe_table lists the columns",
        SqlState::UNDEFINED_FUNCTION => "list_functions lists the functions and their arguments; a cast may be needed",
        SqlState::READ_ONLY_SQL_TRANSACTION => "this server only reads",
        SqlState::CONFIGURATION_LIMIT_EXCEEDED | SqlState::OUT_OF_MEMORY | SqlState::PROGRAM_LIMIT_EXCEEDED => {
            "the query needs more space than it may use; aggregate or filter earlier"
        }
        _ => return None,
    })
}

/// A message of bounded length: PostgreSQL can quote the whole statement.
fn clip(text: &str) -> String {
    const MOST: usize = 1_000;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
