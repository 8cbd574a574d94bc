use super::*;

#[test]
fn operators_between_types_that_do_not_match() {
    for (left, op, right, number, expected) in [
        ("timestamp with time zone", "-", "integer", "1", "write x - interval '1 day'"),
        ("timestamp without time zone", "+", "integer", "7", "write x + interval '7 days'"),
        (
            "interval",
            ">",
            "integer",
            "2",
            "compare with an interval, such as interval '2 hours', or extract(epoch FROM x) / 60, which is minutes",
        ),
        ("text", "=", "integer", "3", "one side is text: put a literal in quotes, or cast: y::text or x::integer"),
        (
            "bigint",
            "=",
            "character varying",
            "",
            "one side is text: put a literal in quotes, or cast: x::text or y::bigint",
        ),
        ("date", "=", "text", "", "cast the text: y::date"),
        ("text[]", "=", "text", "", "write x = ANY (array)"),
        ("text", "->>", "unknown", "", "cast the text: x::jsonb ->> 'key'"),
        ("double precision", "%", "integer", "", "cast: x::numeric % y::numeric"),
    ] {
        assert_eq!(operator(left, op, right, number).as_deref(), Some(expected), "{left} {op} {right}");
    }
    for (left, op, right) in
        [("point", "+", "circle"), ("", "", ""), ("integer", "@@", "integer"), ("tsvector", "=", "integer")]
    {
        assert_eq!(operator(left, op, right, ""), None, "{left} {op} {right}");
    }
}

#[test]
fn forms_are_filled_with_what_is_written() {
    assert_eq!(
        fill("extract(year FROM x), to_char(x, 'xy')", &[Some("a.b")]),
        "extract(year FROM a.b), to_char(a.b, 'xy')"
    );
    assert_eq!(fill("coalesce(x, y), max(x_y)", &[None, Some("0")]), "coalesce(x, 0), max(x_y)");
}

#[test]
fn a_function_that_exists_elsewhere_is_in_the_table_once() {
    let mut seen: Vec<&str> = Vec::new();
    for name in CALLS.iter().filter(|(_, types, _)| types.is_empty()).flat_map(|(names, ..)| names.split(' ')) {
        assert!(!seen.contains(&name), "{name}");
        seen.push(name);
    }
}
