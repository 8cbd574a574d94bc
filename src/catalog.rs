//! What there is to read: schemas, tables, columns, functions.
//!
//! In: names. Out: rows of JSON text, straight from `pg_catalog`. `information_schema` is not asked: to a role that only
//! reads it hides materialised views, foreign keys and view definitions. The statements are the files beside this one;
//! names travel as parameters. Each statement shows only what the role may use.

use crate::{db::Reading, error::Failure, rows::List, statement::Statement};

/// The most bytes of a listing that is not an answer itself.
pub(crate) const MAX_BYTES: usize = 1 << 20;
const SCHEMAS: Statement = Statement::own(include_str!("catalog/schemas.sql"));
const TABLES: Statement = Statement::own(include_str!("catalog/tables.sql"));
const DESCRIBE: Statement = Statement::own(include_str!("catalog/describe.sql"));
const FUNCTIONS: Statement = Statement::own(include_str!("catalog/functions.sql"));
const NAMES: Statement = Statement::own(include_str!("catalog/names.sql"));
const OVERVIEW: Statement = Statement::own(include_str!("catalog/overview.sql"));

/// The schemas, with what each holds.
pub fn schemas(reading: Reading<'_>, schemas: &[String], max_bytes: usize) -> Result<List, Failure> {
    list(reading, &SCHEMAS, &[&names(schemas)], max_bytes)
}

/// The tables and views of a schema whose name or comment holds `search`.
pub fn tables(reading: Reading<'_>, schema: &str, search: &str, max_bytes: usize) -> Result<List, Failure> {
    list(reading, &TABLES, &[schema, search], max_bytes)
}

/// One table or view: columns, keys, indexes. Empty when it is not there.
pub fn describe(reading: Reading<'_>, schema: &str, table: &str, max_bytes: usize) -> Result<List, Failure> {
    list(reading, &DESCRIBE, &[schema, table], max_bytes)
}

/// The functions of a schema.
pub fn functions(reading: Reading<'_>, schema: &str, max_bytes: usize) -> Result<List, Failure> {
    list(reading, &FUNCTIONS, &[schema], max_bytes)
}

/// What a model gets to read at the start: a row for each schema that can be read.
pub fn overview(reading: Reading<'_>, schemas: &[String]) -> Result<List, Failure> {
    list(reading, &OVERVIEW, &[&names(schemas)], MAX_BYTES)
}

/// Up to five tables whose names are close to `wanted`, which may be `table` or `schema.table`; the closest first.
pub fn similar_tables(reading: Reading<'_>, schemas: &[String], wanted: &str) -> Result<Vec<String>, Failure> {
    let all = list(reading, &NAMES, &[&names(schemas)], MAX_BYTES)?;
    let all = all.rows().iter().filter_map(|row| serde_json::from_str::<String>(row.get()).ok());
    let wanted = wanted.to_lowercase();
    let table_of = |name: &str| name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let score = |name: &str| {
        let whole = strsim::jaro_winkler(&name.to_lowercase(), &wanted);
        whole.max(strsim::jaro_winkler(&table_of(name), &table_of(&wanted)))
    };
    let mut scored: Vec<(f64, String)> =
        all.map(|name| (score(&name), name)).filter(|(score, _)| *score > 0.75).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    Ok(scored.into_iter().take(5).map(|(_, name)| name).collect())
}

/// Schema names as one parameter.
fn names(schemas: &[String]) -> String {
    serde_json::Value::from(schemas).to_string()
}

/// Runs one of the statements above, which is the last of its transaction.
fn list(reading: Reading<'_>, statement: &Statement, params: &[&str], max_bytes: usize) -> Result<List, Failure> {
    reading.run_last(statement, params, List::new(max_bytes), List::push)
}
