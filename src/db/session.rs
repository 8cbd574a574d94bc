//! One session: how a transaction begins and ends, and how rows come out of it.
//!
//! The simple query protocol, which can run several statements, is used here only, and only with this file's own texts.
//! An analyst's text goes through the extended protocol.

use std::{sync::Arc, time::Duration};

use postgres::{
    Client, Config, SimpleQueryMessage,
    error::SqlState,
    fallible_iterator::FallibleIterator,
    types::{Kind, Type},
};

use super::{
    cancel::{Canceller, Reason},
    failure::{failure, is_cancel, is_lost, overdue},
    wire::{Connector, Deadline},
};
use crate::{
    error::{Code, Failure},
    guard::ReadOnlySql,
};

/// How long PostgreSQL may take to let the session in, and for each of the program's own short statements.
const PROMPT: Duration = Duration::from_secs(5);
/// How long a statement may go on after its time limit. PostgreSQL ends it at the limit unless it is in code that looks for
/// no interrupt.
pub(super) const GRACE: Duration = Duration::from_secs(3);
/// What is left of an answer that was cut by bytes is read to its end if that takes no longer and is no more than this.
/// It is cheaper than a cancel request, after which the session cannot be used again.
const DRAIN: (Duration, usize) = (Duration::from_millis(250), 1 << 20);

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
    connector: Connector,
    deadline: Arc<Deadline>,
    /// PostgreSQL's process, or a pooler's number for it.
    process_id: u32,
    /// There is a pooler (PgBouncer) between us and PostgreSQL: each transaction may meet another of its processes.
    pooled: bool,
    tainted: bool,
}

impl Session {
    /// Connects.
    #[expect(clippy::disallowed_methods, reason = "fixed text")]
    pub(super) fn new(config: &Config, connector: &Connector) -> Result<Session, postgres::Error> {
        let own = connector.with_deadline(PROMPT);
        let deadline = Arc::clone(&own.deadline);
        let mut client = config.connect(own)?;
        deadline.set(PROMPT);
        let probe = format!("SELECT pg_catalog.current_setting('{DIRECT}', true), pg_catalog.pg_backend_pid()");
        let answer = client.simple_query(&probe)?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let field = |index: usize| row.and_then(|row| row.try_get(index).ok().flatten());
        let pooled = field(0) != Some("on");
        let process_id = field(1).and_then(|id| id.parse().ok()).unwrap_or_default();
        Ok(Session { client, connector: connector.clone(), deadline, process_id, pooled, tainted: false })
    }

    pub(super) fn is_tainted(&self) -> bool {
        self.tainted || self.client.is_closed()
    }

    /// Whether the connection is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether PostgreSQL did not end the last statement in time.
    pub(super) fn is_late(&self) -> bool {
        self.deadline.passed()
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process_id
    }

    pub(super) fn canceller(&self) -> Canceller {
        Canceller {
            token: self.client.cancel_token(),
            connector: self.connector.clone(),
            deadline: Arc::clone(&self.deadline),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "fixed text")]
    pub(super) fn probe(&mut self) -> Result<(), postgres::Error> {
        self.deadline.set(PROMPT);
        self.client.simple_query("").map(drop)
    }

    /// Starts the read-only transaction. Until [`Session::finish`] has succeeded the session counts as tainted.
    #[expect(clippy::disallowed_methods, reason = "fixed text; `who` holds no quote (auth::Analyst)")]
    pub(super) fn begin(&mut self, settings: &str, who: &str) -> Result<(), postgres::Error> {
        self.tainted = true;
        self.deadline.set(PROMPT);
        self.client.batch_execute(&format!("{settings} SET LOCAL application_name = 'mcp:{who}'"))
    }

    /// The transaction, for statements that together may run for `limit`.
    pub(super) fn reading(&mut self, limit: Duration) -> Reading<'_> {
        self.deadline.set(limit.saturating_add(GRACE));
        let canceller = self.canceller();
        Reading {
            client: &mut self.client,
            canceller,
            pooled: self.pooled,
            limit,
            ran: false,
            lost: false,
            doubt: false,
        }
    }

    /// Rolls back and makes the session as new. It stays tainted when that fails, when it was sent a cancel request
    /// (`cancelled`: from outside; `doubt`: by the reading itself), and when PostgreSQL is late. The result is passed
    /// through, but an error after a cancel request becomes the reason for the request.
    pub(super) fn finish<T>(
        &mut self,
        cancelled: Option<Reason>,
        doubt: bool,
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        let late = self.is_late();
        if cancelled.is_none() && !doubt && !late && !self.client.is_closed() && self.roll_back() {
            self.tainted = false;
        }
        match (cancelled, result) {
            // A pooler may end a cancelled statement by closing the connection.
            (Some(reason), Err(failure)) if late || is_cancel(&failure) || failure.code == Code::Unavailable => {
                Err(reason.failure())
            }
            (_, result) => result,
        }
    }

    /// Closes the connection once PostgreSQL has ended what it is doing, however long that takes.
    pub(super) fn end(self) {
        self.deadline.lift();
        drop(self.client);
    }

    #[expect(clippy::disallowed_methods, reason = "fixed text")]
    fn roll_back(&mut self) -> bool {
        self.deadline.set(PROMPT);
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
    /// No: what is left is passed over.
    Stop,
}

/// A read-only transaction under way.
pub struct Reading<'a> {
    client: &'a mut Client,
    canceller: Canceller,
    pooled: bool,
    limit: Duration,
    /// A text of the analyst has been sent.
    pub(super) ran: bool,
    /// The connection is gone.
    pub(super) lost: bool,
    /// The session must not be used again: it was sent a cancel request, or see [`Reading::prepare`].
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
        let params = params.iter().map(|param| (*param, Type::TEXT));
        let deadline = Arc::clone(&self.canceller.deadline);
        let (mut stopped, mut passed_over) = (false, 0_usize);
        let read = || -> Result<(), postgres::Error> {
            let mut rows = self.client.query_typed_raw(sql, params)?;
            while let Some(next) = rows.next()? {
                let length: i32 = next.try_get(1)?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let text: Option<&str> = next.try_get(0)?;
                if stopped {
                    passed_over = passed_over.saturating_add(text.map_or(0, str::len));
                    if passed_over > DRAIN.1 {
                        return Ok(());
                    }
                } else if row(text.filter(|text| text.len() == length), length) == Flow::Stop {
                    stopped = true;
                    deadline.shorten(DRAIN.0);
                }
            }
            Ok(())
        };
        match read() {
            Ok(()) if passed_over <= DRAIN.1 => Ok(()),
            Err(error) if !stopped => Err(self.failed(&error, Some(prefix))),
            // The statement has ended by an error in a row that nobody wanted.
            Err(error) if error.as_db_error().is_some() && !deadline.passed() => Ok(()),
            // Much is left, or it takes long. The answer is there: PostgreSQL is to stop, and nobody waits for that.
            _ => {
                self.doubt = true;
                self.canceller.send();
                Ok(())
            }
        }
    }

    fn failed(&mut self, error: &postgres::Error, prefix: Option<usize>) -> Failure {
        if self.canceller.deadline.passed() {
            return overdue(self.limit);
        }
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
