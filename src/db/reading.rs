//! What can be done in a transaction: learn a statement's columns, and run statements.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use postgres::{
    Client,
    error::SqlState,
    fallible_iterator::FallibleIterator,
    types::{Kind, Type},
};

use super::{
    failure::{failure, is_lost, overdue, unreachable},
    session::Session,
    transaction::{GRACE, end},
    wire::{Flow, Row},
};
use crate::{
    error::{Code, Failure},
    statement::{self, Column, Part, Statement},
};

/// A read-only transaction under way.
pub struct Reading<'a> {
    session: &'a mut Session,
    limit: Duration,
}

/// A statement that PostgreSQL has parsed and analysed, and not run.
pub struct Prepared {
    statement: postgres::Statement,
    part: Option<Part>,
    /// The columns of its result.
    pub columns: Vec<Column>,
}

impl<'a> Reading<'a> {
    /// In a session that has begun a transaction. Its statements together may run for `limit`.
    pub(super) fn new(session: &'a mut Session, limit: Duration) -> Reading<'a> {
        session.allow(limit);
        Reading { session, limit }
    }

    /// Learns the columns of an analyst's statement. PostgreSQL parses and analyses it, and runs nothing; its errors carry the
    /// position in the analyst's text.
    pub fn prepare(&mut self, statement: &Statement) -> Result<Prepared, Failure> {
        // Analysing a text already runs code, such as the input functions of its literals: not twice, as far as it can be known.
        self.session.marks.ran = true;
        // To learn of a type that it does not know, the driver prepares statements of its own, which it keeps for the next
        // time. Behind a pooler another process will be met then, with no such statement or, worse, with another.
        self.session.marks.doubt |= self.session.pooled;
        let kept_statements = std::mem::replace(&mut self.session.keeps_statements, true);
        let part = statement.analysts();
        let statement = self.session.client.prepare(statement.text()).map_err(|error| {
            let failure = self.failed(&error, part);
            let code = error.code();
            if self.session.pooled
                && (code == Some(&SqlState::DUPLICATE_PSTATEMENT)
                    || code == Some(&SqlState::INVALID_SQL_STATEMENT_NAME))
            {
                // Another client of the pooler has left a statement of the same name behind. Nothing has been executed.
                (self.session.marks.lost, self.session.marks.ran) = (true, false);
            }
            failure
        })?;
        if statement.columns().iter().all(|column| Type::from_oid(column.type_().oid()).is_some()) {
            self.session.marks.doubt = false;
            self.session.keeps_statements = kept_statements;
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
            let (type_schema, kind) = (kind.schema().to_owned(), statement::Kind::of(kind));
            Column { name: column.name().to_owned(), type_name, type_schema, kind }
        };
        let columns = statement.columns().iter().map(column).collect();
        Ok(Prepared { statement, part, columns })
    }

    /// Runs a prepared statement, the last of the transaction. See [`Reading::run`].
    pub fn run_prepared<R: Send + 'static>(
        mut self,
        prepared: &Prepared,
        receiver: R,
        take: fn(&mut R, Row<'_>) -> Flow,
    ) -> Result<R, Failure> {
        self.end_with_next();
        self.receive(prepared.part, receiver, take, |client| {
            client.query_raw(&prepared.statement, [] as [&str; 0])?.next().map(drop)
        })
    }

    /// Runs the last statement of the transaction: PostgreSQL ends the transaction right after it. See [`Reading::run`].
    pub fn run_last<R: Send + 'static>(
        mut self,
        statement: &Statement,
        params: &[&str],
        receiver: R,
        take: fn(&mut R, Row<'_>) -> Flow,
    ) -> Result<R, Failure> {
        self.end_with_next();
        self.run(statement, params, receiver, take)
    }

    /// Runs a statement. `take` gets its rows as they come in, every value as PostgreSQL's text of it. Out: what has taken them.
    pub fn run<R: Send + 'static>(
        &mut self,
        statement: &Statement,
        params: &[&str],
        receiver: R,
        take: fn(&mut R, Row<'_>) -> Flow,
    ) -> Result<R, Failure> {
        let params = params.iter().map(|param| (*param, Type::TEXT));
        self.receive(statement.analysts(), receiver, take, |client| {
            client.query_typed_raw(statement.text(), params)?.next().map(drop)
        })
    }

    fn end_with_next(&mut self) {
        if !self.session.pooled {
            self.session.pipeline.end_with(end(self.session.shares_statements()));
        }
    }

    /// Lets the driver run a statement, and gives its rows to `take`.
    fn receive<R: Send + 'static>(
        &mut self,
        part: Option<Part>,
        receiver: R,
        take: fn(&mut R, Row<'_>) -> Flow,
        run: impl FnOnce(&mut Client) -> Result<(), postgres::Error>,
    ) -> Result<R, Failure> {
        // A statement of the program's own may be run again on another connection; the analyst's may not.
        self.session.marks.ran = self.session.marks.ran || part.is_some();
        if self.session.has_begun() {
            self.session.deadline.set(self.limit.saturating_add(GRACE));
        }
        // The stream takes the rows, which the driver owns. The driver finds none; it waits for the end of the statement.
        let shared = Arc::new(Mutex::new(receiver));
        let locked = Arc::clone(&shared);
        let receive = move |row: Row<'_>| take(&mut locked.lock().unwrap_or_else(PoisonError::into_inner), row);
        self.session.pipeline.receive_rows(Box::new(receive));
        let ended = run(&mut self.session.client);
        let outcome = self.session.pipeline.rows_received();
        match ended {
            Err(error) if !outcome.stopped => return Err(self.failed(&error, part)),
            // The statement goes on with rows that nobody can take.
            Err(error) if outcome.no_text => {
                self.give_up();
                return Err(self.failed(&error, part));
            }
            Ok(()) => {}
            // The statement has ended by an error in a row that nobody wanted.
            Err(error) if error.as_db_error().is_some() && !outcome.is_too_much() && !self.session.is_late() => {}
            // Much is left, or it takes long. The answer is there: PostgreSQL is to stop, and nobody waits for that.
            Err(_) => self.give_up(),
        }
        if outcome.stopped {
            self.session.deadline.set(self.limit.saturating_add(GRACE));
        }
        let receiver = Arc::into_inner(shared).ok_or_else(unreachable)?;
        Ok(receiver.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// PostgreSQL is to stop; the session waits for that elsewhere, and is not used again.
    fn give_up(&mut self) {
        // Being late with what nobody wants is no fault of the statement.
        self.session.deadline.set(self.limit.saturating_add(GRACE));
        self.session.marks.doubt = true;
        self.session.canceller().send();
    }

    fn failed(&mut self, error: &postgres::Error, part: Option<Part>) -> Failure {
        if self.session.is_late() && self.session.has_begun() {
            return overdue(self.limit);
        }
        if self.session.is_late() {
            self.session.marks.lost = true;
            return unreachable();
        }
        self.session.marks.lost = is_lost(error) || self.session.client.is_closed();
        failure(error, part)
    }
}
