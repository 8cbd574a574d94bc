//! What there is to read: schemas, tables, columns, functions.
//!
//! In: names. Out: rows of JSON text, straight from `pg_catalog`. `information_schema` is not asked: to a role that only
//! reads it hides materialised views, foreign keys and view definitions. The statements are the files beside this one;
//! names travel as parameters. Each statement shows only what the role may use.

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    advice,
    db::{Flow, Reading},
    error::{Code, Failure},
    rows::List,
    statement::Statement,
};

/// The most bytes of a listing that is not an answer itself.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// What every listing begins with: one row, [`Here`].
pub const HERE: Statement = Statement::own(include_str!("catalog/here.sql"));
/// What the catalogue of meaning holds, where [`Here::meaning`]: one row, [`Meaning`].
pub const MEANING: Statement = Statement::own(include_str!("catalog/meaning.sql"));
/// Of the tables `$2` of the schema `$1`: the time column, and where the ends of columns can be found.
pub const TIMES: Statement = Statement::own(include_str!("catalog/times.sql"));
/// What of the schemas `$1` has the words `$2` in its name or comment; of the hidden columns `$3`, in what is said of them instead.
pub const SEARCH: Statement = Statement::own(include_str!("catalog/search.sql"));
/// What of the catalogue of meaning has the words `$1`, where [`Here::meaning`].
pub const SEARCH_MEANING: Statement = Statement::own(include_str!("catalog/search_meaning.sql"));
/// Of the tables `$1` those of which they are a part.
pub const PARENTS: Statement = Statement::own(include_str!("catalog/parents.sql"));
/// How the table or view `$2` of the schema `$1` can be sampled: how many pages it has, and which columns.
pub const SAMPLE: Statement = Statement::own(include_str!("catalog/sample.sql"));
/// A look at the catalog does not wait for what is being changed.
const NO_WAITING: Statement = Statement::own("SET LOCAL lock_timeout = '10ms'");
/// Names of functions and operators in the program's own statements mean PostgreSQL's, whatever somebody has made in a schema of
/// the role's search_path.
pub const OWN_NAMES: Statement = Statement::own("SET LOCAL search_path = pg_catalog");
/// How long a look at the catalog may take.
pub const LIMIT: Statement = Statement::own("SET LOCAL statement_timeout = '5s'");
/// The same for what must not hold anybody up.
pub const BRIEF: Statement = Statement::own("SET LOCAL statement_timeout = '500ms'");
/// The schemas in which names without a schema are looked for: one row, a list. Before [`begin`].
pub const PATH: Statement =
    Statement::own("SELECT pg_catalog.to_json(pg_catalog.current_schemas(true))::pg_catalog.text AS j");
/// The schemas `$1`, with what each holds.
pub const SCHEMAS: Statement = Statement::own(include_str!("catalog/schemas.sql"));
/// The tables and views of the schema `$1` whose name or comment holds `$2`.
pub const TABLES: Statement = Statement::own(include_str!("catalog/tables.sql"));
/// The table or view `$2` of the schema `$1`: columns, keys, indexes; `$3` is `all`, or `no locks` for what can be had without one,
/// and `$4` is `definition` or empty. No row when it is not there.
pub const DESCRIBE: Statement = Statement::own(include_str!("catalog/describe.sql"));
/// The functions of the schema `$1`; with its SQL the one that `$2` names.
pub const FUNCTIONS: Statement = Statement::own(include_str!("catalog/functions.sql"));
/// The names of all tables and views in the schemas `$1`.
pub const NAMES: Statement = Statement::own(include_str!("catalog/names.sql"));
/// What may be read of the tables `$2`, each `[schema or null, table]`, in the schemas `$1`; and other tables with the column `$3`.
pub const SOURCES: Statement = Statement::own(include_str!("catalog/sources.sql"));
/// The tables and functions of the schemas `$1`, and PostgreSQL's own functions of the name `$2`.
pub const CALLABLE: Statement = Statement::own(include_str!("catalog/callable.sql"));
/// The values of the enum `$1`.
pub const LABELS: Statement = Statement::own(include_str!("catalog/labels.sql"));
/// What a model gets to read at the start: a row for each of the schemas `$1` that can be read.
pub const OVERVIEW: Statement = Statement::own(include_str!("catalog/overview.sql"));

