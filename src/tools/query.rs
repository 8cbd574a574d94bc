//! The tools that run a statement: an analyst's own, and the sample of a table.

use super::{
    DEFAULT_ROWS, DEFAULT_SAMPLE, advice,
    arguments::Arguments,
    call::{Admitted, Call, Outcome},
    listings::not_found,
};
use crate::{
    guard,
    rows::Page,
    statement::{Column, Format, Statement, quote},
};

pub(super) fn query(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let sql = arguments.text("sql", usize::MAX, None)?;
    let max_rows = arguments.integer("max_rows", call.app.config.max_rows, DEFAULT_ROWS)?;
    let format = match arguments.one_of("format", &["json".to_owned(), "csv".to_owned()], Some("json"))?.as_str() {
        "csv" => Format::Csv,
        _ => Format::Json,
    };
    arguments.finish()?;
    let admitted = call.admit()?;
    run(call, &admitted, &sql, (max_rows, "max_rows"), format).map_err(|failure| failure.located_in(&sql))
}

pub(super) fn sample_table(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let schema = arguments.one_of("schema", &call.app.config.readable_schemas, None)?;
    let table = arguments.text("table", 63, None)?;
    let n = arguments.integer("n", call.app.config.max_rows, DEFAULT_SAMPLE)?;
    arguments.finish()?;
    let admitted = call.admit()?;
    let sql = format!("SELECT * FROM {}.{}", quote(&schema), quote(&table));
    run(call, &admitted, &sql, (n, "n"), Format::Json).map_err(|failure| match failure.sqlstate.as_deref() {
        Some("42P01" | "42501") => {
            let failure = not_found(&schema, &table, failure.similar);
            advice::function_named(&admitted, &schema, &table).map_or(failure.clone(), |hint| failure.hint(hint))
        }
        _ => failure,
    })
}

/// The one way of an analyst's text: guard, columns, rows. `more` is the name of the argument that limits the rows.
fn run(
    call: &mut Call<'_>,
    admitted: &Admitted<'_>,
    sql: &str,
    (max_rows, more): (u32, &'static str),
    format: Format,
) -> Outcome {
    let checked = guard::admit(sql, &admitted.known)?;
    call.runs(sql);
    let statement = Statement::query(&checked, max_rows);
    let page = admitted.read(|mut reading| {
        let prepared = reading.prepare(&statement)?;
        let page = Page::new(format, &prepared.columns, max_rows, more, admitted.app.config.max_bytes);
        let page = if prepared.columns.iter().all(Column::is_plain) {
            reading.run_prepared(&prepared, page, Page::push)?
        } else {
            let converted = Statement::converted(&checked, &prepared.columns, format, max_rows);
            reading.run_last(&converted, &[], page, Page::push)?
        };
        page.check().map(|()| page)
    });
    match page {
        Ok(page) => Ok(page.into_answer()),
        Err(mut failure) => {
            failure.position = failure.position.map(|position| position.saturating_add(checked.skipped()));
            Err(advice::with_advice(admitted, failure, sql))
        }
    }
}
