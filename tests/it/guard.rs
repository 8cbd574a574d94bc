//! The guard against its two tables of texts, against its document, and against made-up texts. Needs no database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests, which clippy.toml knows only by their attribute"
)]
use {
    analytics_mcp::guard::{self, MAX_SQL_BYTES, ReadOnlySql, Refusal, Rule},
    std::{collections::HashSet, time::Duration},
};

use crate::support::{library::known, processor_time};

fn admit(sql: &str) -> Result<ReadOnlySql, Refusal> {
    guard::admit(sql, known())
}

/// The cases of `tests/data/guard/{name}`: one JSON object a line.
fn cases(name: &str) -> Vec<serde_json::Value> {
    let path = format!("{}/tests/data/guard/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The code of the rule that refuses `sql`, or `admitted`.
fn verdict(sql: &str) -> &'static str {
    admit(sql).map_or_else(|refusal| refusal.rule.code(), |_| "admitted")
}

#[test]
fn attacks_are_refused_for_the_right_reason() {
    let cases = cases("attacks.jsonl");
    let wrong: Vec<String> = cases
        .iter()
        .filter(|case| verdict(case["sql"].as_str().unwrap()) != case["rule"].as_str().unwrap())
        .map(|case| format!("{case} got {}", verdict(case["sql"].as_str().unwrap())))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for rule in Rule::ALL.iter().filter(|&&rule| rule != Rule::TooLong) {
        assert!(cases.iter().any(|case| case["rule"] == rule.code()), "no attack is refused by {}", rule.code());
    }
}

#[test]
fn honest_queries_are_admitted_unchanged() {
    let mut refused = Vec::new();
    for case in cases("legit.jsonl") {
        let sql = case["sql"].as_str().unwrap();
        match admit(sql) {
            Ok(admitted) => assert!(sql.contains(admitted.as_str()), "{case}"),
            Err(refusal) => refused.push(format!("{case}\n{}", refusal.message)),
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn codes_are_unique_and_documented() {
    let document = include_str!("../../docs/guard.md");
    let mut codes = HashSet::new();
    for &rule in Rule::ALL {
        assert!(codes.insert(rule.code()) && rule.code().starts_with("GUARD_"), "{}", rule.code());
        let row = format!("| `{}` | {} | {} |", rule.code(), rule.reason(), rule.instead());
        assert!(document.contains(&row), "docs/guard.md lacks: {row}");
    }
}

#[test]
fn only_semicolons_and_a_mark_are_cut() {
    let admitted = |sql: &str| admit(sql).unwrap().as_str().to_owned();
    assert_eq!(admitted("\u{feff} SELECT 1 -- x"), " SELECT 1 -- x");
    assert_eq!(admitted("SELECT ';' ; -- done"), "SELECT ';' ");
    assert_eq!(admitted("SELECT 1 /* ; */;;"), "SELECT 1 /* ; */");
    assert_eq!(admitted("/* a */; ;SELECT 1"), "SELECT 1");
    assert_eq!(admitted("(SELECT 1)"), "(SELECT 1)");
}

#[test]
fn a_refusal_says_where_and_what_to_do() {
    let refusal = admit("SELECT 'é', pg_sleep(1)").unwrap_err();
    assert_eq!((refusal.rule, refusal.position), (Rule::Function, Some(13)));
    for part in ["character 13", "`pg_sleep`", "list of harmless", "Leave the function out"] {
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
    assert_eq!(admit("\u{feff}DROP TABLE t").unwrap_err().position, Some(2), "counted in the text as it was sent");
    assert_eq!(admit("").unwrap_err().position, None);
    assert!(admit("EXPLAIN ANALYZE SELECT 1").unwrap_err().message.contains("without options"));
    assert!(admit("SHOW timezone").unwrap_err().message.contains("current_setting"));

    let long = format!("SELECT \"pg_\u{1b}[2J\r\n{}\"()", "x".repeat(5000));
    let message = admit(&long).unwrap_err().message;
    assert!(!message.chars().any(char::is_control) && message.len() < 700, "{message}");
}

#[test]
fn the_length_is_limited_in_bytes() {
    let padded = |bytes: usize| "SELECT 1".to_owned() + &" ".repeat(bytes - "SELECT 1".len());
    assert_eq!(verdict(&padded(MAX_SQL_BYTES)), "admitted");
    assert_eq!(verdict(&padded(MAX_SQL_BYTES + 1)), "GUARD_TOO_LONG");
    assert_eq!(verdict(&format!("SELECT '{}'", "é".repeat(MAX_SQL_BYTES / 2))), "GUARD_TOO_LONG");
}

/// Every text is as long as is allowed; a step that grows with the square of the length would take minutes in place of this
/// limit, of which the worst here takes a tenth.
#[test]
fn hostile_texts_of_full_length_are_judged() {
    let units = [
        "(",
        ")",
        "'",
        "''\n",
        "'a' ",
        "'a'\n",
        "\"",
        "/*",
        "/**/",
        "*/",
        "--",
        "--\n",
        "$",
        "$a$",
        "$a ",
        "$a1b",
        "1_",
        "1.",
        "1e",
        ".",
        "a.",
        ";",
        ",a()",
        ",x.pg_typeof",
        "pg_authid ",
        "as ",
        "for ",
        "into",
        "U&\"",
        "E'\\'",
        "é",
        "\u{feff}",
        "\\",
        "with ",
        "a AS (WITH ",
        "(select ",
        "' -- '\n  ",
    ];
    for head in ["", "SELECT ", "WITH a AS (SELECT ", "SELECT '"] {
        for unit in units {
            let text = head.to_owned() + &unit.repeat((MAX_SQL_BYTES - head.len()) / unit.len());
            let began = processor_time();
            let _ = admit(&text);
            let took = processor_time() - began;
            assert!(took < Duration::from_secs(1), "{took:?} for {head:?} and many {unit:?}");
        }
    }
}

/// xorshift64*: the same texts in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }
}

const FRAGMENTS: &[&str] = &[
    "'",
    "''",
    "\"",
    "\"\"",
    "$$",
    "$a$",
    "$é$",
    "$1",
    "$",
    "E'",
    "e'\\'",
    "U&'",
    "u&\"",
    "N'",
    "b'",
    "x'",
    "\\",
    "\\'",
    "--",
    "--\n",
    "--\r",
    "/*",
    "*/",
    "/**/",
    "(",
    ")",
    "(",
    ")",
    ",",
    ";",
    ".",
    "..",
    "::",
    "\n",
    "\r",
    "\t",
    " ",
    " ",
    "\u{a0}",
    "é",
    "a",
    "a$",
    "1",
    "1.",
    "1e",
    "0x",
    "1_",
    "+",
    "-",
    "*",
    "/",
    " SELECT ",
    " SELECT 1 ",
    " FROM t ",
    " WITH a AS (",
    " AS ",
    " as x ",
    " INTO ",
    " FOR ",
    " UPDATE ",
    " DELETE FROM t ",
    " SEARCH DEPTH FIRST BY a SET b ",
    " CYCLE a SET b USING c ",
    " pg_sleep(1) ",
    " TREAT(1 AS pg_sleep(1)) ",
    ".pg_sleep ",
    " pg_authid ",
    " pg_class ",
    "'x'",
    "\"x\"",
    "$a$x$a$",
    "/* ' */",
    "-- '\n",
    "substring(a FOR ",
    " VALUES (1) ",
    " TABLE t ",
];

/// What is left of an admitted text when literals, names and comments are taken out, by a second and cruder reading that
/// shares nothing with the lexer. `None` where it cannot tell.
fn bare(sql: &str) -> Option<String> {
    if sql.contains(['\\', '$']) || sql.contains("/*") {
        return None;
    }
    let mut bare = String::new();
    let mut rest = sql;
    while let Some(at) = rest.find(['\'', '"', '-']) {
        let (before, from) = rest.split_at(at);
        bare.push_str(before);
        let end = match &from[..1] {
            "-" if from.starts_with("--") => from.find(['\n', '\r']).unwrap_or(from.len()),
            "-" => 1,
            quote => from[1..].find(quote)? + 2,
        };
        rest = &from[end..];
    }
    bare.push_str(rest);
    Some(bare)
}

#[test]
fn made_up_texts_never_panic_and_admitted_ones_are_closed() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut admitted, mut checked, mut named) = (0, 0, 0);
    for _ in 0..200_000 {
        let mut sql = String::from(["SELECT ", "SELECT 1", "", "(SELECT ", "WITH a AS (SELECT 1)"][random.below(5)]);
        for _ in 0..random.below(12) {
            sql.push_str(FRAGMENTS[random.below(FRAGMENTS.len())]);
        }
        let Ok(query) = admit(&sql) else { continue };
        admitted += 1;
        assert!(sql.contains(query.as_str()), "edited: {sql:?}");
        assert_eq!(verdict(query.as_str()), "admitted", "judged differently the second time: {sql:?}");
        // Where a sub-select would hold it, the closing parenthesis must still be a token and the only one too many.
        assert_eq!(verdict(&format!("SELECT * FROM (\n{}\n) q", query.as_str())), "admitted", "{sql:?}");
        assert_eq!(verdict(&format!("{}\n)", query.as_str())), "GUARD_PARENTHESES", "{sql:?}");
        assert_eq!(verdict(&format!("{}\n; SELECT 2", query.as_str())), "GUARD_MULTIPLE_STATEMENTS", "{sql:?}");
        let Some(bare) = bare(query.as_str()) else { continue };
        checked += 1;
        let depth = bare.chars().try_fold(0_usize, |depth, c| match c {
            '(' => Some(depth + 1),
            ')' => depth.checked_sub(1),
            _ => Some(depth),
        });
        assert_eq!(depth, Some(0), "parentheses: {sql:?}");
        assert!(!bare.contains(';'), "two statements: {sql:?}");
        // PostgreSQL calls nothing after AS (but in TREAT(… AS …), which counts itself), after a closing parenthesis, and where the
        // list of a WITH goes on; a treat in some schema is a function of that name.
        for (at, _) in bare.match_indices("pg_sleep(").chain(bare.match_indices("TREAT(")) {
            named += 1;
            let before = bare[..at].trim_end_matches(|c: char| c.is_ascii_whitespace()).to_ascii_lowercase();
            let listed = before.ends_with(',') && before.contains("with");
            let own = before.ends_with('.') && bare[at..].starts_with("TREAT");
            assert!(before.ends_with("as") || before.ends_with(')') || listed || own, "{sql:?}");
        }
    }
    let counts = format!("{admitted} admitted, {checked} checked, {named} of them with the name of a refused function");
    eprintln!("{counts}");
    assert!(admitted > 5_000 && checked > 3_000 && named > 20, "the generator is too wild: {counts}");
}
