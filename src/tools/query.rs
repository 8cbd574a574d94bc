//! The tools that run a statement: an analyst's own, and the sample of a table.

use serde::Deserialize;

use super::{
    DEFAULT_ROWS, DEFAULT_SAMPLE, advice,
    arguments::Arguments,
    call::{Admitted, Call, Outcome},
    explain::explain,
    listings::{missing, table_name},
};
use crate::{
    catalog,
    config::Config,
    error::Failure,
    freshness, guard,
    rows::Page,
    statement::{Column, Format, Statement, quote},
};

/// The most characters of a value in a sample.
const VALUE: usize = 80;
/// A sample of a table comes from about so many of its pages; of a smaller one, from all of its rows up to so many; of a view, from its
/// first rows.
const SAMPLED_PAGES: u32 = 100;
const SAMPLED_ROWS: u32 = 20_000;
const SAMPLED_ROWS_OF_VIEW: u32 = 2_000;

/// Of how many tables an empty answer says how far they reach.
const MOST_TABLES: usize = 3;

/// What an answer may hold, and how it is written.
pub(super) struct Form {
    pub(super) format: Format,
    pub(super) max_rows: u32,
    pub(super) max_bytes: usize,
    /// The argument that limits the rows.
    pub(super) more: &'static str,
    /// The most characters of a value.
    pub(super) longest: usize,
    /// Members of the answer that stand before all others.
    pub(super) opening: String,
}

impl Form {
    /// An answer as far as the settings of the server let it be.
    pub(super) fn new(format: Format, config: &Config) -> Form {
        let Config { max_rows, max_bytes, .. } = *config;
        Form { format, max_rows, max_bytes, more: "max_rows", longest: usize::MAX, opening: String::new() }
    }
}

/// How a table or view can be sampled.
#[derive(Default, Deserialize)]
struct Ways {
    pages: Option<i64>,
    /// Those to name, where some are hidden.
    columns: Option<String>,
}

pub(super) fn query(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let sql = arguments.text("sql", usize::MAX, None)?;
    let max_rows = arguments.integer("max_rows", call.app.config.max_rows, DEFAULT_ROWS)?;
    let format = match arguments.one_of("format", &["json".to_owned(), "csv".to_owned()], Some("json"))?.as_str() {
        "csv" => Format::Csv,
        _ => Format::Json,
    };
    arguments.finish()?;
    let admitted = call.admit()?;
    let form = Form { max_rows, ..Form::new(format, &call.app.config) };
    let outcome = match guard::without_explain(&sql) {
        Some(explained) => plan(call, &admitted, &explained, max_rows),
        None => run(call, &admitted, &sql, &form),
    };
    outcome.map_err(|failure| failure.located_in(&sql))
}

pub(super) fn sample_table(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let schema = arguments.one_of("schema", &call.app.config.readable_schemas, None)?;
    let table = table_name(&mut arguments, &schema)?;
    let n = arguments.integer("n", call.app.config.max_rows, DEFAULT_SAMPLE)?;
    arguments.finish()?;
    let admitted = call.admit()?;
    let form = Form { max_rows: n, more: "n", longest: VALUE, ..Form::new(Format::Csv, &call.app.config) };
    let name = format!("{}.{}", quote(&schema), quote(&table));
    let ways = admitted.more::<Ways>(&catalog::SAMPLE, &[&schema, &table], &catalog::LIMIT)?;
    let Ways { pages, columns } = ways.into_iter().next().unwrap_or_default();
    let columns = columns.as_deref().unwrap_or("*");
    let first = |rows: u32| {
        format!("SELECT * FROM (SELECT {columns} FROM {name} LIMIT {rows}) AS r ORDER BY random() LIMIT {n}")
    };
    // Rows that lie together are often of one vehicle and one hour. Not every table can be sampled, and a sample may be empty.
    let share = pages.map(|pages| f64::from(SAMPLED_PAGES) * 100.0 / pages as f64).filter(|share| *share < 50.0);
    let sampled = share.and_then(|share| {
        let sql = format!("SELECT {columns} FROM {name} TABLESAMPLE SYSTEM ({share:.6}) ORDER BY random() LIMIT {n}");
        run(call, &admitted, &sql, &form).ok().filter(|answer| answer.rows.is_some_and(|rows| rows > 0))
    });
    let rows = if pages.is_some_and(|pages| pages > 0) { SAMPLED_ROWS } else { SAMPLED_ROWS_OF_VIEW };
    sampled.map_or_else(|| run(call, &admitted, &first(rows), &form), Ok).map_err(|failure| {
        let is_of_this = failure.message.ends_with(&format!(" {table}"));
        match failure.sqlstate.as_deref() {
            Some("42501") if is_of_this => missing(&admitted, &schema, &table, failure.similar),
            Some("42P01") => missing(&admitted, &schema, &table, failure.similar),
            _ => failure,
        }
    })
}

