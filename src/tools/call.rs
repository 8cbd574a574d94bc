//! The way of a call: audit, tool, arguments, permit, role, database, answer.

use std::{net::TcpStream, sync::Arc, time::Instant};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{arguments::Arguments, offered};
use crate::{
    answer::Answer,
    app::AppState,
    audit,
    auth::Analyst,
    catalog::{self, Here},
    config::Config,
    db::{Caller, Reading},
    error::Failure,
    permits::Permit,
    role_check::Look,
    rows::List,
    statement::Statement,
};

/// A tool call, as it came.
pub struct Request<'a> {
    /// Who calls.
    pub analyst: &'a Analyst,
    /// The JSON-RPC id, by which the call can be cancelled.
    pub id: &'a Value,
    /// The connection that waits for the answer.
    pub client: Arc<TcpStream>,
    /// Since when it waits.
    pub started: Instant,
    /// The name of a tool, as the client wrote it.
    pub name: &'a str,
    /// Anything, as the client wrote it.
    pub arguments: Option<Value>,
}

/// The request names no tool, or its arguments are no object: what is wrong, for the client's programmer.
#[derive(Debug)]
pub struct Invalid(pub String);

/// What a tool ends with.
pub(super) type Outcome = Result<Answer, Failure>;

/// Answers a call. Whatever happens, it is in the audit log.
///
/// # Errors
/// The request is no call of a tool. What a model can do something about is an [`Answer`].
pub fn call(app: &AppState, mut request: Request<'_>) -> Result<Answer, Invalid> {
    let tool = offered(&app.config).find(|tool| tool.name == request.name);
    let (known, longest) = (tool.map(|tool| tool.name), app.config.audit_sql_chars);
    let mut entry = audit::Entry::open(request.analyst, request.name, known, longest, &app.metrics);
    let Some(tool) = tool else {
        entry.failed("UNKNOWN_TOOL", None, 0);
        return Err(unknown_tool(request.name, &app.config));
    };
    let arguments = match request.arguments.take() {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(_) => {
            entry.failed("ARGUMENT", None, 0);
            return Err(Invalid("params.arguments must be an object".to_owned()));
        }
    };
    entry.arguments(&arguments);
    let mut call = Call { app, request, entry };
    match (tool.run)(&mut call, Arguments::new(arguments)) {
        Ok(answer) => {
            call.entry.answered(&answer);
            Ok(answer)
        }
        Err(failure) => {
            let answer = Answer { is_error: true, ..Answer::new(&failure.text()) };
            call.entry.failed(failure.code.as_str(), failure.sqlstate.as_deref(), answer.len());
            Ok(answer)
        }
    }
}

fn unknown_tool(name: &str, config: &Config) -> Invalid {
    let name: String = name.chars().take(64).collect();
    let names: Vec<&str> = offered(config).map(|tool| tool.name).collect();
    Invalid(format!("Unknown tool: {name}; there are: {}", names.join(", ")))
}

/// A call under way.
pub(super) struct Call<'a> {
    pub(super) app: &'a AppState,
    request: Request<'a>,
    entry: audit::Entry,
}

impl<'a> Call<'a> {
    /// The call's place among those of its analyst, and a role that is known to be suitable. Arguments are read before, so that
    /// what waits here is small.
    pub(super) fn admit(&self) -> Result<Admitted<'a>, Failure> {
        let Request { analyst, id, client, started, .. } = &self.request;
        let permit = self.app.permits.enter(analyst, id, Arc::clone(client), *started)?;
        let look = self.app.role_check.ensure(&self.app.database, permit.cancel(), *started)?;
        let caller = Caller::Analyst((*analyst).clone());
        Ok(Admitted { app: self.app, permit, look, caller, started: *started })
    }

    /// Notes the statement that is run.
    pub(super) fn runs(&mut self, sql: &str) {
        self.entry.statement(sql);
    }
}

/// A call that may use the database. Its place is given back when this is dropped.
pub(super) struct Admitted<'a> {
    pub(super) app: &'a AppState,
    permit: Permit,
    pub(super) look: Arc<Look>,
    caller: Caller,
    started: Instant,
}

impl Admitted<'_> {
    /// What is here, then the rows of a statement about the catalog.
    pub(super) fn list<T: DeserializeOwned>(
        &self,
        statement: &Statement,
        params: &[&str],
    ) -> Result<(Here, Vec<T>), Failure> {
        let (here, rows) = self.read(|mut reading| {
            catalog::begin(&mut reading, &catalog::LIMIT)?;
            let here = reading.run(&catalog::HERE, &[], List::new(catalog::MAX_BYTES), List::push)?;
            Ok((here, catalog::list(reading, statement, params, catalog::MAX_BYTES)?))
        })?;
        let here = catalog::parse(&here)?.pop().ok_or_else(|| catalog::unreadable("nothing"))?;
        Ok((here, catalog::parse(&rows)?))
    }

    /// The rows of one more statement about the catalog.
    pub(super) fn more<T: DeserializeOwned>(
        &self,
        statement: &Statement,
        params: &[&str],
        limit: &Statement,
    ) -> Result<Vec<T>, Failure> {
        let rows = self.read(|mut reading| {
            catalog::begin(&mut reading, limit)?;
            catalog::list(reading, statement, params, catalog::MAX_BYTES)
        })?;
        catalog::parse(&rows)
    }

    /// The same of the catalogue of meaning. Its owner may have made anything of it: what cannot be read at once is left out.
    pub(super) fn meaning<T: DeserializeOwned>(&self, statement: &Statement, params: &[&str]) -> Vec<T> {
        let rows = self.more(statement, params, &catalog::BRIEF);
        rows.inspect_err(|failure| log::warn!("analytics_meta cannot be read: {}", failure.message)).unwrap_or_default()
    }

    /// Reads in the analyst's name.
    pub(super) fn read<T>(&self, job: impl FnMut(Reading<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.app.database.read(&self.caller, self.permit.cancel(), self.started, job)
    }
}
