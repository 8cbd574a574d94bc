//! Names that are not there, are there twice, or must not be read: columns, tables, aliases.

use super::{Advice, Function, MOST, Row, clip, closest, dialect, likeness, plain, quoted, text::Text};
use crate::error::Failure;

/// The most bytes of all lists of columns in a hint.
const MAX_COLUMNS: usize = 1_200;

/// What a statement reads from, and what is known of it.
pub(super) struct Known<'a> {
    /// By which its columns are qualified; may be empty.
    called: &'a str,
    /// `schema.table` of the catalog, or the alias.
    table: &'a str,
    /// What may be read of it; empty if that is not known.
    columns: &'a [String],
    /// Not all of it may be read.
    partial: bool,
    in_scope: bool,
}

impl Known<'_> {
    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|known| plain(known) == column)
    }
}

/// What the text reads from; the nearest to the place of the error first.
pub(super) fn known<'a>(text: &'a Text, rows: &'a [Row]) -> Vec<Known<'a>> {
    let mut places = 0_usize..;
    let known = text.sources().into_iter().map(|source| {
        let mut known = Known {
            called: source.called(),
            table: source.called(),
            columns: source.columns.as_deref().unwrap_or_default(),
            partial: false,
            in_scope: text.is_in_scope(source),
        };
        let asked = if source.inner { None } else { places.next() };
        for row in rows {
            if let Row::Source { place, table, whole, columns } = row
                && Some(*place) == asked
            {
                (known.table, known.columns, known.partial) = (table, columns, !whole);
            }
        }
        known
    });
    known.collect()
}

