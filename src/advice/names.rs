//! Names that are not there, are there twice, or must not be read: columns, tables, aliases.

use std::collections::BTreeSet;

use super::{
    Function, MOST, Row, clip, closest, dialect, functions, likeness, plain,
    text::{Source, Text},
};
use crate::{error::Failure, hidden_columns::HiddenColumns};

/// The most bytes of all lists of columns in a hint.
const MAX_COLUMNS: usize = 1_200;

impl Source {
    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|known| plain(known) == column)
    }
}

/// Notes what the catalog and the list of hidden columns tell of the sources.
pub(super) fn know(sources: &mut [Source], rows: &[Row], hidden: &HiddenColumns) {
    for source in sources.iter_mut() {
        // A table of which nothing can be read has no row.
        source.hidden = hidden.of(source.schema.as_deref().unwrap_or_default(), &source.name).cloned().collect();
    }
    for row in rows {
        if let Row::Source { place, of: (schema, name), table, whole, columns } = row
            && let Some(source) = sources.get_mut(*place)
        {
            (source.table, source.columns, source.partial) = (table.clone(), columns.clone(), !whole);
            source.hidden = hidden.of(schema, name).cloned().collect();
        }
    }
}

/// Whether all these names, which PostgreSQL tells, are of things that may be read.
pub(super) fn are_shown(names: &[String], text: &Text) -> bool {
    let is_called = |name: &str| text.sources.iter().any(|source| source.called == name);
    let is_column = |table: &str, column: &str| {
        is_called(table) && text.sources.iter().all(|source| source.called != table || source.has(column))
    };
    match names {
        // Hints without names are not recognised: they may be in a language with other quotation marks.
        [] => false,
        [column, table] if !column.contains('.') && !table.contains('.') => is_column(table, column),
        names => names.iter().all(|name| match name.split_once('.') {
            Some((table, column)) => is_column(table, column),
            None => is_called(name) || text.names().first() == Some(name),
        }),
    }
}

/// 42703.
pub(super) fn unknown_column(failure: &mut Failure, text: &Text, rows: &[Row]) -> Option<String> {
    let mut names = text.names();
    let (column, qualifier) = (names.pop()?, names.pop());
    let is_mine =
        |source: &&Source| source.distance.is_some() && qualifier.as_ref().is_none_or(|name| source.called == *name);
    let mut mine: Vec<&Source> = text.sources.iter().filter(is_mine).collect();
    if mine.iter().all(|source| source.columns.is_empty()) {
        // Of a sub-select with `*`, for instance: where it takes its columns from.
        mine = text.sources.iter().collect();
    }
    let columns = mine.iter().flat_map(|source| &source.columns);
    failure.similar = closest(columns.map(|known| (likeness(&column, &plain(known)), known.clone())));
    let mut hints = Vec::new();
    if qualifier.is_none() {
        if let Some(instead) = no_column(&column, text) {
            return Some(instead);
        }
        hints.extend(as_text(text).filter(|_| failure.similar.is_empty()));
    }
    hints.extend(lists(&mine));
    let elsewhere = rows.iter().filter_map(|row| if let Row::Elsewhere { table } = row { Some(table) } else { None });
    let elsewhere: Vec<&str> = elsewhere.map(String::as_str).take(MOST).collect();
    if !elsewhere.is_empty() {
        hints.push(format!("{column} is a column of {}", elsewhere.join(", ")));
    }
    Some(if hints.is_empty() { "describe_table lists the columns".to_owned() } else { hints.join("; ") })
}

/// What is meant by a name that is no column's: a unit of time, or what the SELECT itself calls so.
fn no_column(column: &str, text: &Text) -> Option<String> {
    let function = text.near(-2).name().unwrap_or_default();
    let is_first = text.near(-1).text == "(" && text.near(1).text == ",";
    if let Some(form) = dialect::call(&function, "", false).filter(|_| is_first) {
        return Some(format!("there is no {function} here: write {form}"));
    }
    if is_first && matches!(function.as_str(), "date_trunc" | "date_part") {
        return Some(format!("units of time are in single quotes: {function}('{column}', …)"));
    }
    let expression = text.aliased(column)?;
    let lower = expression.to_lowercase();
    let sums_up = ["sum", "count", "avg", "min", "max", "agg"].iter().any(|name| lower.contains(&format!("{name}(")));
    let instead = match expression {
        _ if lower.contains(" over ") => "filter in a query around this one".to_owned(),
        _ if sums_up && expression.len() <= 120 => {
            format!("write {expression} in HAVING, not in WHERE, or filter in a query around this one")
        }
        _ if expression.len() > 120 => "write the expression itself, or filter in a query around this one".to_owned(),
        _ => format!("write {expression}, or filter in a query around this one"),
    };
    Some(format!("{column} is a name that this SELECT itself gives, so it cannot be used here: {instead}"))
}

/// That a name was meant as a text, if it stands or looks like one.
fn as_text(text: &Text) -> Option<String> {
    let (written, before) = (text.near(0).text, text.near(-1));
    let is_compared = matches!(before.text, "=" | ">" | "<") || before.is_one_of(&["like", "ilike"]);
    let is_listed = before.text == "(" && text.near(-2).is_word("in");
    let is_name = written.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '"');
    let value = written.trim_matches('"').replace('\'', "''");
    (is_compared || is_listed || !is_name).then(|| format!("if it is a text, put it in single quotes: '{value}'"))
}

