//! The tools that say what there is: schemas, tables, columns, functions.

use serde_json::json;

use super::{
    arguments::Arguments,
    call::{Admitted, Call, Outcome},
    default_schema,
};
use crate::{
    answer::Answer,
    catalog,
    error::{Code, Failure},
    rows::List,
};

pub(super) fn list_schemas(call: &mut Call<'_>, arguments: Arguments) -> Outcome {
    arguments.finish()?;
    let admitted = call.admit()?;
    let schemas = catalog::parameter(&admitted.app.config.readable_schemas);
    Ok(listing(&admitted.list(&catalog::SCHEMAS, &[&schemas])?, ""))
}

pub(super) fn list_tables(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let schema = arguments.one_of("schema", &call.app.config.readable_schemas, None)?;
    let search = arguments.text("search", 100, Some(""))?;
    arguments.finish()?;
    let list = call.admit()?.list(&catalog::TABLES, &[&schema, &search])?;
    let nothing = if search.is_empty() {
        "there is nothing that can be read here"
    } else {
        "nothing here has this word in its name or comment; leave search out to see all"
    };
    Ok(listing(&list, nothing))
}

pub(super) fn list_functions(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let config = &call.app.config;
    let default = default_schema(config).map(String::as_str);
    let schema = arguments.one_of("schema", &config.readable_schemas, default)?;
    arguments.finish()?;
    let list = call.admit()?.list(&catalog::FUNCTIONS, &[&schema])?;
    Ok(listing(&list, "this schema has no functions that can be called"))
}

pub(super) fn describe_table(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let schema = arguments.one_of("schema", &call.app.config.readable_schemas, None)?;
    let table = arguments.text("table", 63, None)?;
    arguments.finish()?;
    let admitted = call.admit()?;
    let list = admitted.list(&catalog::DESCRIBE, &[&schema, &table])?;
    match list.rows().first() {
        Some(row) => Ok(Answer::new(row.get())),
        None if list.truncated => Err(Failure::new(Code::Sql, "the description is too long for one answer")
            .hint("query information_schema.columns instead")),
        None => Err(not_found(&schema, &table, similar_tables(&admitted, &format!("{schema}.{table}")))),
    }
}

/// A table that is not there, or must not be read.
pub(super) fn not_found(schema: &str, table: &str, similar: Vec<String>) -> Failure {
    let mut failure = Failure::new(Code::NotFound, format!("{schema} has no table or view {table:?} that can be read"))
        .hint("list_tables lists what can be read");
    failure.similar = similar;
    failure
}

/// The tables whose names are closest; none when that cannot be found out.
pub(super) fn similar_tables(admitted: &Admitted<'_>, wanted: &str) -> Vec<String> {
    let schemas = catalog::parameter(&admitted.app.config.readable_schemas);
    let names = admitted.read(|reading| catalog::list(reading, &catalog::NAMES, &[&schemas], catalog::MAX_BYTES));
    names.map(|names| catalog::closest(&names, wanted)).unwrap_or_default()
}

/// `{"row_count":2,"truncated":false,"rows":[…]}`, with a notice where there is nothing or something is missing.
fn listing(list: &List, nothing: &str) -> Answer {
    let notice = match (list.truncated, list.rows().is_empty()) {
        (true, _) => Some("the list is longer than one answer; narrow it with search"),
        (false, true) => Some(nothing),
        (false, false) => None,
    };
    let count = list.rows().len();
    let notice = notice.map(|notice| format!(",\"notice\":{}", json!(notice))).unwrap_or_default();
    let rows: Vec<&str> = list.rows().iter().map(|row| row.get()).collect();
    let text =
        format!("{{\"row_count\":{count},\"truncated\":{}{notice},\"rows\":[{}]}}", list.truncated, rows.join(","));
    Answer { rows: u32::try_from(count).ok(), truncated: list.truncated, ..Answer::new(&text) }
}
