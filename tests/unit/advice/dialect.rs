use super::*;

#[test]
fn operators_between_types_that_do_not_match() {
    for (left, op, right, expected) in [
        ("timestamp with time zone", "-", "integer", ("write x o interval 'n days'", true)),
        ("integer", "+", "timestamp without time zone", ("write x o interval 'n days'", false)),
        ("text", "=", "integer", ("one side is text: put a literal in quotes, or cast: x::t", true)),
        ("bigint", "<>", "character varying", ("one side is text: put a literal in quotes, or cast: x::t", false)),
        ("text[]", "=", "text", ("write x = ANY (array)", true)),
        ("text", "->>", "unknown", ("cast the text: x::jsonb o 'key'", true)),
        ("double precision", "%", "integer", ("cast both sides: x::numeric % …::numeric", true)),
    ] {
        assert_eq!(operator(left, op, right), Some(expected), "{left} {op} {right}");
    }
    for (left, op, right) in
        [("point", "+", "circle"), ("", "", ""), ("integer", "@@", "integer"), ("tsvector", "=", "integer")]
    {
        assert_eq!(operator(left, op, right), None, "{left} {op} {right}");
    }
}

#[test]
fn forms_are_filled_with_what_is_written() {
    assert_eq!(
        fill("extract(year FROM x), f(x, 'xy', 'n days')", &[("x", "a.b"), ("n", "7"), ("f", "g")]),
        "extract(year FROM a.b), g(a.b, 'xy', '7 days')"
    );
    assert_eq!(fill("coalesce(x, y), max(x_y)", &[("y", "x")]), "coalesce(x, x), max(x_y)");
}

#[test]
fn a_function_that_exists_elsewhere_is_in_the_table_once() {
    let mut seen: Vec<&str> = Vec::new();
    for name in CALLS.iter().filter(|(_, types, _)| *types == "-").flat_map(|(names, ..)| names.split(' ')) {
        assert!(!seen.contains(&name), "{name}");
        seen.push(name);
    }
}
