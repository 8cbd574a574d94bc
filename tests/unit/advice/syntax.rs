//! Texts in which `^` marks where PostgreSQL stumbles; it is taken out.

use super::*;

fn told(marked: &str) -> String {
    let position = marked.chars().position(|c| c == '^').map(|at| at.saturating_add(1));
    let sql = marked.replace('^', "");
    advice(&Text::read(&sql, position), &["fuel".to_owned()]).unwrap_or_default()
}

#[test]
fn certain_causes() {
    for (sql, expected) in [
        ("SELECT max(x) ^day FROM t", "`day` needs AS before it: AS day"),
        ("SELECT a ^Year, b FROM t", "`Year` needs AS before it: AS Year"),
        ("SELECT TOP ^5 * FROM t", "write LIMIT 5 at the end in place of TOP 5"),
        ("SELECT now() - interval ^30 day", "put the interval in quotes: interval '30 days'"),
        ("SELECT a, ^FROM t", "remove the comma before FROM"),
        ("SELECT a AS ^'b' FROM t", "a name stands in double quotes or in none: AS \"b\""),
        ("SELECT a fuel^.records", "FROM is missing before fuel.records"),
        ("SELECT current_date^()", "current_date stands without parentheses"),
    ] {
        assert_eq!(told(sql), expected, "{sql}");
    }
}

#[test]
fn nothing_is_said_where_the_cause_is_not_certain() {
    for sql in [
        "SELECT a b ^c FROM t",
        "SELECT a FROM t WHERE ^AND b",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t ^WHERE",
        "SELECT a FROM t WHERE b = c ^d",
        "SELECT a IS DISTINCT FROM b ^WHERE",
        "SELECT a ^.b",
        "^",
        "SELECT",
    ] {
        assert_eq!(told(sql), "", "{sql}");
    }
}
