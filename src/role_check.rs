//! Is the database role suitable for this server, and what has the guard to know of the database? Looked at at the start, by
//! `check`, and again while the server runs.
//!
//! In: the live role. Out: findings, each with the statement that fixes it, and what is [`Known`]. A role that can write is
//! refused: the grants are the boundary, and everything else here only stands behind them.

mod attempts;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    catalog,
    db::{self, Caller, Cancel, Database, Flow, Reading, Row},
    error::{Code, Failure},
    guard::{self, Known},
    rows::List,
    statement::Statement,
};

pub use attempts::{Point, attempt};

/// How long a verdict holds before the role is looked at again: grants change while servers run.
const VALID: Duration = Duration::from_secs(600);

/// What is wrong with the role.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Finding {
    /// Whether the server refuses to run with it, or only warns.
    pub refuse: bool,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The statement that fixes it.
    pub fix: String,
}

const FINDINGS: Statement = Statement::own(include_str!("role_check.sql"));
const FUNCTIONS: Statement = Statement::own(guard::ROWS);
/// A limit that is short for analysts' statements must not keep the role from being inspected.
const PATIENCE: Statement = Statement::own("SET LOCAL statement_timeout = '30s'");

/// What a look at the role found.
pub struct Look {
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// What the guard has to know.
    pub known: Arc<Known>,
}

/// Looks at the role of the session.
fn inspect(mut reading: Reading<'_>, schemas: &[String]) -> Result<Look, Failure> {
    let unusable = |error| Failure::new(Code::Unavailable, format!("the role cannot be inspected: {error}"));
    let schemas = catalog::parameter(schemas);
    for setting in [&PATIENCE, &catalog::OWN_NAMES] {
        reading.run(setting, &[], (), |(), _| Flow::More)?;
    }
    let list = reading.run(&FINDINGS, &[&schemas], List::new(catalog::MAX_BYTES), List::push)?;
    let functions = reading.run(&FUNCTIONS, &[], List::new(catalog::MAX_BYTES), List::push)?;
    let findings = list.rows().iter().map(|row| serde_json::from_str(row.get()));
    let findings = findings.collect::<Result<_, _>>().map_err(unusable)?;
    if list.truncated || functions.truncated {
        return Err(Failure::new(Code::Unavailable, "the database has too many tables or functions to be inspected"));
    }
    let known = Known::new(functions.rows().iter().map(|row| row.get())).map_err(unusable)?;
    // Last, since an error ends the transaction.
    let known = match known.postgis_schema().map(|schema| geos(reading, schema)) {
        None => known,
        Some(Ok(version)) => known.with_geos(version),
        Some(Err(failure)) if failure.code == Code::Sql => known.with_geos("unknown".to_owned()),
        Some(Err(failure)) => return Err(failure),
    };
    Ok(Look { findings, known: Arc::new(known) })
}

/// The version of GEOS, by a function in the schema of PostGIS.
fn geos(reading: Reading<'_>, schema: &str) -> Result<String, Failure> {
    reading.run_last(&Statement::geos_version(schema), &[], String::new(), |version, row| {
        if let Row::Values([Some(text)]) = row {
            version.push_str(text);
        }
        Flow::More
    })
}

/// After how long, and a grace, nobody waits for what the server reads in its own name.
const PROMPT: Duration = Duration::from_secs(2);

/// What was found last, kept for a while.
pub struct RoleCheck {
    schemas: Vec<String>,
    last: Mutex<Option<(Instant, Verdict)>>,
}

/// What the guard has to know, or what is wrong with the role.
type Verdict = Result<Arc<Known>, String>;

impl RoleCheck {
    /// Nothing has been looked at yet.
    pub fn new(schemas: Vec<String>) -> RoleCheck {
        RoleCheck { schemas, last: Mutex::new(None) }
    }

    /// Looks at the role and keeps what it finds. `started` is since when the caller has been waiting.
    pub fn look(&self, database: &Database, cancel: &Arc<Cancel>, started: Instant) -> Result<Look, Failure> {
        let look =
            database.read(&Caller::Server("role_check"), cancel, started, |reading| inspect(reading, &self.schemas))?;
        let refused: Vec<&str> =
            look.findings.iter().filter(|finding| finding.refuse).map(|finding| finding.what.as_str()).collect();
        let verdict = if refused.is_empty() { Ok(Arc::clone(&look.known)) } else { Err(refused.join("; ")) };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), verdict));
        Ok(look)
    }

    /// Lets a call pass only when the role is known to be suitable. Looks again when the last look was long ago. Out: what the
    /// guard has to know.
    pub fn ensure(&self, database: &Database, cancel: &Arc<Cancel>, started: Instant) -> Result<Arc<Known>, Failure> {
        let kept = || self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fresh = kept().filter(|(at, _)| at.elapsed() < VALID);
        if fresh.is_none() {
            self.look(database, cancel, started)?;
        }
        match fresh.or_else(kept) {
            Some((_, Ok(known))) => Ok(known),
            Some((_, Err(what))) => {
                log::error!("refusing to query: {what}; run `analytics_mcp check` for what to do");
                let message = "the server's database role has rights that it must not have, so nothing is run";
                Err(Failure::new(Code::Unfit, message)
                    .hint("ask the operator of this server to run: analytics_mcp check"))
            }
            None => Err(Failure::new(Code::Unavailable, "the database role has not been looked at")),
        }
    }

    /// Reads in the server's own name, for this purpose: as if it had been waiting for long, so not at all when there is no free
    /// connection, and with this limit on each statement.
    pub fn read_at_once<T>(
        &self,
        database: &Database,
        purpose: &'static str,
        limit: &Statement,
        mut job: impl FnMut(Reading<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let cancel = Arc::<Cancel>::default();
        let started = Instant::now().checked_sub(db::PATIENCE).unwrap_or_else(Instant::now);
        self.ensure(database, &cancel, started)?;
        database.read_within(PROMPT, &Caller::Server(purpose), &cancel, started, |mut reading| {
            catalog::begin(&mut reading, limit)?;
            job(reading)
        })
    }
}
