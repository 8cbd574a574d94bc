//! Advice about a statement that PostgreSQL has refused: the correction, in the text of the error itself.
//!
//! In: the error, the analyst's text, and the rows of the catalog that [`question`] asks for. Out: a hint and similar names. Pure.
//! PostgreSQL's messages, and all names in them, may be odd, hostile or in another language: what is not understood gets no
//! advice, since a wrong hint is worse than none. Nothing is named that the role may not read: the rows hold only what it may,
//! and PostgreSQL's own hints, which it writes before it looks at privileges, are checked against them.

mod calls;
mod dialect;
mod names;
mod syntax;
mod text;
mod values;

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::{error::Failure, hidden_columns::HiddenColumns};
pub(crate) use {names::is_function, text::Text};

/// The most tables or functions in a hint.
const MOST: usize = 4;

/// What has to be known of the catalog.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The columns of these tables (schema, name), and which other tables have this column.
    Columns(Vec<(Option<String>, String)>, String),
    /// What there is to read and to call, and PostgreSQL's own functions of this name.
    Callable(String),
    /// The values of this enum.
    Labels(String),
}

/// A row of the answer. Names are written as in a statement, in double quotes where those are needed.
#[derive(Debug, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub(crate) enum Row {
    /// A table of the question, by its place there, and what may be read of it: all, or some columns.
    Source { place: usize, of: (String, String), table: String, whole: bool, columns: Vec<String> },
    /// Another table that has the column.
    Elsewhere { table: String },
    /// A table that may be read.
    Table { schema: String, name: String },
    /// A function that may be called.
    Function(Function),
    /// A value of an enum.
    Value { text: String },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Function {
    /// It belongs to this database, and not to PostgreSQL or an extension.
    own: bool,
    schema: String,
    name: String,
    arguments: String,
    call: Option<String>,
}

fn functions(rows: &[Row]) -> impl Iterator<Item = &Function> {
    rows.iter().filter_map(|row| if let Row::Function(function) = row { Some(function) } else { None })
}

/// The tables that a text reads from by schema and name, each once.
pub(crate) fn tables(sql: &str) -> BTreeSet<(String, String)> {
    let text = Text::read(sql, None);
    let named = text.sources.iter().filter(|source| !source.name.is_empty());
    named.filter_map(|source| Some((source.schema.clone()?, source.name.clone()))).collect()
}

/// What to look up before [`advise`].
pub(crate) fn question(failure: &Failure, text: &Text) -> Option<Question> {
    let name = text.names().pop().unwrap_or_default();
    match failure.sqlstate.as_deref()? {
        "42703" | "42702" | "42501" => {
            let tables = text.sources.iter().map(|source| (source.schema.clone(), source.name.clone()));
            Some(Question::Columns(tables.take(MOST.saturating_mul(2)).collect(), name))
        }
        "42P01" | "42883" => Some(Question::Callable(name)),
        "22P02" => values::of_enum(&failure.message).map(|of| Question::Labels(of.to_owned())),
        _ => None,
    }
}

/// Puts the advice into the error, in place of PostgreSQL's own where that helps less or tells too much. `schemas` can be read, and
/// `hidden` are the columns that a file hides.
pub(crate) fn advise(failure: &mut Failure, mut text: Text, rows: &[Row], schemas: &[String], hidden: &HiddenColumns) {
    let Some(code) = failure.sqlstate.clone() else { return };
    names::know(&mut text.sources, rows, hidden);
    if code == "42803"
        && let Some(column) = quoted(&failure.message).pop()
        && Some(column.rsplit('.').next().unwrap_or_default()) != text.names().pop().as_deref()
    {
        // PostgreSQL names a column that stands for `*`, and it may be one that must not be read.
        failure.message =
            "a column of * must appear in the GROUP BY clause or be used in an aggregate function".to_owned();
    }
    let advice = match code.as_str() {
        "42601" | "42883" if [-1, 0].iter().any(|place| text.near(*place).text == "`") => {
            Some("names stand in double quotes or in none, not in backticks".to_owned())
        }
        "42703" => names::unknown_column(failure, &text, rows),
        "42P01" if text.is_source() => names::unknown_table(failure, &text, rows, schemas),
        "42P01" => names::unknown_alias(&text),
        "42702" => names::ambiguous(&text),
        "42501" => names::not_permitted(&failure.message, &text, schemas),
        "42883" if failure.message.contains('(') => calls::unknown_function(failure, &text, rows, schemas),
        "42883" => calls::unknown_operator(failure, &text),
        "42601" => syntax::advice(&text, schemas),
        _ => values::advice(failure, &text, rows),
    };
    let may_name = matches!(code.as_str(), "42703" | "42P01");
    let shown = |own: &String| !may_name || names::are_shown(&quoted(own), &text);
    failure.detail = failure.detail.take().filter(shown);
    // PostgreSQL's guess at a column is among the similar names if it is one. And no setting can be changed here.
    let own = failure.hint.take().filter(shown).filter(|hint| !hint.contains("datestyle"));
    let hint = match own {
        Some(own) if code == "42703" && own.contains("cannot be referenced") => Some(own),
        Some(_) if code == "42703" => advice,
        own => advice.or(own),
    };
    failure.message = clip(&failure.message, 600);
    failure.detail = failure.detail.take().map(|detail| clip(&detail, 300));
    failure.similar = failure.similar.iter().take(5).map(|name| clip(name, 140)).collect();
    let length = failure.similar.iter().chain([&failure.message]).chain(&failure.detail).map(String::len).sum();
    failure.hint = hint.map(|hint| clip(&hint, 1_700_usize.saturating_sub(length)));
}

/// How alike two names are, up to 1; 0 unless they are really alike.
pub(crate) fn likeness(wanted: &str, name: &str) -> f64 {
    // A name has 63 bytes at most, but messages may quote anything.
    let [wanted, name] = [wanted, name].map(|name| name.chars().take(63).collect::<String>().to_lowercase());
    let typo = strsim::normalized_damerau_levenshtein(&wanted, &name);
    let begins = |word: &str, begin: &str| begin.len() > 2 && word.starts_with(begin);
    let has_word = |long: &str, short: &str| long.split('_').any(|word| word == short && short.len() > 1);
    let part = begins(&name, &wanted) || has_word(&name, &wanted) || has_word(&wanted, &name);
    let part = part || name.split('_').any(|word| begins(word, &wanted));
    match typo {
        _ if typo >= 0.7 => typo,
        _ if part => 0.6 + typo / 10.0,
        _ => 0.0,
    }
}

/// The names that are alike, the closest first.
pub(crate) fn closest(scored: impl Iterator<Item = (f64, String)>) -> Vec<String> {
    let mut scored: Vec<(f64, String)> = scored.filter(|(score, _)| *score > 0.0).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.dedup();
    scored.into_iter().take(5).map(|(_, name)| name).collect()
}

/// A name without its double quotes.
fn plain(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(name) => name.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

/// What stands in double quotes in a message of PostgreSQL's.
fn quoted(message: &str) -> Vec<String> {
    message.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A text of so many bytes at most, without control characters.
fn clip(text: &str, most: usize) -> String {
    let mut clipped = String::new();
    for c in text.chars() {
        if clipped.len().saturating_add(c.len_utf8()) > most {
            clipped.push('…');
            break;
        }
        clipped.push(if c.is_control() { ' ' } else { c });
    }
    clipped
}

#[cfg(test)]
#[path = "../tests/unit/advice.rs"]
mod tests;