/// The plan of an analyst's query.
fn plan(call: &mut Call<'_>, admitted: &Admitted<'_>, sql: &str, max_rows: u32) -> Outcome {
    let checked = guard::admit(sql, &admitted.look.known)?;
    call.runs(&format!("EXPLAIN {}", checked.as_str()));
    explain(admitted, &checked, max_rows).map_err(|failure| improved(admitted, failure, sql, checked.skipped()))
}

/// The one way of an analyst's text: guard, columns, rows.
pub(super) fn run(call: &mut Call<'_>, admitted: &Admitted<'_>, sql: &str, form: &Form) -> Outcome {
    let checked = guard::admit(sql, &admitted.look.known)?;
    call.runs(sql);
    let statement = Statement::query(&checked, form.max_rows);
    let page = admitted.read(|mut reading| {
        let prepared = reading.prepare(&statement)?;
        let page = Page::new(form.format, &prepared.columns, form.max_rows, form.more, form.max_bytes)
            .shortened(form.longest)
            .opened(&form.opening);
        let page = if prepared.columns.iter().all(Column::is_plain) {
            reading.run_prepared(&prepared, page, Page::push)?
        } else {
            let converted = Statement::converted(&checked, &prepared.columns, form.format, form.max_rows);
            reading.run_last(&converted, &[], page, Page::push)?
        };
        page.check().map(|()| page)
    });
    let answer = page.map(|page| {
        let note = if page.is_blank() { reach(admitted, sql) } else { None };
        page.noted(note).into_answer()
    });
    answer.map_err(|failure| improved(admitted, failure, sql, checked.skipped()))
}

/// For an answer without anything in it: how far the tables reach that the text names.
fn reach(admitted: &Admitted<'_>, sql: &str) -> Option<String> {
    let readable = |schema: &String| admitted.app.config.readable_schemas.contains(schema);
    let tables = crate::advice::tables(sql).into_iter().filter(|(schema, _)| readable(schema)).take(MOST_TABLES);
    let range = |(schema, table): (String, String)| {
        let name = std::slice::from_ref(&table);
        let facts = admitted.app.freshness.of(&schema, name, freshness::PATIENCE).remove(&table)?;
        Some(format!("{schema}.{table} {}", facts.range()?))
    };
    let ranges: Vec<String> = tables.filter_map(range).collect();
    (!ranges.is_empty()).then(|| {
        let ranges = ranges.join("; ");
        format!("nothing found, or only zeros. The data reach: {ranges}. Check the period, and the spelling of values (describe_table)")
    })
}

/// A failure with its place in the whole of the analyst's text, and with what helps to correct that.
fn improved(admitted: &Admitted<'_>, mut failure: Failure, sql: &str, skipped: usize) -> Failure {
    failure.position = failure.position.map(|position| position.saturating_add(skipped));
    advice::with_advice(admitted, failure, sql)
}