/// Whether all these names, which PostgreSQL tells, are of things that may be read.
pub(super) fn are_shown(names: &[String], text: &Text, known: &[Known]) -> bool {
    let is_called = |name: &str| known.iter().any(|source| source.called == name);
    let is_column = |table: &str, column: &str| {
        is_called(table) && known.iter().all(|source| source.called != table || source.has(column))
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
pub(super) fn unknown_column(failure: &Failure, text: &Text, rows: &[Row], known: &[Known]) -> Advice {
    let mut names = text.names();
    let column = names.pop().or_else(|| quoted(&failure.message).into_iter().next()).unwrap_or_default();
    let is_alone = names.is_empty();
    let qualifier = names.pop().filter(|name| known.iter().any(|source| source.in_scope && source.called == name));
    let mine = |source: &&Known| source.in_scope && qualifier.as_ref().is_none_or(|name| source.called == name);
    let mut mine: Vec<&Known> = known.iter().filter(mine).collect();
    if mine.iter().all(|source| source.columns.is_empty()) {
        // Of a sub-select with `*`, for instance: where it takes its columns from.
        mine = known.iter().collect();
    }

    let qualify = |source: &Known, column: &str| match source.called {
        called if mine.len() > 1 && source.in_scope && !called.is_empty() && !text.names().is_empty() => {
            format!("{called}.{column}")
        }
        _ => column.to_owned(),
    };
    let columns = mine.iter().flat_map(|source| source.columns.iter().map(move |column| (*source, column)));
    let similar = closest(columns.map(|(source, name)| (likeness(&column, &plain(name)), qualify(source, name))));

    let function = text.near(-2).name().unwrap_or_default();
    let is_first = is_alone && text.near(-1).text == "(" && text.near(1).text == ",";
    let mut hints = Vec::new();
    if is_alone && text.near(0).text.starts_with('"') && similar.is_empty() && is_literal(&column, text) {
        hints.push(format!("text is in single quotes: '{}'", column.replace('\'', "''")));
    } else if let Some(form) = dialect::word(&column).filter(|_| is_alone) {
        hints.push(format!("write {form}"));
    } else if let Some(form) = dialect::missing_call(&function).filter(|_| is_first && !function.is_empty()) {
        hints.push(format!("there is no {function} here: write {form}"));
    } else if is_first && dialect::is_unit(&column) {
        hints.push(format!("units of time are in single quotes: {function}('{column}', …)"));
    } else if let Some(expression) = text.aliased(&column).filter(|_| is_alone) {
        let expression = if expression.len() > 120 { "the expression itself" } else { expression };
        hints.push(format!(
            "{column} is a name that this SELECT itself gives, so it cannot be used here: write {expression}, or filter in a query around this one"
        ));
    } else {
        let written = text.near(0).text;
        if is_alone && similar.is_empty() && !written.starts_with('"') && is_compared(text) {
            hints.push(format!("if it is a text, put it in single quotes: '{written}'"));
        }
        hints.extend(lists(&mine));
        let elsewhere = rows.iter().filter_map(|row| match row {
            Row::Elsewhere { table } if !mine.iter().any(|source| source.table == table) => Some(table.as_str()),
            _ => None,
        });
        let elsewhere: Vec<&str> = elsewhere.take(MOST).collect();
        if !elsewhere.is_empty() {
            hints.push(format!("{column} is a column of {}", elsewhere.join(", ")));
        }
        if hints.is_empty() {
            hints.push("describe_table lists the columns".to_owned());
        }
    }
    Advice { hint: Some(hints.join("; ")), similar }
}

/// Whether a name in double quotes was meant as a text.
fn is_literal(name: &str, text: &Text) -> bool {
    is_compared(text) || !name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Whether the name stands where a value to compare with does.
fn is_compared(text: &Text) -> bool {
    let before = text.near(-1);
    let listed = before.text == "(" && text.near(-2).is_word("in");
    listed || matches!(before.text, "=" | ">" | "<") || before.is_one_of(&["like", "ilike"])
}

/// What each of these has, within the bytes for it.
fn lists(sources: &[&Known]) -> Option<String> {
    let mut told: Vec<&Known> = Vec::new();
    for source in sources.iter().filter(|source| !source.columns.is_empty()) {
        if told.len() < MOST && !told.iter().any(|known| known.table == source.table) {
            told.push(source);
        }
    }
    let most = MAX_COLUMNS.checked_div(told.len())?;
    let list = |source: &&Known| clip(&format!("columns of {}: {}", source.table, source.columns.join(", ")), most);
    Some(told.iter().map(list).collect::<Vec<_>>().join("; "))
}

/// 42702.
pub(super) fn ambiguous(text: &Text, known: &[Known]) -> Option<String> {
    let column = text.names().pop()?;
    let has = known.iter().filter(|source| source.in_scope && source.has(&column) && !source.called.is_empty());
    let names: Vec<String> = has.map(|source| format!("{}.{column}", source.called)).take(MOST).collect();
    (!names.is_empty()).then(|| format!("say of which table: {}", names.join(" or ")))
}

/// 42501.
pub(super) fn not_permitted(known: &[Known], schemas: &[String]) -> Option<String> {
    let partial: Vec<&Known> = known.iter().filter(|source| source.partial).collect();
    let may = format!("this role reads the schemas {}", schemas.join(", "));
    Some(lists(&partial).map(|lists| format!("not all columns can be read; {lists}")).unwrap_or(may))
}

/// 42P01 of a table.
pub(super) fn unknown_table(failure: &Failure, text: &Text, rows: &[Row], schemas: &[String]) -> Advice {
    let mut names = text.names();
    if names.is_empty() {
        // The name stands in a literal.
        let name = quoted(&failure.message).into_iter().next().unwrap_or_default();
        names = name.split('.').map(str::to_owned).collect();
    }
    let (name, schema) = (names.pop().unwrap_or_default(), names.pop());
    if let Some(hint) = is_function(rows, None, &name) {
        return Some(hint).into();
    }
    let tables = rows.iter().filter_map(|row| match row {
        Row::Table { schema, name: table } => Some((likeness(&name, &plain(table)), format!("{schema}.{table}"))),
        Row::Function(function) if function.own => {
            Some((likeness(&name, &plain(&function.name)), function.signature()))
        }
        _ => None,
    });
    let similar = closest(tables);
    let same = |table: &&String| table.rsplit('.').next().is_some_and(|table| plain(table) == name);
    let hint = match similar.iter().find(same) {
        Some(table) => format!("write {table}"),
        None if schema.is_some_and(|schema| !schemas.contains(&schema)) => {
            format!("the schemas that can be read are {}", schemas.join(", "))
        }
        None => "list_tables lists what can be read; write schema.table".to_owned(),
    };
    Advice { hint: Some(hint), similar }
}

/// 42P01 of what stands before the dot of a column.
pub(super) fn unknown_alias(text: &Text) -> Option<String> {
    let (wanted, column) = (text.names().into_iter().next()?, text.names().pop()?);
    let sources: Vec<_> = text.sources().into_iter().filter(|source| text.is_in_scope(source)).collect();
    let meant = sources.iter().find(|source| source.name == wanted || source.schema.as_ref() == Some(&wanted));
    if let Some(called) = meant.map(|source| source.called()).filter(|called| *called != wanted) {
        return Some(format!("it is called {called} in this FROM clause: write {called}.{column}"));
    }
    let called: Vec<&str> = sources.iter().map(|source| source.called()).filter(|called| !called.is_empty()).collect();
    if called.is_empty() || called.contains(&wanted.as_str()) {
        return None;
    }
    let called = called.get(..called.len().min(2 * MOST)).unwrap_or_default().join(", ");
    Some(format!("the FROM clause has no {wanted}; it has {called}"))
}

/// Says that a name is that of a function, and how to call it, if it is one.
pub(crate) fn is_function(rows: &[Row], schema: Option<&str>, name: &str) -> Option<String> {
    let mut functions = rows.iter().filter_map(|row| match row {
        Row::Function(function) if function.own && plain(&function.name) == name => Some(function),
        _ => None,
    });
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
