//! Every kind of value PostgreSQL has, to the character, as JSON and as CSV.

use serde_json::{Value, json};

use crate::support::{
    client::{Answer, Mcp},
    cluster::{Cluster, HELPERS},
    server::Server,
};

/// An expression, its text in JSON, and its text in CSV where that is not the same, a text without its quotes.
type Case = (&'static str, &'static str, Option<&'static str>);

#[rustfmt::skip]
const CASES: &[Case] = &[
    // Numbers.
    ("32767::int2", "32767", None),
    ("(-2147483648)::int4", "-2147483648", None),
    ("9223372036854775807", "9223372036854775807", None),
    ("(-9223372036854775808)::int8", "-9223372036854775808", None),
    ("123456789012345678901234567890.123456789012345678901234567890", "123456789012345678901234567890.123456789012345678901234567890", None),
    ("1.10", "1.10", None),
    ("1e100::numeric", "10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000", None),
    ("'NaN'::numeric", r#""NaN""#, None),
    ("'-Infinity'::numeric", r#""-Infinity""#, None),
    ("0.1::float8 + 0.2::float8", "0.30000000000000004", None),
    ("1e308::float8", "1e+308", None),
    ("'NaN'::float8", r#""NaN""#, None),
    ("'Infinity'::float4", r#""Infinity""#, None),
    ("'-0'::float8", "-0", None),
    ("12.34::money", r#""$12.34""#, None),
    ("26::oid", r#""26""#, None),
    // Truth and nothing.
    ("true", "true", None),
    ("NULL", "null", None),
    ("NULL::int[]", "null", None),
    // Text.
    ("''", r#""""#, None),
    ("'plain'", r#""plain""#, None),
    (r#"'a "quoted" \ back'"#, r#""a \"quoted\" \\ back""#, None),
    (r"E'\n\t\r\x01\x7f'", "\"\\n\\t\\r\\u0001\x7f\"", None),
    ("'😀 é \u{2028} \u{202e}'", "\"😀 é \u{2028} \u{202e}\"", None),
    ("'ab'::char(4)", r#""ab  ""#, None),
    ("'x'::\"char\"", r#""x""#, None),
    ("'name'::name", r#""name""#, None),
    (r"'\xdeadbeef00'::bytea", r#""\\xdeadbeef00""#, None),
    ("'<a>&amp;\"</a>'::xml", r#""<a>&amp;\"</a>""#, None),
    // Times.
    ("DATE '2026-06-17'", r#""2026-06-17""#, None),
    ("DATE 'infinity'", r#""infinity""#, None),
    ("DATE '0044-03-15 BC'", r#""0044-03-15 BC""#, None),
    ("DATE '12345-01-02'", r#""12345-01-02""#, None),
    ("TIMESTAMP '2026-06-17 08:09:10.123456'", r#""2026-06-17T08:09:10.123456""#, None),
    ("TIMESTAMP '-infinity'", r#""-infinity""#, None),
    ("TIMESTAMPTZ '2026-06-17 08:00:00+00'", r#""2026-06-17T11:00:00+03:00""#, None),
    ("TIMESTAMPTZ 'infinity'", r#""infinity""#, None),
    ("TIME '08:09:10.5'", r#""08:09:10.5""#, None),
    ("TIMETZ '08:09:10+02'", r#""08:09:10+02""#, None),
    ("INTERVAL '1 year 2 mons -3 days 04:05:06.789'", r#""1 year 2 mons -3 days +04:05:06.789""#, None),
    ("INTERVAL '0'", r#""00:00:00""#, None),
    // Documents.
    (r#"'{"a":1,"a":2, "n":123456789012345678901234567890.10}'::json"#, r#"{"a":1,"a":2, "n":123456789012345678901234567890.10}"#, None),
    (r#"'{"a":1,"a":2,"n":123456789012345678901234567890.10}'::jsonb"#, r#"{"a": 2, "n": 123456789012345678901234567890.10}"#, None),
    ("'null'::jsonb", "null", Some("null")),
    ("'$.a[*]'::jsonpath", r#""$.\"a\"[*]""#, None),
    // Arrays.
    ("ARRAY[1, NULL, 3]", "[1,null,3]", None),
    ("ARRAY[[1, 2], [3, 4]]", "[[1,2],[3,4]]", None),
    ("'{}'::text[]", "[]", None),
    ("'[0:1]={5,6}'::int[]", "[5,6]", None),
    (r#"ARRAY['a"b', '', NULL]"#, r#"["a\"b","",null]"#, None),
    // Composites.
    ("ROW(1, 'a', NULL)", r#"{"f1":1,"f2":"a","f3":null}"#, None),
    ("ROW(1, 'a b')::it.pair", r#"{"n":1,"t":"a b"}"#, None),
    ("ARRAY[ROW(1, 'x')::it.pair]", r#"[{"n":1,"t":"x"}]"#, None),
    ("'happy'::it.mood", r#""happy""#, None),
    ("ARRAY['sad', 'happy']::it.mood[]", r#"["sad","happy"]"#, None),
    ("5::it.positive", "5", None),
    // Ranges.
    ("int4range(1, 5)", r#""[1,5)""#, None),
    ("'empty'::numrange", r#""empty""#, None),
    ("'{[1,3),[5,7)}'::int4multirange", r#""{[1,3),[5,7)}""#, None),
    ("tstzrange('2026-06-17 08:00+00', NULL)", r#""[\"2026-06-17 11:00:00+03\",)""#, None),
    // Addresses, bits, shapes, names of things.
    ("'192.168.0.1/24'::inet", r#""192.168.0.1/24""#, None),
    ("'10.0.0.0/8'::cidr", r#""10.0.0.0/8""#, None),
    ("'08:00:2b:01:02:03'::macaddr", r#""08:00:2b:01:02:03""#, None),
    ("B'101'", r#""101""#, None),
    ("'1011'::varbit", r#""1011""#, None),
    ("point(1, 2.5)", r#""(1,2.5)""#, None),
    ("box(point(3, 4), point(1, 2))", r#""(3,4),(1,2)""#, None),
    ("circle(point(0, 0), 2)", r#""<(0,0),2>""#, None),
    ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", r#""a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11""#, None),
    ("'tracksolid.devices'::regclass", r#""tracksolid.devices""#, None),
    ("'int4'::regtype", r#""integer""#, None),
    ("to_tsvector('simple', 'b a')", r#""'a':2 'b':1""#, None),
    ("to_tsquery('simple', 'a & b')", r#""'a' & 'b'""#, None),
    ("'16/B374D848'::pg_lsn", r#""16/B374D848""#, None),
    ("it.nothing()", "null", None),
    // PostGIS.
    ("ST_SetSRID(ST_MakePoint(36.8, -1.3), 4326)", r#"{"type":"Point","coordinates":[36.8,-1.3]}"#, None),
    ("ST_SetSRID(ST_MakePoint(36.8, -1.3), 4326)::geography", r#"{"type":"Point","coordinates":[36.8,-1.3]}"#, None),
    ("ST_GeomFromText('POLYGON((0 0, 0 1, 1 1, 0 0))')", r#"{"type":"Polygon","coordinates":[[[0,0],[0,1],[1,1],[0,0]]]}"#, None),
    ("ST_GeomFromText('POINT EMPTY')", r#"{"type":"Point","coordinates":[]}"#, None),
    ("NULL::geometry", "null", None),
];

/// The text of the one row's only value `v`.
#[track_caller]
fn value(answer: &Answer) -> &str {
    assert!(!answer.is_error, "{:?}", answer.texts);
    let text = &answer.texts[0];
    let _: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"));
    let (_, rows) = text.split_once(r#""rows":["#).expect("rows");
    let row = rows.strip_suffix("]}").expect("the end");
    row.strip_prefix(r#"{"v":"#)
        .and_then(|row| row.strip_suffix('}'))
        .unwrap_or_else(|| panic!("not one value: {text}"))
}

/// The field of CSV for a value that is this in JSON.
fn field(json: &str) -> String {
    let text = match serde_json::from_str::<Value>(json) {
        Ok(Value::Null) => return String::new(),
        Ok(Value::String(text)) => text,
        _ => json.to_owned(),
    };
    if text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn types() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        Cluster::shared().sql(
            HELPERS,
            "CREATE TYPE it.mood AS ENUM ('sad', 'happy');
             CREATE TYPE it.pair AS (n int, t text);
             CREATE DOMAIN it.positive AS int CHECK (VALUE > 0);
             CREATE TYPE it.place AS (name text, at geometry);
             CREATE FUNCTION it.nothing() RETURNS void LANGUAGE sql AS 'SELECT';",
        );
    });
}

#[test]
fn every_type_to_the_character() {
    types();
    let server = Server::start_with_helpers(&[]);
    let alice = server.alice();
    let mut wrong = Vec::new();
    for (expression, json, csv) in CASES {
        let sql = format!("SELECT {expression} AS v");
        let answer = alice.query(&sql);
        if answer.is_error || value(&answer) != *json {
            wrong.push(format!("JSON {expression}: {}\n  expected {json}", answer.texts[0]));
        }
        let expected = csv.map_or_else(|| field(json), str::to_owned);
        let answer = alice.call("query", json!({ "sql": sql, "format": "csv" }));
        if answer.texts[0] != format!("v\n{expected}\n") {
            wrong.push(format!("CSV {expression}: {:?}\n  expected {expected:?}", answer.texts[0]));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_type_at_once_and_within_a_row() {
    types();
    let server = Server::start_with_helpers(&[]);
    let columns: Vec<String> =
        CASES.iter().enumerate().map(|(index, (expression, ..))| format!("{expression} AS c{index}")).collect();
    let answer = server.alice().query(&format!("SELECT {}", columns.join(", ")));
    let text = &answer.texts[0];
    for (index, (expression, json, _)) in CASES.iter().enumerate() {
        assert!(text.contains(&format!("\"c{index}\":{json}")), "{expression}: {text}");
    }
    assert_eq!(answer.rows().len(), 1);
}

/// Shapes deep inside other values come out as JSON too, in whatever form PostgreSQL gives them.
#[test]
fn shapes_inside_other_values() {
    types();
    let server = Server::start_with_helpers(&[]);
    let alice = server.alice();
    for (sql, pointer) in [
        ("SELECT i AS v FROM tickets.inc i LIMIT 1", "/geom/type"),
        ("SELECT ROW('x', ST_MakePoint(1, 2))::it.place AS v", "/at/type"),
        ("SELECT ARRAY[ST_MakePoint(1, 2)] AS v", "/0/type"),
        ("SELECT to_jsonb(t) AS v FROM reporting.v_trips t LIMIT 1", "/start_geom/type"),
    ] {
        let rows = alice.query(sql).rows();
        assert_eq!(rows[0]["v"].pointer(pointer), Some(&json!("Point")), "{sql}: {}", rows[0]);
    }
    let csv = alice.call("query", json!({ "sql": "SELECT * FROM tickets.inc LIMIT 3", "format": "csv" }));
    assert!(!csv.is_error && csv.texts[0].contains(r#"{""type"":""Point"","#), "{:?}", csv.texts);
}

#[track_caller]
fn rows_text(alice: &Mcp, sql: &str) -> String {
    let answer = alice.query(sql);
    assert!(!answer.is_error, "{sql}: {:?}", answer.texts);
    let _: Value = serde_json::from_str(&answer.texts[0]).unwrap();
    answer.texts[0].clone()
}

#[test]
fn columns_of_any_name_and_number() {
    let server = Server::start_with_helpers(&[]);
    let alice = server.alice();
    let long = format!("{}x", "é".repeat(31)); // 63 bytes
    assert_eq!(long.len(), 63);
    for (sql, columns, rows) in [
        (
            "SELECT 1 AS a, 2 AS a, 3 AS a".to_owned(),
            r#"["a int4","a_2 int4","a_3 int4"]"#.to_owned(),
            r#"[{"a":1,"a_2":2,"a_3":3}]"#.to_owned(),
        ),
        (
            "SELECT 1 AS a, 2 AS a, 3 AS a_2".to_owned(),
            r#"["a int4","a_3 int4","a_2 int4"]"#.to_owned(),
            r#"[{"a":1,"a_3":2,"a_2":3}]"#.to_owned(),
        ),
        (
            "SELECT 1, 2".to_owned(),
            r#"["?column? int4","?column?_2 int4"]"#.to_owned(),
            r#"[{"?column?":1,"?column?_2":2}]"#.to_owned(),
        ),
        ("SELECT".to_owned(), "[]".to_owned(), "[{}]".to_owned()),
        ("SELECT FROM generate_series(1, 3)".to_owned(), "[]".to_owned(), "[{},{},{}]".to_owned()),
        ("SELECT 1 AS n WHERE false".to_owned(), r#"["n int4"]"#.to_owned(), "[]".to_owned()),
        ("SELECT WHERE false".to_owned(), "[]".to_owned(), "[]".to_owned()),
        ("SELECT 1 AS t".to_owned(), r#"["t int4"]"#.to_owned(), r#"[{"t":1}]"#.to_owned()),
        (r#"SELECT 1 AS "q""x""#.to_owned(), r#"["q\"x int4"]"#.to_owned(), r#"[{"q\"x":1}]"#.to_owned()),
        (
            r#"SELECT 1 AS "_r", 2 AS "_q", 3 AS "_s", 4 AS j"#.to_owned(),
            r#"["_r int4","_q int4","_s int4","j int4"]"#.to_owned(),
            r#"[{"_r":1,"_q":2,"_s":3,"j":4}]"#.to_owned(),
        ),
        (
            r#"SELECT 1 AS "select", 2 AS "a.b", 3 AS " ""#.to_owned(),
            r#"["select int4","a.b int4","  int4"]"#.to_owned(),
            r#"[{"select":1,"a.b":2," ":3}]"#.to_owned(),
        ),
        (format!("SELECT 1 AS \"{long}\""), format!(r#"["{long} int4"]"#), format!(r#"[{{"{long}":1}}]"#)),
        (
            format!("SELECT 1 AS \"{long}\", 2 AS \"{long}\""),
            format!(r#"["{long} int4","{cut}_2 int4"]"#, cut = "é".repeat(30)),
            format!(r#"[{{"{long}":1,"{cut}_2":2}}]"#, cut = "é".repeat(30)),
        ),
        (
            "SELECT r FROM (SELECT 1 AS x) AS r".to_owned(),
            r#"["r record"]"#.to_owned(),
            r#"[{"r":{"x":1}}]"#.to_owned(),
        ),
        (
            "SELECT 1 AS a, ST_MakePoint(1, 2) AS a".to_owned(),
            r#"["a int4","a_2 geometry"]"#.to_owned(),
            r#"[{"a":1,"a_2":{"type":"Point","coordinates":[1,2]}}]"#.to_owned(),
        ),
    ] {
        let text = rows_text(&alice, &sql);
        assert!(text.ends_with(&format!(",\"columns\":{columns},\"rows\":{rows}}}")), "{sql}: {text}");
        let csv = alice.call("query", json!({ "sql": sql, "format": "csv" }));
        assert!(!csv.is_error && csv.texts[1].contains(&format!("\"columns\":{columns}")), "{sql}: {:?}", csv.texts);
    }
    let csv = alice.call("query", json!({ "sql": "SELECT FROM generate_series(1, 2)", "format": "csv" }));
    assert_eq!(csv.texts[0], "\n\n\n", "a header and two rows without fields");
}

#[test]
fn as_many_columns_as_postgresql_can_return() {
    let server = Server::start_with_helpers(&[]);
    for count in [1_600, 1_664] {
        let list: Vec<String> = (1..=count).map(|n| format!("{n} AS c{n}")).collect();
        let sql = format!("SELECT {}", list.join(", "));
        let row = &server.alice().query(&sql).rows()[0];
        assert_eq!((row.as_object().unwrap().len(), &row[format!("c{count}")]), (count, &json!(count)));
        let csv = server.alice().call("query", json!({ "sql": sql, "format": "csv" }));
        assert!(!csv.is_error, "{count}: {:?}", csv.texts);
        assert_eq!(csv.texts[0].lines().nth(1).unwrap().split(',').count(), count);
    }
}

#[test]
fn strange_endings_of_a_statement() {
    let server = Server::start_with_helpers(&[]);
    let alice = server.alice();
    for sql in [
        "SELECT 1 AS n;",
        "SELECT 1 AS n ;; ; ",
        "; SELECT 1 AS n",
        "SELECT 1 AS n -- the end",
        "SELECT 1 AS n; -- the end",
        "SELECT 1 AS n /* the /* nested */ end */",
        "-- first\nSELECT 1 AS n",
        "\u{feff}SELECT 1 AS n",
        "(SELECT 1 AS n)",
        "((SELECT 1 AS n) UNION ALL (SELECT 1 WHERE false))",
        "SELECT 1 AS n ORDER BY 1 LIMIT 5 OFFSET 0",
        "SELECT 1 AS n\r\n",
    ] {
        assert!(rows_text(&alice, sql).ends_with(r#""rows":[{"n":1}]}"#), "{sql}");
    }
}
