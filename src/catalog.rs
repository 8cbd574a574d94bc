//! What there is to read: schemas, tables, columns, functions.
//!
//! In: names. Out: rows of JSON text, straight from `pg_catalog`. `information_schema` is not asked: to a role that only
//! reads it hides materialised views, foreign keys and view definitions. The statements are the files beside this one;
//! names travel as parameters. Each statement shows only what the role may use.

use crate::{advice, db::Reading, error::Failure, rows::List, statement::Statement};

/// The most bytes of a listing that is not an answer itself.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// The schemas `$1`, with what each holds.
pub const SCHEMAS: Statement = Statement::own(include_str!("catalog/schemas.sql"));
/// The tables and views of the schema `$1` whose name or comment holds `$2`.
pub const TABLES: Statement = Statement::own(include_str!("catalog/tables.sql"));
/// The table or view `$2` of the schema `$1`: columns, keys, indexes. No row when it is not there.
pub const DESCRIBE: Statement = Statement::own(include_str!("catalog/describe.sql"));
/// The functions of the schema `$1`.
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

/// Runs one of these statements, which is the last of its transaction.
pub fn list(reading: Reading<'_>, statement: &Statement, params: &[&str], max_bytes: usize) -> Result<List, Failure> {
    reading.run_last(statement, params, List::new(max_bytes), List::push)
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
