//! What the catalog has to say about a statement that PostgreSQL has refused.
//!
//! Only such statements pay for it. Nothing here can turn an error into another: what cannot be looked up is left out.

use serde_json::json;

use super::call::Admitted;
use crate::{
    advice::{self, Question, Row, Text},
    catalog,
    error::{Code, Failure},
    rows::List,
    statement::Statement,
};

/// The error with what to do about it.
pub(super) fn with_advice(admitted: &Admitted<'_>, mut failure: Failure, sql: &str) -> Failure {
    if failure.code != Code::Sql {
        return failure;
    }
    let text = Text::read(sql, failure.position);
    let rows = advice::question(&failure, &text).map(|question| look_up(admitted, question)).unwrap_or_default();
    let schemas = &admitted.app.config.readable_schemas;
    advice::advise(&mut failure, text, &rows, schemas, &admitted.look.hidden);
    failure
}

/// For a name that is no table: that it is a function, and how to call it, if it is one.
pub(super) fn function_named(admitted: &Admitted<'_>, schema: &str, name: &str) -> Option<String> {
    advice::is_function(&look_up(admitted, Question::Callable(name.to_owned())), Some(schema), name)
}

fn look_up(admitted: &Admitted<'_>, question: Question) -> Vec<Row> {
    let mut schemas = admitted.app.config.readable_schemas.clone();
    schemas.push("analytics_meta".to_owned());
    let schemas = catalog::parameter(&schemas);
    match question {
        Question::Columns(tables, column) => {
            rows(admitted, &catalog::SOURCES, &[&schemas, &json!(tables).to_string(), &column])
        }
        Question::Callable(name) => rows(admitted, &catalog::CALLABLE, &[&schemas, &name]),
        Question::Labels(of) => rows(admitted, &catalog::LABELS, &[&of]),
    }
}

fn rows(admitted: &Admitted<'_>, statement: &Statement, params: &[&str]) -> Vec<Row> {
    let list = admitted.read(|mut reading| {
        let path = reading.run(&catalog::PATH, &[], List::new(catalog::MAX_BYTES), List::push)?;
        catalog::begin(&mut reading, &catalog::BRIEF)?;
        let path = path.rows().first().map(|row| row.get()).unwrap_or("[]");
        let params: Vec<&str> = params.iter().copied().chain([path]).collect();
        catalog::list(reading, statement, &params, catalog::MAX_BYTES)
    });
    let list = list.inspect_err(|failure| log::debug!("no advice: {}", failure.message)).ok();
    list.iter().flat_map(|list| list.rows()).filter_map(|row| serde_json::from_str(row.get()).ok()).collect()
}
