//! PostgreSQL's errors, for the model and for the session.

use std::{error::Error as _, time::Duration};

use postgres::error::{ErrorPosition, SqlState};

use super::transaction::GRACE;
use crate::{
    error::{Code, Failure},
    statement::Part,
};

/// For a statement that PostgreSQL has not ended in time.
pub(super) fn overdue(limit: Duration) -> Failure {
    Failure::new(
        Code::Timeout,
        format!("the statement has not ended {GRACE:?} after its limit of {limit:?}: it is probably in code that PostgreSQL cannot interrupt"),
    )
    .hint("do not send it again, since it counts as running until it ends; work on fewer rows, shorter texts or simpler shapes")
}

/// There is no session to be had.
pub(super) fn unreachable() -> Failure {
    Failure::new(Code::Unavailable, "the database cannot be reached at the moment")
        .hint("try again in a minute; if that does not help, tell the operator of this server")
}

/// Whether the connection is gone, or about to go.
pub(super) fn is_lost(error: &postgres::Error) -> bool {
    match error.code() {
        Some(code) if code.code().starts_with("57P") => true,
        // A statement can raise such an error, too, and then goes on with the next one.
        Some(code) => {
            let fatal = error.as_db_error().is_none_or(|error| error.severity() != "ERROR");
            fatal && code.code().starts_with("08")
        }
        None => error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>()),
    }
}

pub(super) fn is_cancel(failure: &Failure) -> bool {
    failure.sqlstate.as_deref() == Some(SqlState::QUERY_CANCELED.code())
}

/// PostgreSQL's error for the model. `part` is where the analyst's text stands in the statement.
pub(super) fn failure(error: &postgres::Error, part: Option<Part>) -> Failure {
    let again = "send the call again; it only reads, so nothing is lost";
    if is_lost(error) {
        return Failure::new(Code::Unavailable, "the connection to the database was lost, perhaps by a restart")
            .hint(again);
    }
    let Some(db) = error.as_db_error() else {
        log::warn!("the driver failed: {error}: {:?}", error.source().map(ToString::to_string));
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
        let part = part.unwrap_or(Part { before: 0, length: usize::MAX });
        let position = position.checked_sub(part.before).filter(|position| *position > 0);
        failure.position = position.filter(|position| *position <= part.length);
        if position > Some(part.length) && db.code() == &SqlState::SYNTAX_ERROR {
            // What PostgreSQL stumbles over is not the analyst's.
            failure.message = "syntax error at end of input".to_owned();
        }
    }
    failure
}

/// What to do about errors for which PostgreSQL has no hint of its own. [`crate::advice`] knows those of the text.
fn advice(code: &SqlState) -> Option<&'static str> {
    Some(match *code {
        SqlState::QUERY_CANCELED => {
            "narrow the query: filter on the time column, aggregate, use a curated view of reporting, or sample fewer rows"
        }
        SqlState::LOCK_NOT_AVAILABLE => "a table is being changed at the moment; try again in a minute",
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
