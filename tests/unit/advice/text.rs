//! Texts in which `^` marks the place; it is taken out.

use super::*;

/// What the place can refer to, as `called(columns)` or `called=schema.table`.
fn sources(marked: &str) -> String {
    let position = marked.chars().position(|c| c == '^').map(|at| at.saturating_add(1));
    let sql = marked.replace('^', "");
    let text = Text::read(&sql, position);
    let in_scope = text.sources.iter().filter(|source| source.distance.is_some());
    let told = in_scope.map(|source| match source.name.is_empty() {
        true => format!("{}({})", source.called, source.columns.join(" ")),
        false => format!("{}={}.{}", source.called, source.schema.as_deref().unwrap_or("?"), source.name),
    });
    told.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_tables_that_a_place_can_refer_to() {
    for (sql, expected) in [
        ("SELECT ^x FROM a.b", "b=a.b"),
        ("SELECT ^x FROM a.b AS c, LATERAL d JOIN ONLY \"E\" f ON true, g(1)", "c=a.b, d=?.d, f=?.E"),
        ("SELECT ^x FROM (a.b JOIN c ON b.x = c.x) JOIN d USING (x), e", "b=a.b, c=?.c, d=?.d, e=?.e"),
        ("SELECT extract(year FROM y), ^x FROM a WHERE y IS DISTINCT FROM z", "a=?.a"),
        ("SELECT ^x FROM a UNION SELECT y FROM b", "a=?.a"),
        ("SELECT y FROM a UNION SELECT ^x FROM b", "b=?.b"),
        ("SELECT (SELECT ^x FROM b), y FROM a", "b=?.b, a=?.a"),
        ("SELECT (SELECT y FROM b), ^x FROM a", "a=?.a"),
        ("SELECT ^x FROM (SELECT a, b.c, d AS e, f(1) AS g, (h) i FROM j) AS q", "q(a c e g i)"),
        ("SELECT ^x FROM (SELECT a.*, b FROM i a) q", "q()"),
        ("WITH q AS NOT MATERIALIZED (SELECT count(*) AS n, sum(x) AS s FROM a) SELECT ^x FROM q, a", "q(n s), a=?.a"),
        ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY y) AS p, ^x FROM a", "a=?.a"),
        ("TABLE a.b ORDER BY ^x", "b=a.b"),
        ("SELECT y FROM a WHERE EXISTS (TABLE b) AND ^x", "a=?.a"),
        ("^", ""),
    ] {
        assert_eq!(sources(sql), expected, "{sql}");
    }
}

#[test]
fn what_stands_at_the_place() {
    let text = Text::read("SELECT round(avg(a + b), 1) AS n FROM t WHERE t.n > 3 AND s.f(x)", Some(8));
    assert_eq!((text.arguments(), text.names()), (vec!["avg(a + b)", "1"], vec!["round".to_owned()]));
    let text = Text::read("SELECT f(x) AS n FROM t WHERE t.n > 3", Some(35));
    assert_eq!((text.near(1).text, text.aliased("n")), ("3", Some("f(x)")));
}
