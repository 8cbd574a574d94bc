//! What there is to read: schemas, tables, columns, functions.
//!
//! In: names. Out: rows of JSON text, straight from `pg_catalog`. `information_schema` is not asked: to a role that only
//! reads it hides materialised views, foreign keys and view definitions. The statements are the files beside this one;
//! names travel as parameters. Each statement shows only what the role may use.

use crate::{
    db::{Flow, Reading},
    error::Failure,
    rows::{List, wrap_own},
};

/// The most bytes of a listing that is not an answer itself.
pub(crate) const MAX_BYTES: usize = 1 << 20;
const SCHEMAS: &str = include_str!("catalog/schemas.sql");
const TABLES: &str = include_str!("catalog/tables.sql");
const DESCRIBE: &str = include_str!("catalog/describe.sql");
const FUNCTIONS: &str = include_str!("catalog/functions.sql");
const NAMES: &str = include_str!("catalog/names.sql");
const SURFACE: &str = include_str!("catalog/surface.sql");

/// The schemas, with what each holds.
pub fn schemas(reading: &mut Reading<'_>, schemas: &[String], max_bytes: usize) -> Result<List, Failure> {
    list(reading, SCHEMAS, &[&names(schemas)], max_bytes)
}

/// The tables and views of a schema whose name or comment holds `search`.
pub fn tables(reading: &mut Reading<'_>, schema: &str, search: &str, max_bytes: usize) -> Result<List, Failure> {
    list(reading, TABLES, &[schema, search], max_bytes)
}

/// One table or view: columns, keys, indexes. Empty when it is not there.
pub fn describe(reading: &mut Reading<'_>, schema: &str, table: &str, max_bytes: usize) -> Result<List, Failure> {
    list(reading, DESCRIBE, &[schema, table], max_bytes)
}

/// The functions of a schema.
pub fn functions(reading: &mut Reading<'_>, schema: &str, max_bytes: usize) -> Result<List, Failure> {
    list(reading, FUNCTIONS, &[schema], max_bytes)
}

/// What the server tells a model at the start: a row for each schema that can be read.
pub fn surface(reading: &mut Reading<'_>, schemas: &[String]) -> Result<List, Failure> {
    list(reading, SURFACE, &[&names(schemas)], MAX_BYTES)
}

/// Up to five tables whose names are close to `wanted`, which may be `table` or `schema.table`; the closest first.
pub fn similar_tables(reading: &mut Reading<'_>, schemas: &[String], wanted: &str) -> Result<Vec<String>, Failure> {
    let all = list(reading, NAMES, &[&names(schemas)], MAX_BYTES)?;
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

/// Runs one of the statements above, or of [`crate::role_check`].
pub(crate) fn list(
    reading: &mut Reading<'_>,
    sql: &'static str,
    params: &[&str],
    max_bytes: usize,
) -> Result<List, Failure> {
    let mut list = List::new(max_bytes);
    let wrapped = wrap_own(sql, max_bytes);
    reading.stream(&wrapped.sql, params, wrapped.prefix, |row, length| -> Flow { list.push(row, length) })?;
    Ok(list)
}
