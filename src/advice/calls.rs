//! Functions and operators that are not there for these arguments (42883).

use super::{Function, MOST, Row, dialect, functions, names, plain, text::Text};
use crate::{error::Failure, guard::token::Kind};

/// `schemas` can be read.
pub(super) fn unknown_function(failure: &mut Failure, text: &Text, rows: &[Row], schemas: &[String]) -> Option<String> {
    let mut names = text.names();
    let (name, schema) = (names.pop()?, names.pop());
    let types = failure.message.split_once('(')?.1.rsplit_once(')')?.0;
    let mut exact: Vec<&Function> = functions(rows).filter(|function| plain(&function.name) == name).collect();
    // The database's own come first.
    if let Some(own) = exact.first().filter(|function| function.own) {
        let is_here = exact.iter().any(|function| function.own && Some(plain(&function.schema)) == schema);
        return Some(if is_here { signatures(&exact) } else { format!("write its schema: {}", own.call()) });
    }
    if let Some(form) = dialect::call(&name, types, !exact.is_empty()) {
        let there_is = if exact.is_empty() { format!("there is no {name} here: ") } else { String::new() };
        let arguments: Vec<String> = text.arguments().into_iter().map(operand).collect();
        let written = ["x", "y", "z"].into_iter().zip(arguments.iter().map(String::as_str));
        // An interval is divided once it is a number.
        let is_divided = |argument: &str| types.starts_with("interval") && argument.contains(['/', '*']);
        let written = written
            .filter(|(_, argument)| (1..80).contains(&argument.len()) && !is_divided(argument))
            .chain([("f", name.as_str())]);
        return Some(format!("{there_is}write {}", dialect::fill(form, &written.collect::<Vec<_>>())));
    }
    let takes = |part: &str| exact.iter().any(|function| function.arguments.contains(part));
    if types.contains("geography") && takes("geometry") && !takes("geography") {
        return Some(format!("it takes geometry: cast the geography, as in {name}(geog::geometry, …)"));
    }
    if !exact.is_empty() {
        let count = |types: &str| types.split(", ").count();
        exact.sort_by_key(|function| count(&function.arguments).abs_diff(count(types)));
        return Some(format!("{}; cast arguments of other types", signatures(&exact)));
    }
    names::unknown_table(failure, text, rows, schemas)
}

fn signatures(functions: &[&Function]) -> String {
    let signatures: Vec<String> = functions.iter().take(MOST).map(|function| function.signature()).collect();
    format!("it takes {}", signatures.join("; "))
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
    let column = text.near(-1);
    let before = text.near(-2);
    let is_part = before.kind == Kind::Dot || "+-*/%|>".contains(before.text) && !before.text.is_empty();
    let is_column = column.name().is_some() && !column.is_word("end") && !is_part;
    let column = if is_left && is_written && is_column { column.text } else { "x" };
    let number = text.near(isize::try_from(op.len()).unwrap_or(1)).text;
    let number = if number.starts_with(|c: char| c.is_ascii_digit()) { number } else { "1" };
    let other = if is_left { right } else { left };
    Some(dialect::fill(form, &[("x", column), ("o", op), ("n", number), ("t", other)]))
}
