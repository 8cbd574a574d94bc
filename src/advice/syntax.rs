//! Syntax errors of which the cause is certain. PostgreSQL only says near what it has stumbled.

use super::text::Text;
use crate::guard::token::Kind;

/// Key words that name a column only after AS.
const NEEDS_AS: &[&str] = &[
    "day",
    "hour",
    "minute",
    "month",
    "second",
    "year",
    "precision",
    "varying",
    "char",
    "character",
    "to",
    "over",
    "filter",
    "within",
    "without",
    "overlaps",
    "array",
    "with",
    "grant",
    "create",
];
/// The clauses of a SELECT in their order.
const ORDER: &[&str] = &["from", "where", "group", "having", "window", "order", "limit"];
/// Values that are written without parentheses.
const BARE: &[&str] =
    &["current_date", "current_timestamp", "current_time", "localtime", "localtimestamp", "current_user"];

/// What to write. `schemas` can be read.
pub(super) fn advice(text: &Text, schemas: &[String]) -> Option<String> {
    let (token, before, after) = (text.near(0), text.near(-1), text.near(1));
    let (word, name) = (token.text, before.text);
    if text.has("`") {
        return Some("names stand in double quotes or in none, not in backticks".to_owned());
    }
    // What ends an expression or a name.
    let ended = matches!(before.kind, Kind::Close | Kind::Literal | Kind::Quoted)
        || (before.kind == Kind::Word
            && !before.is_one_of(&["select", "distinct", "by", "and", "or", "not", "as", "on"]))
        || before.text.ends_with(|c: char| c.is_ascii_digit());
    let open_case = text.so_far("case").saturating_sub(text.so_far("end")) > 0;
    let clause = ORDER.iter().position(|clause| token.is_word(clause));
    let later = clause.and_then(|clause| ORDER.get(clause.saturating_add(1)..)).unwrap_or_default();
    let late = later.iter().rev().find(|late| text.so_far(late) > 0);
    Some(match token.kind {
        Kind::Word if token.is_one_of(NEEDS_AS) && ended && !open_case && ends_item(text) => {
            format!("`{word}` needs AS before it: AS {word}")
        }
        Kind::Word if clause.is_some() && before.kind == Kind::Comma => format!("remove the comma before {word}"),
        Kind::Word if clause.is_some() && open_case => {
            format!("END is missing before {word}: CASE WHEN … THEN … ELSE … END")
        }
        Kind::Word if clause.is_some() && late.is_some() => {
            let by = |clause: &str| if matches!(clause, "group" | "order") { " BY" } else { "" };
            let late = late.copied().unwrap_or_default();
            format!("{word}{} comes before {}{}", by(&word.to_lowercase()), late.to_uppercase(), by(late))
        }
        Kind::Word if token.is_word("select") && before.is_one_of(&["exists", "in", "any", "all", "some", "from"]) => {
            format!("a SELECT after {name} stands in parentheses")
        }
        Kind::Dot if ended && text.so_far("from") == 0 && schemas.iter().any(|schema| before.is_word(schema)) => {
            format!("FROM is missing before {name}.{}", after.text)
        }
        _ if before.is_word("interval") && text.is_number(0) && after.kind == Kind::Word => {
            let plural = if word == "1" || after.text.ends_with(['s', 'S']) { "" } else { "s" };
            format!("put the interval in quotes: interval '{word} {}{plural}'", after.text)
        }
        _ if before.is_word("top") && text.is_number(0) && text.near(-2).is_one_of(&["select", "distinct"]) => {
            format!("write LIMIT {word} at the end in place of TOP {word}")
        }
        _ if before.is_word("tablesample") && text.is_number(0) => format!("write TABLESAMPLE SYSTEM ({word})"),
        _ if before.is_word("qualify") => {
            "there is no QUALIFY: filter in a query around this one, SELECT * FROM (…) AS q WHERE …".to_owned()
        }
        Kind::Open if before.is_one_of(BARE) => format!("{name} stands without parentheses"),
        Kind::Literal if before.is_word("as") => {
            format!("a name stands in double quotes or in none: AS \"{}\"", word.trim_matches('\'').replace('"', ""))
        }
        Kind::Literal if before.kind == Kind::Literal => format!("a comma or an operator is missing before {word}"),
        _ if word == "[" && before.kind == Kind::Close => {
            "put parentheses around what stands before the bracket: (array_agg(x))[1]".to_owned()
        }
        _ if word == "[" && after.kind == Kind::Word && text.near(2).text == "]" => {
            format!("names stand in double quotes or in none, not in brackets: {}", after.text)
        }
        _ if before.kind == Kind::Open && text.near(-2).is_word("except") && text.near(-3).text == "*" => {
            "there is no * EXCEPT: list the columns that you want".to_owned()
        }
        _ if token.is_word("exclude") && name == "*" => {
            "there is no * EXCLUDE: list the columns that you want".to_owned()
        }
        _ if token.is_word("limit") && text.near(2).kind == Kind::Comma => {
            format!("write LIMIT {} OFFSET {}", text.near(3).text, after.text)
        }
        _ => return None,
    })
}

/// Whether an item of a list ends after the token.
fn ends_item(text: &Text) -> bool {
    let after = text.near(1);
    matches!(after.kind, Kind::Comma | Kind::Close) || after.is_word("from") || after.text.is_empty()
}

#[cfg(test)]
#[path = "../../tests/unit/advice/syntax.rs"]
mod tests;
