//! Syntax errors of which the cause is certain. PostgreSQL only says near what it has stumbled.

use super::{dialect, text::Text};
use crate::guard::token::{Kind, Token};

/// Tokens around the place, which `^` marks, and what to do. `9` is any number, `w` any word, `'` any literal, and `a|b` one of
/// these words: in the second column `x` is the first of such tokens, and `y` the second.
#[rustfmt::skip]
const CAUSES: &[(&str, &str)] = &[
    ("top ^9", "write LIMIT x at the end in place of TOP x"),
    ("interval ^9 day", "put the interval in quotes: interval 'x days'"),
    ("interval ^9 w", "put the interval in quotes: interval 'x y'"),
    ("qualify ^w", "there is no QUALIFY: filter in a query around this one, SELECT * FROM (…) AS q WHERE …"),
    ("current_date|current_timestamp|current_time|localtime|localtimestamp|current_user ^(", "x stands without parentheses"),
    ("as ^'", "a name stands in double quotes or in none: AS \"x\""),
    ("^[ w ]", "names stand in double quotes or in none, not in brackets: x"),
    ("* except ( ^w", "there is no * EXCEPT: list the columns that you want"),
    ("^limit 9 , 9", "write LIMIT y OFFSET x"),
    (", ^from|where|group|having|order|limit", "remove the comma before x"),
    ("exists|in|any|all|from ^select|with", "a SELECT after x stands in parentheses"),
];
/// Key words that name a column only after AS.
const NEEDS_AS: &str = "day hour minute month second year precision varying char character to over filter within without \
                        overlaps array with grant create";

/// What to write. `schemas` can be read.
pub(super) fn advice(text: &Text, schemas: &[String]) -> Option<String> {
    if text.has("`") {
        return Some("names stand in double quotes or in none, not in backticks".to_owned());
    }
    if let Some(told) = CAUSES.iter().find_map(|(tokens, form)| told(text, tokens, form)) {
        return Some(told);
    }
    let (token, before, after) = (text.near(0), text.near(-1), text.near(1));
    let word = token.text;
    // What ends an expression or a name.
    let ended = matches!(before.kind, Kind::Close | Kind::Literal | Kind::Quoted)
        || (before.kind == Kind::Word
            && !before.is_one_of(&["select", "distinct", "by", "and", "or", "not", "as", "on"]))
        || before.text.ends_with(|c: char| c.is_ascii_digit());
    let ends_item = matches!(after.kind, Kind::Comma | Kind::Close) || after.is_word("from") || after.text.is_empty();
    let open_case = text.so_far("case") > text.so_far("end");
    if token.is_one_of(&NEEDS_AS.split(' ').collect::<Vec<_>>()) && ended && ends_item && !open_case {
        return Some(format!("`{word}` needs AS before it: AS {word}"));
    }
    if token.kind == Kind::Dot && ended && text.so_far("from") == 0 && schemas.iter().any(|name| before.is_word(name)) {
        return Some(format!("FROM is missing before {}.{}", before.text, after.text));
    }
    (open_case && token.is_one_of(&["from", "where", "group", "order"]))
        .then(|| format!("END is missing before {word}: CASE WHEN … THEN … ELSE … END"))
}

/// What to do, if the tokens around the place are these.
fn told(text: &Text, tokens: &str, form: &str) -> Option<String> {
    let before = tokens.split(' ').take_while(|token| !token.starts_with('^')).count();
    let mut written = Vec::new();
    for (places, wanted) in (0_isize.saturating_sub_unsigned(before)..).zip(tokens.split(' ')) {
        let (token, wanted) = (text.near(places), wanted.trim_start_matches('^'));
        if !is(token, wanted) {
            return None;
        }
        if matches!(wanted, "9" | "w" | "'") || wanted.contains('|') {
            written.push((if written.is_empty() { "x" } else { "y" }, token.text.trim_matches('\'')));
        }
    }
    Some(dialect::fill(form, &written))
}

fn is(token: Token, wanted: &str) -> bool {
    match wanted {
        "9" => token.text.starts_with(|c: char| c.is_ascii_digit()),
        "w" => matches!(token.kind, Kind::Word | Kind::Quoted),
        "'" => token.kind == Kind::Literal,
        _ => token.text == wanted || wanted.split('|').any(|word| token.is_word(word)),
    }
}

#[cfg(test)]
#[path = "../../tests/unit/advice/syntax.rs"]
mod tests;
