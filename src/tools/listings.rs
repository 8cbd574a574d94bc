//! The tools that say what there is: schemas, tables, columns, functions, and what has a word in it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{
    advice,
    arguments::Arguments,
    call::{Admitted, Call, Outcome},
    default_schema,
    lines::{self, Description, Function, Schema, Table},
};
use crate::{
    answer::Answer,
    catalog,
    error::{Code, Failure},
    freshness,
    invisible::clean,
};

/// The most bytes of a listing, and the most hits of a search.
const MOST: usize = 15_000;
const HITS: usize = 8;
/// A list of more tables waits for less of what is not known yet.
const MANY: usize = 20;
const BRIEFLY: Duration = Duration::from_millis(15);
/// The most words that are searched for, and the most characters of what is said of a hit.
const WORDS: usize = 8;
const ABOUT: usize = 90;
const DEFINITION: usize = 600;

pub(super) fn list_schemas(call: &mut Call<'_>, arguments: Arguments) -> Outcome {
    arguments.finish()?;
    let admitted = call.admit()?;
    let schemas = catalog::parameter(&admitted.app.config.readable_schemas);
    let (here, schemas) = admitted.list::<Schema>(&catalog::SCHEMAS, &[&schemas])?;
    let mut lines = Vec::new();
    if here.meaning {
        lines.extend(admitted.meaning(&catalog::MEANING, &[]).first().map(catalog::definitions));
    }
    lines.push(lines::now(&here));
    lines.extend(here.timescaledb.is_none().then(|| lines::NO_TIMESCALEDB.to_owned()));
    lines.extend(schemas.iter().filter(|schema| schema.is_worth_a_line()).map(Schema::line));
    Ok(listing(lines, schemas.len(), ""))
}

pub(super) fn list_tables(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let schema = arguments.one_of("schema", &call.app.config.readable_schemas, None)?;
    let search = arguments.text("search", 100, Some(""))?;
    arguments.finish()?;
    let admitted = call.admit()?;
    let (here, tables) = admitted.list::<Table>(&catalog::TABLES, &[&schema, &search])?;
    let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
    let patience = if names.len() > MANY { BRIEFLY } else { freshness::PATIENCE };
    let facts = admitted.app.freshness.of(&schema, &names, patience);
    let mut text = vec![format!("Schema {schema}. {}", lines::now(&here))];
    let none = freshness::Facts::default();
    text.extend(tables.iter().map(|table| table.line(facts.get(&table.name).unwrap_or(&none))));
    text.extend(tables.is_empty().then(|| {
        if search.is_empty() {
            "There is nothing that can be read here."
        } else {
            "Nothing here has this in its name or comment; leave search out to see all."
        }
        .to_owned()
    }));
    let more = tables.first().map_or(0, |table| table.all.saturating_sub(tables.len()));
    text.extend((more > 0).then(|| format!("{more} more: narrow the list with search.")));
    let answer = listing(text, tables.len(), "narrow the list with search");
    Ok(Answer { truncated: answer.truncated || more > 0, ..answer })
}

pub(super) fn list_functions(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let config = &call.app.config;
    let default = default_schema(config).map(String::as_str);
    let schema = arguments.one_of("schema", &config.readable_schemas, default)?;
    let function = arguments.text("function", 63, Some(""))?;
    arguments.finish()?;
    let (_, functions) = call.admit()?.list::<Function>(&catalog::FUNCTIONS, &[&schema, &function])?;
    let mut text = vec![format!("Schema {schema}. Call them as SELECT * FROM {schema}.name(argument => value).")];
    text.extend(functions.iter().flat_map(Function::lines));
    text.extend(functions.is_empty().then(|| {
        if function.is_empty() {
            "It has no functions that can be called."
        } else {
            "It has no such function that can be called; without function all are listed."
        }
        .to_owned()
    }));
    Ok(listing(text, functions.len(), "name one with function"))
}

pub(super) fn describe_table(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let schema = arguments.one_of("schema", &call.app.config.readable_schemas, None)?;
    let table = table_name(&mut arguments, &schema)?;
    let definition = arguments.boolean("definition")?;
    arguments.finish()?;
    let admitted = call.admit()?;
    // It looks while the catalog is read.
    admitted.app.freshness.begin(&schema, std::slice::from_ref(&table));
    let describe = |how: &str| {
        let wanted = if definition { "definition" } else { "" };
        admitted.list::<Description>(&catalog::DESCRIBE, &[&schema, &table, how, wanted])
    };
    let (here, rows) = match describe("all") {
        // The table is being changed: what can be had without waiting for that.
        Err(failure) if failure.sqlstate.as_deref() == Some("55P03") => describe("no locks")?,
        described => described?,
    };
    let name = format!("{schema}.{table}");
    let Some(description) = rows.first() else {
        return Err(missing(&admitted, &schema, &table, similar_tables(&admitted, &name)));
    };
    let facts = admitted
        .app
        .freshness
        .of(&schema, std::slice::from_ref(&table), freshness::PATIENCE)
        .remove(&table)
        .unwrap_or_default();
    let listed: Vec<_> = admitted.look.hidden.of(&schema, &table).collect();
    let text = description.lines(&name, &facts, &here, &listed, definition);
    Ok(listing(text, 1, "query information_schema.columns for the rest"))
}

