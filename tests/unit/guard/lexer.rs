//! Tables: a text, and its tokens separated by `|`.

use super::*;

#[test]
fn every_pattern_compiles() {
    let in_quotes = [&IN_STRING, &IN_ESCAPE_STRING, &IN_NAME];
    for pattern in in_quotes.into_iter().chain([&BLANK, &NAME, &CONTINUATION, &DOLLAR_QUOTE, &PARAMETER, &NUMBER]) {
        assert!(pattern.compiled().is_some());
    }
}

/// The tokens of `sql` as text, separated by `|`; or where and what is never closed.
fn split(sql: &str) -> String {
    match tokens(sql, 0) {
        Ok(tokens) => tokens.iter().map(|token| token.text).collect::<Vec<_>>().join("|"),
        Err(refusal) => {
            assert_eq!(refusal.rule, Rule::Unterminated, "{sql:?}");
            let (_, found) = refusal.message.split_once(" Found ").unwrap();
            found.split_once('.').unwrap().0.to_owned()
        }
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(split(sql), *expected, "{sql:?}");
    }
}

#[test]
fn blanks_and_comments() {
    check(&[
        (" \t\n\r\x0b\x0ca", "a"),
        ("a\u{a0}b", "a\u{a0}b"),
        ("a -- b\nc", "a|c"),
        ("a -- b\rc", "a|c"),
        ("a -- b", "a"),
        ("a/* /* b */ c */d", "a|d"),
        ("a/*/ b */c", "a|c"),
        ("a/***/b/**/c", "a|b|c"),
        ("a/* /* */", "at character 2: a comment"),
        ("2 */* c */ 3", "2|*|3"),
        ("a+--b\nc", "a|+|c"),
        ("5 - -3", "5|-|-|3"),
    ]);
}

#[test]
fn strings() {
    check(&[
        ("'it''s' x", "'it''s'|x"),
        (r"'a\' x", r"'a\'|x"),
        (r"E'a\' x' y", r"E'a\' x'|y"),
        (r"e'\\' y", r"e'\\'|y"),
        ("N'x' b'1' X'1f' U&'d'", "N'x'|b'1'|X'1f'|U&'d'"),
        ("se'x'", "se|'x'"),
        ("u &'x'", "u|&|'x'"),
        ("'a'\n'b' c", "'a'\n'b'|c"),
        ("'a' -- ' \r 'b' c", "'a' -- ' \r 'b'|c"),
        ("'a' 'b'", "'a'|'b'"),
        ("'a'\n-- '\n b", "'a'|b"),
        ("'a' -- x\n-- '\n'b' c", "'a' -- x\n-- '\n'b'|c"),
        ("'a' /* \n */ 'b'", "'a'|'b'"),
        ("E'a'\n'\\' b' c", "E'a'\n'\\' b'|c"),
        ("'a' -- x", "'a'"),
        ("x 'abc", "at character 3: a string literal"),
        (r"E'abc\", "at character 1: a string literal"),
        ("'a'\n'b", "at character 1: a string literal"),
    ]);
}

#[test]
fn names() {
    check(&[
        ("\"a\"\"b'\" c", "\"a\"\"b'\"|c"),
        ("U&\"d\\0061\"", "U&\"d\\0061\""),
        ("xu&\"a\"", "xu|&|\"a\""),
        ("a$b$ c$b$", "a$b$|c$b$"),
        ("\"abc", "at character 1: a quoted name"),
        ("\u{131}nc caf\u{e9}", "\u{131}nc|caf\u{e9}"),
        ("a.b . c..d", "a|.|b|.|c|..|d"),
    ]);
    let name = |sql: &str| tokens(sql, 0).unwrap()[0].name();
    assert_eq!(name("Pg_Sleep").unwrap(), "pg_sleep");
    assert_eq!(name("\"Pg_Sl\"\"eep\"").unwrap(), "Pg_Sl\"eep");
    assert_eq!(name("\u{17f}ELECT").unwrap(), "\u{17f}elect", "only ASCII is folded");
    assert_eq!(name(&"a".repeat(70)).unwrap().len(), 63);
    assert_eq!(name(&"\u{e9}".repeat(40)).unwrap().len(), 62, "no character is cut in two");
    assert_eq!(name("'x'"), None);
}

#[test]
fn dollars() {
    check(&[
        ("$$a'b$$ c", "$$a'b$$|c"),
        ("$q$ $$ $qq$ $q$ c", "$q$ $$ $qq$ $q$|c"),
        ("$a$$b$a$ c", "$a$$b$a$|c"),
        ("$\u{e9}$x$\u{e9}$ c", "$\u{e9}$x$\u{e9}$|c"),
        ("$1 $23x", "$1|$23|x"),
        ("$a b$ c", "$|a|b$|c"),
        ("$1a$ $a$", "at character 6: a dollar-quoted string"),
        ("1$a$x$a$", "1|$a$x$a$"),
        ("$a$ x", "at character 1: a dollar-quoted string"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("1 1.5 .5 1. 1e5 1E-5 1.5e+3", "1|1.5|.5|1.|1e5|1E-5|1.5e+3"),
        ("0x1F 0b10 0o17 1_000 0x_1", "0x1F|0b10|0o17|1_000|0x_1"),
        ("1..2", "1|..|2"),
        ("1a 1e 1e+ 0xg 1_", "1|a|1|e|1|e|+|0|xg|1|_"),
        ("1.x", "1.|x"),
    ]);
}
