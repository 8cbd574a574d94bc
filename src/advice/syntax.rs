//! Syntax errors of which the cause is certain. PostgreSQL only says near what it has stumbled.

use super::{dialect, text::Text};
use crate::guard::token::Kind;

/// The tokens around the place, which `^` marks: a word, `a|b` for one of two words, `9` for a number, `w` for any name, `'` for a
/// literal, `e` for what can end an expression, `i` for what can follow an item of a list. And what to do, where `x` is the token
/// at the place, `p` the one before it, `y` the one after it, and `z` the third after it.
#[rustfmt::skip]
const CAUSES: &[(&str, &str)] = &[
    // Key words that name a column only after AS.
    ("e ^day|hour|minute|month|second|year|precision|char|character|to|over|filter|within|without|overlaps|array|with|grant i",
     "`x` needs AS before it: AS x"),
    ("top ^9", "write LIMIT x at the end in place of TOP x"),
    ("interval ^9 day", "put the interval in quotes: interval 'x days'"),
    ("interval ^9 w", "put the interval in quotes: interval 'x y'"),
    ("qualify ^w", "there is no QUALIFY: filter in a query around this one, SELECT * FROM (…) AS q WHERE …"),
    ("current_date|current_timestamp|current_time|localtime|localtimestamp|current_user ^(", "p stands without parentheses"),
    ("as ^'", "a name stands in double quotes or in none: AS \"x\""),
    ("^[ w ]", "names stand in double quotes or in none, not in brackets: y"),
    ("* except ( ^w", "there is no * EXCEPT: list the columns that you want"),
    ("^limit 9 , 9", "write LIMIT z OFFSET y"),
    (", ^from|where|group|having|order|limit", "remove the comma before x"),
    ("exists|in|any|all|from ^select|with", "a SELECT after p stands in parentheses"),
];

/// What to write. `schemas` can be read.
pub(super) fn advice(text: &Text, schemas: &[String]) -> Option<String> {
    let (before, token, after) = (text.near(-1), text.near(0), text.near(1));
    let no_from = token.text == "." && text.sources.is_empty() && schemas.iter().any(|name| before.is_word(name));
    let form = match CAUSES.iter().find(|(tokens, _)| stand(text, tokens)) {
        _ if no_from => "FROM is missing before p.y",
        cause => cause?.1,
    };
    let word = token.text.trim_matches('\'');
    Some(dialect::fill(form, &[("x", word), ("p", before.text), ("y", after.text), ("z", text.near(3).text)]))
}

/// Whether these tokens stand around the place.
fn stand(text: &Text, tokens: &str) -> bool {
    let before = tokens.split(' ').take_while(|token| !token.starts_with('^')).count();
    (0_isize.saturating_sub_unsigned(before)..).zip(tokens.split(' ')).all(|(places, wanted)| {
        let token = text.near(places);
        match wanted.trim_start_matches('^') {
            "9" => token.text.starts_with(|c: char| c.is_ascii_digit()),
            "w" => matches!(token.kind, Kind::Word | Kind::Quoted),
            "'" => token.kind == Kind::Literal,
            "e" => {
                matches!(token.kind, Kind::Close | Kind::Literal | Kind::Quoted | Kind::Word)
                    && !token.is_one_of(&["select", "distinct", "by", "and", "or", "not", "as", "on"])
            }
            "i" => matches!(token.text, "," | ")" | "") || token.is_word("from"),
            wanted => token.text == wanted || wanted.split('|').any(|word| token.is_word(word)),
        }
    })
}

#[cfg(test)]
#[path = "../../tests/unit/advice/syntax.rs"]
mod tests;
