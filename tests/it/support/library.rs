//! The database layer without the layers above it: no guard, no wrapper, no tools.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use analytics_mcp::{
    config::Config,
    db::{Caller, Cancel, Database, Flow, Row},
    error::Failure,
    guard::Known,
    statement::Statement,
};

use super::cluster::{Cluster, HELPERS};

/// A pool of one session for a role in the tests' own copy of the database.
pub(crate) fn one_session(role: &str) -> Database {
    pool(&Cluster::shared().dsn(role, HELPERS), &[("MCP_POOL_MAX", "1")])
}

/// A pool with these settings.
pub(crate) fn pool(dsn: &str, settings: &[(&str, &str)]) -> Database {
    let fixed = [("DATABASE_URL", dsn), ("MCP_AUTH_TOKENS", "it:0123456789abcdef")];
    let pairs = fixed.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Database::new(&Config::from_pairs(pairs).unwrap()).unwrap()
}

/// A text that passes for one of the program's own: the guard and the wrapper are left out.
pub(crate) fn statement(sql: &str) -> Statement {
    Statement::own(sql.to_owned().leak())
}

/// Runs a statement that yields one text column as it is, and collects its rows.
pub(crate) fn rows(database: &Database, sql: &str) -> Result<Vec<String>, Failure> {
    rows_with(database, &Arc::default(), sql)
}

/// The same with a cancel switch.
pub(crate) fn rows_with(database: &Database, cancel: &Arc<Cancel>, sql: &str) -> Result<Vec<String>, Failure> {
    let statement = statement(sql);
    database.read(&Caller::Server("it"), cancel, Instant::now(), |reading| {
        reading.run_last(&statement, &[], Vec::new(), |rows, row| {
            rows.push(match row {
                Row::Values([value]) => value.unwrap_or("(null)").to_owned(),
                other => format!("{other:?}"),
            });
            Flow::More
        })
    })
}

/// One text, by an expression.
pub(crate) fn text(database: &Database, expression: &str) -> Result<String, Failure> {
    rows(database, &format!("SELECT ({expression})::text")).map(|rows| rows.concat())
}

/// The SQLSTATE with which a statement fails, or `ran`.
pub(crate) fn sqlstate(result: &Result<String, Failure>) -> &str {
    match result {
        Ok(_) => "ran",
        Err(failure) => failure.sqlstate.as_deref().unwrap_or(failure.code.as_str()),
    }
}

/// What the guard has to know of a database with PostGIS on an old GEOS, TimescaleDB and every extension that PostgreSQL brings
/// along: `guard::ROWS` as PostgreSQL 15 answered it, without the functions about which there is nothing to know.
pub(crate) fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let rows = include_str!("../../data/guard/known.jsonl");
        Known::new(rows.lines()).unwrap().with_geos("3.11.1-CAPI-1.17.1".to_owned())
    })
}