/// What each of these has, within the bytes for it.
fn lists(sources: &[&Source]) -> Option<String> {
    let mut listed: Vec<&Source> = sources.iter().filter(|source| !source.columns.is_empty()).copied().collect();
    listed.dedup_by_key(|source| &source.table);
    listed.truncate(MOST);
    let most = MAX_COLUMNS.checked_div(listed.len())?;
    let list = |source: &&Source| clip(&format!("columns of {}: {}", source.table, source.columns.join(", ")), most);
    Some(listed.iter().map(list).collect::<Vec<_>>().join("; "))
}

/// 42702.
pub(super) fn ambiguous(text: &Text) -> Option<String> {
    let column = text.names().pop()?;
    let has = text
        .sources
        .iter()
        .filter(|source| source.distance.is_some() && source.has(&column) && !source.called.is_empty());
    let names: Vec<String> = has.map(|source| format!("{}.{column}", source.called)).take(MOST).collect();
    (!names.is_empty()).then(|| format!("say of which table: {}", names.join(" or ")))
}

/// 42501.
pub(super) fn not_permitted(message: &str, text: &Text, schemas: &[String]) -> Option<String> {
    // A view or a function that reads with the rights of whoever calls it.
    let denied = ["permission denied for table ", "permission denied for view "]
        .iter()
        .find_map(|begin| message.strip_prefix(begin));
    if let Some(denied) = denied.filter(|denied| !text.has_name(denied)) {
        return Some(format!(
            "a view or function here reads {denied} with the rights of this role, which cannot read all that it needs, so no query of it \
             works; query {denied} itself"
        ));
    }
    let partial: Vec<&Source> = text.sources.iter().filter(|source| source.partial).collect();
    // Only those that the text itself names.
    let hidden = text.sources.iter().flat_map(|source| &source.hidden).filter(|hidden| text.has_name(&hidden.column));
    let hidden: BTreeSet<String> = hidden.map(|hidden| format!("{} is {}", hidden.column, hidden.text())).collect();
    let mut hints: Vec<String> = hidden.into_iter().take(MOST).collect();
    let closed = text.sources.iter().find(|source| source.columns.is_empty() && !source.hidden.is_empty());
    hints.push(match (lists(&partial), closed) {
        (Some(lists), _) => {
            format!("Some columns cannot be read: name the others in place of * or the whole row; {lists}")
        }
        // A partition, above all.
        (None, Some(closed)) => {
            format!("Nothing of {} can be read by its own name; if it is a part of a table, query that", closed.name)
        }
        _ => format!("this role reads the schemas {}", schemas.join(", ")),
    });
    Some(hints.join(" "))
}

/// 42P01 of a table, and 42883 of a function of which nothing is known.
pub(super) fn unknown_table(failure: &mut Failure, text: &Text, rows: &[Row], schemas: &[String]) -> Option<String> {
    let mut names = text.names();
    let (name, schema) = (names.pop()?, names.pop());
    if let Some(hint) = is_function(rows, None, &name) {
        return Some(hint);
    }
    failure.similar = closest(rows.iter().filter_map(|row| match row {
        Row::Table { schema, name: table } => Some((likeness(&name, &plain(table)), format!("{schema}.{table}"))),
        Row::Function(function) if function.own => {
            Some((likeness(&name, &plain(&function.name)), function.signature()))
        }
        _ => None,
    }));
    let is_it = |table: &&String| table.rsplit('.').next().is_some_and(|table| plain(table) == name);
    Some(match failure.similar.iter().find(is_it) {
        Some(table) => format!("write {table}, as in SELECT * FROM {table}"),
        None if schema.is_some_and(|schema| schema != "analytics_meta" && !schemas.contains(&schema)) => {
            format!("the schemas that can be read are {}", schemas.join(", "))
        }
        None => "list_tables and list_functions list what there is; write schema.name".to_owned(),
    })
}

/// 42P01 of what stands before the dot of a column.
pub(super) fn unknown_alias(text: &Text) -> Option<String> {
    let (wanted, column) = (text.names().into_iter().next()?, text.names().pop()?);
    let sources = text.sources.iter().filter(|source| source.distance.is_some() && !source.called.is_empty());
    let sources: Vec<&Source> = sources.take(MOST.saturating_mul(2)).collect();
    let called: Vec<&str> = sources.iter().map(|source| source.called.as_str()).collect();
    if called.is_empty() || called.contains(&wanted.as_str()) {
        return None;
    }
    let meant = sources.iter().find(|source| source.name == wanted || source.schema.as_ref() == Some(&wanted));
    Some(match meant.map(|source| &source.called) {
        Some(called) => format!("it is called {called} in this FROM clause: write {called}.{column}"),
        None => format!("the FROM clause has no {wanted}; it has {}", called.join(", ")),
    })
}

/// Says that a name is that of a function, and how to call it, if it is one.
pub(crate) fn is_function(rows: &[Row], schema: Option<&str>, name: &str) -> Option<String> {
    let is_it = |function: &&Function| function.own && plain(&function.name) == name;
    let mut functions = functions(rows).filter(is_it);
    let function = functions.find(|function| schema.is_none_or(|schema| plain(&function.schema) == schema))?;
    Some(format!("it is a function, {}: SELECT * FROM {}", function.signature(), function.call()))
}

impl Function {
    /// With the arguments' names, types and defaults.
    pub(super) fn signature(&self) -> String {
        let schema = if self.own { format!("{}.", self.schema) } else { String::new() };
        clip(&format!("{schema}{}({})", self.name, self.arguments), 240)
    }

    /// As it is called: `reporting.fn_utilisation(p_days => 30)`.
    pub(super) fn call(&self) -> String {
        clip(&format!("{}.{}({})", self.schema, self.name, self.call.as_deref().unwrap_or_default()), 240)
    }
}