/// When it is in the database, and what is there.
#[derive(Debug, Deserialize)]
pub struct Here {
    /// As PostgreSQL writes it.
    pub now: String,
    /// The session's time zone.
    pub timezone: String,
    /// The database's name.
    pub database: String,
    /// The schema of TimescaleDB, where it is installed.
    pub timescaledb: Option<String>,
    /// The catalogue of meaning is there and may be read.
    pub meaning: bool,
}

/// What the catalogue of meaning (`analytics_meta`) holds.
#[derive(Debug, Deserialize)]
pub struct Meaning {
    /// How many metrics there are.
    pub metrics: usize,
    /// The names of the first of them.
    pub names: Vec<String>,
    /// How many verified queries there are.
    pub verified_queries: u64,
    /// How many terms the glossary has.
    pub terms: u64,
}

/// What the catalogue of meaning holds, in a line.
pub fn definitions(meaning: &Meaning) -> String {
    let Meaning { metrics, names, verified_queries, terms } = meaning;
    let (list, left_out) = fitting(names, 340);
    let more = metrics.saturating_sub(names.len()).saturating_add(left_out);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "Definitions are in analytics_meta: {metrics} metrics ({list}{more}), {verified_queries} verified queries and {terms} terms; search finds them."
    )
}

/// The names that fit into so many bytes, and how many do not.
pub fn fitting(names: &[String], most: usize) -> (String, usize) {
    let mut list = String::new();
    for (index, name) in names.iter().enumerate() {
        if list.len().saturating_add(name.len()).saturating_add(2) > most {
            return (list, names.len().saturating_sub(index));
        }
        list.push_str(if index > 0 { ", " } else { "" });
        list.push_str(name);
    }
    (list, 0)
}

/// Begins a transaction of the program's own statements, each of which has this time limit.
pub fn begin(reading: &mut Reading<'_>, limit: &Statement) -> Result<(), Failure> {
    for setting in [&NO_WAITING, &OWN_NAMES, limit] {
        reading.run(setting, &[], (), |(), _| Flow::More)?;
    }
    Ok(())
}

/// Runs one of these statements, which is the last of its transaction.
pub fn list(reading: Reading<'_>, statement: &Statement, params: &[&str], max_bytes: usize) -> Result<List, Failure> {
    reading.run_last(statement, params, List::new(max_bytes), List::push)
}

/// Its rows, each one JSON text.
///
/// # Errors
/// A row that is not as described, or too many.
pub fn parse<T: DeserializeOwned>(list: &List) -> Result<Vec<T>, Failure> {
    if list.truncated {
        return Err(unreadable("too much"));
    }
    let rows = list.rows().iter().map(|row| serde_json::from_str(row.get()));
    rows.collect::<Result<_, _>>().map_err(|error| unreadable(&error.to_string()))
}

/// The catalog does not say what its statements ask for.
pub fn unreadable(why: &str) -> Failure {
    Failure::new(Code::Sql, format!("the catalog cannot be read: {why}"))
        .hint("information_schema.columns has the names of tables and columns: ask it with query")
}

/// Schema names as one parameter.
pub fn parameter(schemas: &[String]) -> String {
    serde_json::Value::from(schemas).to_string()
}

/// Up to five of [`NAMES`] that are alike to `wanted`, which may be `table` or `schema.table`; the closest first.
pub fn closest(names: &List, wanted: &str) -> Vec<String> {
    let names = names.rows().iter().filter_map(|row| serde_json::from_str::<String>(row.get()).ok());
    let table_of = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    advice::closest(names.map(|name| (advice::likeness(&table_of(wanted), &table_of(&name)), name)))
}
