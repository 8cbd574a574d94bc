//! Functions and operators that are not there for these arguments (42883).

use super::{Function, MOST, Row, closest, dialect, likeness, plain, text::Text};
use crate::{error::Failure, guard::token::Kind};

pub(super) fn unknown_function(failure: &mut Failure, text: &Text, rows: &[Row]) -> Option<String> {
    let mut names = text.names();
    let (name, schema) = (names.pop()?, names.pop());
    let (_, types) = failure.message.split_once('(')?;
    let types = types.rsplit_once(')')?.0;
    let functions =
        || rows.iter().filter_map(|row| if let Row::Function(function) = row { Some(function) } else { None });
    let mut exact: Vec<&Function> = functions().filter(|function| plain(&function.name) == name).collect();
    // The database's own come first.
    if let Some(own) = exact.first().filter(|function| function.own).copied() {
        exact.retain(|function| function.own);
        return Some(if schema.is_some_and(|schema| exact.iter().any(|function| plain(&function.schema) == schema)) {
            format!("it takes {}", signatures(&exact))
        } else {
            format!("write its schema: {}", own.call())
        });
    }
    if let Some(form) = dialect::call(&name, types, !exact.is_empty()) {
        let there_is = if exact.is_empty() { format!("there is no {name} here: ") } else { String::new() };
        let written: Vec<String> = text.arguments().into_iter().map(operand).collect();
        let written = ["x", "y", "z"].into_iter().zip(written.iter().map(String::as_str));
        let written = written.filter(|(_, written)| (1..80).contains(&written.len())).chain([("f", name.as_str())]);
        return Some(format!("{there_is}write {}", dialect::fill(form, &written.collect::<Vec<_>>())));
    }
    let takes = |part: &str| exact.iter().any(|function| function.arguments.contains(part));
    if types.contains("geography") && takes("geometry") && !takes("geography") {
        return Some(format!("it takes geometry: cast the geography, as in {name}(geog::geometry, …)"));
    }
    let given = count(types);
    exact.sort_by_key(|function| count(&function.arguments).abs_diff(given));
    if let Some(first) = exact.first() {
        let cast = if count(&first.arguments) == given { "cast the arguments to what " } else { "" };
        return Some(format!("{cast}it takes {}", signatures(&exact)));
    }
    let table = rows.iter().find_map(|row| match row {
        Row::Table { schema, name: table } if plain(table) == name => Some(format!("{schema}.{table}")),
        _ => None,
    });
    if let Some(table) = table {
        return Some(format!("it is a table or view: SELECT * FROM {table}"));
    }
    let own = functions().filter(|function| function.own);
    failure.similar = closest(own.map(|function| (likeness(&name, &plain(&function.name)), function.signature())));
    Some("list_functions lists the functions of a schema; write schema.function".to_owned())
}

fn signatures(functions: &[&Function]) -> String {
    functions.iter().take(MOST).map(|function| function.signature()).collect::<Vec<_>>().join("; ")
}

fn count(arguments: &str) -> usize {
    if arguments.is_empty() { 0 } else { arguments.split(", ").count() }
}

/// An argument, in parentheses where a cast after it would not take all of it.
fn operand(written: &str) -> String {
    let is_simple = written.chars().all(|c| c.is_alphanumeric() || "_.()\"".contains(c)) || written.starts_with('\'');
    if is_simple { written.to_owned() } else { format!("({written})") }
}

pub(super) fn unknown_operator(failure: &Failure, text: &Text) -> Option<String> {
    let (_, types) = failure.message.rsplit_once(": ")?;
    let is_operator = |word: &&str| !word.is_empty() && word.chars().all(|c| "~!@#^&|?+-*/%<>=".contains(c));
    let op = types.split(' ').find(is_operator)?;
    let (left, right) = types.split_once(&format!(" {op} "))?;
    let (form, is_left) = dialect::operator(left, op, right)?;
    // NULLIF and its like write no operator. A token is one character of it.
    let is_written = text.near(0).is_word("in") || op.starts_with(text.near(0).text);
    let column = Some(text.near(-1)).filter(|column| column.name().is_some() && text.near(-2).kind != Kind::Dot);
    let column = column.filter(|column| is_left && is_written && !column.is_word("end")).map(|column| column.text);
    let number = text.near(isize::try_from(op.len()).unwrap_or(1)).text;
    let number = if number.starts_with(|c: char| c.is_ascii_digit()) { number } else { "1" };
    let other = if is_left { right } else { left };
    Some(dialect::fill(form, &[("x", column.unwrap_or("x")), ("o", op), ("n", number), ("t", other)]))
}