/// The argument `table`, which may repeat the schema.
pub(super) fn table_name(arguments: &mut Arguments, schema: &str) -> Result<String, Failure> {
    let table = arguments.text("table", 127, None)?;
    let name = table.strip_prefix(schema).and_then(|rest| rest.strip_prefix('.')).unwrap_or(&table);
    if name.len() > 63 {
        return Err(Failure::argument("table", "must not be longer than 63 characters"));
    }
    Ok(name.to_owned())
}

/// A hit of a search.
#[derive(Deserialize)]
struct Hit {
    kind: String,
    label: String,
    about: Option<String>,
    score: i64,
}

pub(super) fn search(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let words = arguments.text("words", 200, None)?;
    arguments.finish()?;
    let words: Vec<String> = words
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 1)
        .take(WORDS)
        .map(str::to_lowercase)
        .collect();
    if words.is_empty() {
        return Err(Failure::argument("words", "must have a word of two letters or more"));
    }
    let admitted = call.admit()?;
    let (schemas, words) = (catalog::parameter(&admitted.app.config.readable_schemas), catalog::parameter(&words));
    let hidden = &admitted.look.hidden.0;
    let hidden =
        json!(hidden.iter().map(|of| (&of.schema, &of.table, &of.column, of.text())).collect::<Vec<_>>()).to_string();
    let (here, mut hits) = admitted.list::<Hit>(&catalog::SEARCH, &[&schemas, &words, &hidden])?;
    if here.meaning {
        hits.extend(admitted.meaning::<Hit>(&catalog::SEARCH_MEANING, &[&words]));
    }
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.score));
    hits.truncate(HITS);
    let mut text: Vec<String> = hits.iter().enumerate().map(|(place, hit)| hit.line(place == 0)).collect();
    if hits.iter().any(Hit::is_definition) {
        text.push("Whole: SELECT * FROM analytics_meta.metric (or verified_query, by name; or glossary, by term) WHERE name = '…'".to_owned());
    }
    if hits.is_empty() {
        text.push(
            "Nothing has such a word in its name or comment. Try another word for it, or list_schemas.".to_owned(),
        );
    }
    Ok(listing(text, hits.len(), "search for fewer words"))
}

impl Hit {
    fn is_definition(&self) -> bool {
        matches!(self.kind.as_str(), "metric" | "verified query" | "term")
    }

    /// `kind label: about`. Of the first hit the whole of a definition.
    fn line(&self, is_first: bool) -> String {
        // What is said of a hidden column ends with what to read instead.
        let column = self.kind.strip_prefix("hidden ");
        let most = if is_first && self.is_definition() || column.is_some() { DEFINITION } else { ABOUT };
        let about = lines::comment(self.about.as_deref(), most);
        format!(
            "{} {}{}{about}",
            column.unwrap_or(&self.kind),
            lines::short(&self.label),
            if about.is_empty() { "" } else { ":" }
        )
    }
}

/// A table that is not there, or must not be read: with the names that are alike, or with the function that it is.
pub(super) fn missing(admitted: &Admitted<'_>, schema: &str, table: &str, similar: Vec<String>) -> Failure {
    let mut failure = Failure::new(Code::NotFound, format!("{schema} has no table or view {table:?} that can be read"));
    let hint = advice::function_named(admitted, schema, table);
    failure.hint = Some(hint.unwrap_or_else(|| "list_tables lists what can be read".to_owned()));
    failure.similar = similar;
    failure
}

/// The tables whose names are closest; none when that cannot be found out.
fn similar_tables(admitted: &Admitted<'_>, wanted: &str) -> Vec<String> {
    let schemas = catalog::parameter(&admitted.app.config.readable_schemas);
    let names = admitted.read(|reading| catalog::list(reading, &catalog::NAMES, &[&schemas], catalog::MAX_BYTES));
    names.map(|names| catalog::closest(&names, wanted)).unwrap_or_default()
}

/// The lines as an answer. One that is too long is cut after a line, and `narrower` says what to do then.
fn listing(lines: Vec<String>, count: usize, narrower: &str) -> Answer {
    let mut text = lines.iter().map(|line| clean(line)).collect::<Vec<String>>().join("\n");
    let is_long = text.len() > MOST;
    if is_long {
        let end = (0..=MOST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        let line = text.get(..end).and_then(|text| text.rfind('\n')).unwrap_or(end);
        text.truncate(line);
        text.push_str(&format!("\n… The rest does not fit: {narrower}."));
    }
    Answer { rows: u32::try_from(count).ok(), truncated: is_long, ..Answer::new(&text) }
}
