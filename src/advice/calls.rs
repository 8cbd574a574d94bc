//! Functions and operators that are not there for these arguments (42883).

use super::{Advice, Function, MOST, Row, closest, dialect, likeness, plain, text::Text};
use crate::error::Failure;

pub(super) fn unknown_function(failure: &Failure, text: &Text, rows: &[Row]) -> Advice {
    let mut names = text.names();
    let (name, schema) = (names.pop().unwrap_or_default(), names.pop());
    let types = failure.message.split_once('(').and_then(|(_, types)| types.rsplit_once(')'));
    let types = types.map(|(types, _)| types).unwrap_or_default();
    let functions =
        || rows.iter().filter_map(|row| if let Row::Function(function) = row { Some(function) } else { None });
    let mut exact: Vec<&Function> = functions().filter(|function| plain(&function.name) == name).collect();
    let own: Vec<&Function> = exact.iter().filter(|function| function.own).copied().collect();

    if own.is_empty()
        && let Some(hint) = other_form(&name, types, text, &exact)
    {
        return Some(hint).into();
    }
    if let Some(function) = own.first() {
        let is_here = schema.is_some_and(|schema| own.iter().any(|function| plain(&function.schema) == schema));
        let signatures: Vec<String> = own.iter().take(MOST).map(|function| function.signature()).collect();
        return if is_here {
            Some(format!("it takes {}", signatures.join("; "))).into()
        } else {
            Advice { hint: Some(format!("write its schema: {}", function.call())), similar: signatures }
        };
    }
    if !exact.is_empty() {
        let given = count(types);
        exact.sort_by_key(|function| count(&function.arguments).abs_diff(given));
        let casts = exact.first().is_some_and(|function| count(&function.arguments) == given);
        let takes: Vec<String> = exact.iter().take(MOST).map(|function| function.signature()).collect();
        let what = if casts { "cast the arguments to what it takes: " } else { "it takes " };
        return Some(format!("{what}{}", takes.join("; "))).into();
    }
    let table = rows.iter().find_map(|row| match row {
        Row::Table { schema, name: table } if plain(table) == name => Some(format!("{schema}.{table}")),
        _ => None,
    });
    if let Some(table) = table {
        return Some(format!("it is a table or view: SELECT * FROM {table}")).into();
    }
    let alike = functions().filter(|function| function.own);
    let similar = closest(alike.map(|function| (likeness(&name, &plain(&function.name)), function.signature())));
    Advice { hint: Some("list_functions lists the functions of a schema; write schema.function".to_owned()), similar }
}

fn count(arguments: &str) -> usize {
    if arguments.is_empty() { 0 } else { arguments.split(", ").count() }
}

/// What to write in place of such a call. `exact` are the functions of that name.
fn other_form(name: &str, types: &str, text: &Text, exact: &[&Function]) -> Option<String> {
    let written: Vec<String> = text.arguments().into_iter().map(operand).collect();
    let written: Vec<Option<&str>> =
        written.iter().map(|written| Some(written.as_str()).filter(|written| written.len() < 80)).collect();
    if exact.is_empty()
        && let Some(form) = dialect::missing_call(name)
    {
        return Some(format!("there is no {name} here: write {}", dialect::fill(form, &written)));
    }
    if let Some(form) = dialect::other_call(name, types) {
        return Some(format!("write {}", dialect::fill(form, &written)));
    }
    let argument = |index: usize| written.get(index).copied().flatten();
    let (x, second) = (argument(0).unwrap_or("x"), argument(1).unwrap_or("…"));
    if matches!(name, "round" | "trunc") && types == "double precision, integer" {
        return Some(format!("cast to numeric: {name}({x}::numeric, {second})"));
    }
    if dialect::wants_text(name, types) {
        return Some(format!("cast the first argument to text: {name}({x}::text, …)"));
    }
    if name == "count" && types.contains(", ") {
        let all = Some(text.arguments().join(", ")).filter(|all| all.len() < 120);
        return Some(format!("count rows of several columns: count(DISTINCT ({}))", all.as_deref().unwrap_or("a, b")));
    }
    let takes = |part: &str| exact.iter().any(|function| function.arguments.contains(part));
    if takes("ORDER BY") {
        let fraction = if name.starts_with("percentile") { "0.5" } else { "" };
        return Some(format!("write {name}({fraction}) WITHIN GROUP (ORDER BY x)"));
    }
    if name.starts_with("st_") && types.contains("double precision, double precision") && takes("geometry") {
        return Some(format!(
            "make points of the numbers: ST_SetSRID(ST_MakePoint(longitude, latitude), 4326), with ::geography for metres; {}",
            exact.iter().take(2).map(|function| function.signature()).collect::<Vec<_>>().join("; ")
        ));
    }
    if name.starts_with("json") && takes("jsonb") != takes("json,") && types.contains("text") {
        return Some("cast the text: x::jsonb".to_owned());
    }
    if name.starts_with("json_") && types.starts_with("jsonb") {
        return Some(format!("for jsonb it is called {}", name.replacen("json_", "jsonb_", 1)));
    }
    if types.contains("geography") && takes("geometry") && !takes("geography") {
        return Some(format!("it takes geometry: cast the geography, as in {name}(geog::geometry, …)"));
    }
    None
}

/// An argument, in parentheses where a cast after it would not take all of it.
fn operand(written: &str) -> String {
    let is_simple = written.chars().all(|c| c.is_alphanumeric() || "_.()\"".contains(c)) || written.starts_with('\'');
    if is_simple { written.to_owned() } else { format!("({written})") }
}

pub(super) fn unknown_operator(failure: &Failure, text: &Text) -> Option<String> {
    if text.has("`") {
        return Some("names stand in double quotes or in none, not in backticks".to_owned());
    }
    let (_, types) = failure.message.rsplit_once(": ")?;
    let words: Vec<&str> = types.split(' ').collect();
    let is_operator = |word: &&str| !word.is_empty() && word.chars().all(|c| "~!@#^&|?+-*/%<>=".contains(c));
    let at = words.iter().position(is_operator)?;
    let (left, right) = (words.get(..at)?.join(" "), words.get(at.saturating_add(1)..)?.join(" "));
    let op = words.get(at)?;
    let after = isize::try_from(op.len()).unwrap_or(1);
    let number = if text.is_number(after) { text.near(after).text } else { "" };
    let form = dialect::operator(&left, op, &right, number)?;
    if text.is_call() && !text.near(0).is_word("in") {
        // NULLIF and its like: no operator is written.
        return Some(form);
    }
    Some(dialect::fill(&form, &[text.column_before(0), text.column_after(after)]))
}
