//! Is the database role suitable for this server, and what has the guard to know of the database? Looked at at the start, by
//! `check`, and again while the server runs.
//!
//! In: the live role, and the list of columns that it must not read. Out: findings, each with the statement that fixes it, and what is
//! [`Known`]. A role that can write, or read one of those columns, is refused: the grants are the boundary, and everything else here
//! only stands behind them.

mod attempts;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    catalog,
    config::ConfigError,
    db::{self, Caller, Cancel, Database, Flow, Reading},
    error::{Code, Failure},
    guard::{self, Known},
    hidden_columns::{HiddenColumn, HiddenColumns, Rules},
    rows::List,
    statement::Statement,
};

pub use attempts::{Point, attempt};

/// How long a verdict holds before the role is looked at again: grants change while servers run.
const VALID: Duration = Duration::from_secs(600);
/// The same of a role that is not suitable: what has been fixed is to be seen at once.
const UNSUITABLE: Duration = Duration::from_secs(10);

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
/// So many reasons are named at a refused call.
const MOST_REASONS: usize = 5;
const HIDDEN_COLUMNS: Statement = Statement::own(include_str!("role_check/hidden_columns.sql"));
const FUNCTIONS: Statement = Statement::own(guard::ROWS);
/// A limit that is short for analysts' statements must not keep the role from being inspected.
const PATIENCE: Statement = Statement::own("SET LOCAL statement_timeout = '30s'");

/// A row about the listed columns.
#[derive(Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
enum Row {
    Column(HiddenColumn),
    Finding(Finding),
}

/// What a look at the role found.
pub struct Look {
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// What the guard has to know.
    pub known: Known,
    /// The listed columns, which the role cannot read.
    pub hidden: HiddenColumns,
}

impl Look {
    /// Why nothing may be run, if so: the first reasons, since it is logged at each call.
    fn refused(&self) -> Option<String> {
        let mut refused = self.findings.iter().filter(|finding| finding.refuse).map(|finding| finding.what.as_str());
        let first = refused.by_ref().take(MOST_REASONS).collect::<Vec<&str>>().join("; ");
        let more = match refused.count() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        (!first.is_empty()).then_some(first + &more)
    }
}

/// Looks at the role of the session.
fn inspect(mut reading: Reading<'_>, schemas: &[String], rules: Option<&Rules>) -> Result<Look, Failure> {
    let unusable = |error| Failure::new(Code::Unavailable, format!("the role cannot be inspected: {error}"));
    let schemas = catalog::parameter(schemas);
    for setting in [&PATIENCE, &catalog::OWN_NAMES] {
        reading.run(setting, &[], (), |(), _| Flow::More)?;
    }
    let list = reading.run(&FINDINGS, &[&schemas], List::new(catalog::MAX_BYTES), List::push)?;
    let listed = List::new(catalog::MAX_BYTES);
    let listed = match rules {
        Some(rules) => reading.run(&HIDDEN_COLUMNS, &[rules.json(), ""], listed, List::push)?,
        None => listed,
    };
    let functions = reading.run(&FUNCTIONS, &[], List::new(catalog::MAX_BYTES), List::push)?;
    let findings = list.rows().iter().map(|row| serde_json::from_str(row.get()));
    let mut findings: Vec<Finding> = findings.collect::<Result<_, _>>().map_err(unusable)?;
    let mut hidden = HiddenColumns::default();
    for row in listed.rows() {
        match serde_json::from_str(row.get()).map_err(unusable)? {
            Row::Column(column) => hidden.0.push(column),
            Row::Finding(finding) => findings.push(finding),
        }
    }
    findings.sort_by_key(|finding| !finding.refuse);
    if list.truncated || listed.truncated || functions.truncated {
        return Err(Failure::new(
            Code::Unavailable,
            "the database has too many tables, functions or hidden columns to be inspected",
        ));
    }
    let known = Known::new(functions.rows().iter().map(|row| row.get())).map_err(unusable)?;
    // Last, since an error ends the transaction.
    let known = match known.postgis_schema().map(|schema| geos(reading, schema)) {
        None => known,
        Some(Ok(version)) => known.with_geos(version),
        Some(Err(failure)) if failure.code == Code::Sql => known.with_geos("unknown".to_owned()),
        Some(Err(failure)) => return Err(failure),
    };
    Ok(Look { findings, known, hidden })
}

/// The version of GEOS, by a function in the schema of PostGIS.
fn geos(reading: Reading<'_>, schema: &str) -> Result<String, Failure> {
    reading.run_last(&Statement::geos_version(schema), &[], String::new(), |version, row| {
        if let db::Row::Values([Some(text)]) = row {
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
    hidden_columns_file: Option<String>,
    last: Mutex<Option<(Instant, Arc<Look>)>>,
}

impl RoleCheck {
    /// Nothing has been looked at yet.
    pub fn new(schemas: Vec<String>, hidden_columns_file: Option<String>) -> RoleCheck {
        RoleCheck { schemas, hidden_columns_file, last: Mutex::new(None) }
    }

    /// The columns that the role must not read, where a file lists them. It is read anew at each look.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn rules(&self) -> Result<Option<Rules>, ConfigError> {
        self.hidden_columns_file.as_deref().map(Rules::load).transpose()
    }

    /// Looks at the role and keeps what it finds. `started` is since when the caller has been waiting.
    pub fn look(&self, database: &Database, cancel: &Arc<Cancel>, started: Instant) -> Result<Arc<Look>, Failure> {
        let rules = self.rules();
        let listed = rules.as_ref().ok().and_then(Option::as_ref);
        let mut look = database
            .read(&Caller::Server("role_check"), cancel, started, |reading| inspect(reading, &self.schemas, listed))?;
        if let Err(error) = rules {
            let fix = "correct the file, or put back what was there".to_owned();
            look.findings.insert(0, Finding { refuse: true, what: error.to_string(), fix });
        }
        let look = Arc::new(look);
        self.warn_of_new(&look);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&look)));
        Ok(look)
    }

    /// Logs what was not there at the last look: a view, for instance, that shows a hidden column. Of the first look the start does.
    fn warn_of_new(&self, look: &Look) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, last)) = last.as_ref() else { return };
        let is_new =
            |finding: &&Finding| !finding.refuse && last.findings.iter().all(|known| known.what != finding.what);
        for finding in look.findings.iter().filter(is_new) {
            log::warn!("{}. Fix: {}", finding.what, finding.fix);
        }
    }

    /// Lets a call pass only when the role is known to be suitable. Looks again when the last look was long ago.
    pub fn ensure(&self, database: &Database, cancel: &Arc<Cancel>, started: Instant) -> Result<Arc<Look>, Failure> {
        let kept = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fresh = kept.filter(|(at, look)| at.elapsed() < if look.refused().is_some() { UNSUITABLE } else { VALID });
        let look = match fresh {
            Some((_, look)) => look,
            None => self.look(database, cancel, started)?,
        };
        let Some(what) = look.refused() else { return Ok(look) };
        log::error!("refusing to query: {what}; run `analytics_mcp check` for what to do");
        let message = "the server's database role has rights that it must not have, or cannot be checked for them, so nothing is run";
        Err(Failure::new(Code::Unfit, message).hint("ask the operator of this server to run: analytics_mcp check"))
    }

    /// How many listed columns the role is known to be unable to read.
    pub fn hidden_columns(&self) -> usize {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map_or(0, |(_, look)| look.hidden.0.len())
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
