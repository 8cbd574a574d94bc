//! What can be done in a transaction: learn a statement's columns, and run statements row by row.

use std::{sync::Arc, time::Duration};

use postgres::{
    error::SqlState,
    fallible_iterator::FallibleIterator,
    types::{Kind, Type},
};

use super::{
    failure::{failure, is_lost, overdue, unreachable},
    session::Session,
    transaction::end,
    wire::ROW_TOO_LONG,
};
use crate::{
    error::{Code, Failure},
    guard::ReadOnlySql,
    statement::{self, Column, Statement},
};

/// What is left of an answer that was cut by bytes is read to its end if that takes no longer and is no more than this.
/// It is cheaper than a cancel request, after which the session cannot be used again.
const DRAIN: (Duration, usize) = (Duration::from_millis(250), 1 << 20);

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

/// A read-only transaction under way.
pub struct Reading<'a> {
    pub(super) session: &'a mut Session,
    pub(super) limit: Duration,
}

impl Reading<'_> {
    /// The columns of the analyst's statement. PostgreSQL parses and analyses it, and runs nothing; its errors carry the
    /// position in the analyst's text.
    pub fn prepare(&mut self, sql: &ReadOnlySql) -> Result<Vec<Column>, Failure> {
        // Analysing a text already runs code, such as the input functions of its literals: never twice.
        self.session.marks.ran = true;
        // To learn of a type that it does not know, the driver prepares statements of its own, which it keeps for the next
        // time. Behind a pooler another process will be met then, with no such statement or, worse, with another.
        self.session.marks.doubt |= self.session.pooled;
        let kept_statements = std::mem::replace(&mut self.session.keeps_statements, true);
        let statement = self.session.client.prepare(sql.as_str()).map_err(|error| self.failed(&error, None))?;
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
        Ok(statement.columns().iter().map(column).collect())
    }

    /// Runs the last statement of the transaction: PostgreSQL ends the transaction right after it.
    pub fn run_last(
        mut self,
        statement: &Statement,
        params: &[&str],
        row: impl FnMut(Row<'_>) -> Flow,
    ) -> Result<(), Failure> {
        if !self.session.pooled {
            self.session.pipeline.end_with(end(self.session.keeps_statements));
        }
        self.run(statement, params, row)
    }

    /// Runs a statement of which every column is a text.
    pub fn run(
        &mut self,
        statement: &Statement,
        params: &[&str],
        mut row: impl FnMut(Row<'_>) -> Flow,
    ) -> Result<(), Failure> {
        // A statement of the program's own may be run again on another connection; the analyst's may not.
        self.session.marks.ran = self.session.marks.ran || statement.prefix().is_some();
        let params = params.iter().map(|param| (*param, Type::TEXT));
        let deadline = Arc::clone(&self.session.deadline);
        let (mut stopped, mut passed_over) = (false, 0_usize);
        let read = || -> Result<(), postgres::Error> {
            let mut rows = self.session.client.query_typed_raw(statement.text(), params)?;
            loop {
                let flow = match rows.next() {
                    Ok(None) => return Ok(()),
                    Ok(Some(next)) if stopped => {
                        passed_over = passed_over.saturating_add(next.raw_size_bytes());
                        if passed_over > DRAIN.1 {
                            return Ok(());
                        }
                        Flow::More
                    }
                    Ok(Some(next)) => {
                        let values: Result<Vec<Option<&str>>, _> =
                            (0..next.len()).map(|index| next.try_get(index)).collect();
                        row(Row::Values(&values?))
                    }
                    Err(error) => match too_long(&error) {
                        Some(_) if stopped => Flow::More,
                        Some(length) => row(Row::TooLong(length)),
                        None => return Err(error),
                    },
                };
                if flow == Flow::Stop {
                    stopped = true;
                    deadline.shorten(DRAIN.0);
                }
            }
        };
        match read() {
            Ok(()) if passed_over <= DRAIN.1 => Ok(()),
            Err(error) if !stopped => Err(self.failed(&error, statement.prefix())),
            // The statement has ended by an error in a row that nobody wanted.
            Err(error) if error.as_db_error().is_some() && !deadline.passed() => Ok(()),
            // Much is left, or it takes long. The answer is there: PostgreSQL is to stop, and nobody waits for that.
            _ => {
                self.session.marks.doubt = true;
                self.session.canceller().send();
                Ok(())
            }
        }
    }

    fn failed(&mut self, error: &postgres::Error, prefix: Option<usize>) -> Failure {
        if self.session.is_late() && self.session.has_begun() {
            return overdue(self.limit);
        }
        if self.session.is_late() {
            self.session.marks.lost = true;
            return unreachable();
        }
        self.session.marks.lost = is_lost(error) || self.session.client.is_closed();
        let code = error.code();
        if self.session.pooled
            && (code == Some(&SqlState::DUPLICATE_PSTATEMENT) || code == Some(&SqlState::INVALID_SQL_STATEMENT_NAME))
        {
            // Another client of the pooler has left a statement of the same name behind. Nothing of the analyst has run.
            (self.session.marks.lost, self.session.marks.ran) = (true, false);
        }
        failure(error, prefix)
    }
}

/// The length of a row that the stream has left out.
fn too_long(error: &postgres::Error) -> Option<usize> {
    let error = error.as_db_error().filter(|error| error.code().code() == ROW_TOO_LONG)?;
    Some(error.message().parse().unwrap_or(usize::MAX))
}
