//! JSON is what PostgreSQL's own `row_to_json` writes, to the character, for every type that PostgreSQL has and for generated
//! values. The other side of the comparison is a plain client with the session settings that this server fixes.

use postgres::Client;

use crate::support::{
    client::{Answer, Mcp},
    cluster::{Cluster, HELPERS},
    server::Server,
};

/// How many rows of generated values.
const ROWS: u32 = 3_000;

/// A column's type, and an expression over the random numbers `r` and `s` (0 to 1) and the row's number `n`.
const COLUMNS: &[(&str, &str)] = &[
    ("smallint", "(r * 65535 - 32768)::int2"),
    ("integer", "(r * 4294967295 - 2147483648)::int8::int4"),
    ("bigint", "((r - 0.5) * 18000000000000000000)::int8"),
    (
        "numeric",
        "CASE n % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' ELSE round((r - 0.5)::numeric * 10::numeric ^ (s * 60 - 20)::int, (s * 40)::int) END",
    ),
    ("numeric(12, 3)", "((r - 0.5) * 100000000)::numeric(12, 3)"),
    (
        "real",
        "CASE n % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN '-0' ELSE ((r - 0.5) * 10::float8 ^ (s * 70 - 35)::int)::real END",
    ),
    (
        "double precision",
        "CASE n % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' WHEN 3 THEN '-0' ELSE (r - 0.5) * 10::float8 ^ (s * 600 - 300)::int END",
    ),
    ("boolean", "r < 0.5"),
    ("text", "it.scribble(r, s)"),
    ("varchar(40)", "left(it.scribble(s, r), 40)"),
    ("char(7)", "left(translate(it.scribble(r, s), E'\\n', ''), (s * 7)::int)"),
    ("name", "left(it.scribble(r, s), 15)::name"),
    ("\"char\"", "chr(1 + (r * 126)::int)::\"char\""),
    ("bytea", "decode(md5(r::text), 'hex')"),
    ("uuid", "md5(r::text)::uuid"),
    (
        "date",
        "CASE n % 60 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE date '4714-11-24 BC' + (r * (CASE n % 3 WHEN 0 THEN 2800000 ELSE 700000 END))::int + (CASE n % 3 WHEN 0 THEN 0 ELSE 1500000 END) END",
    ),
    ("time", "time '00:00' + r * interval '23:59:59.999999'"),
    (
        "timetz",
        "(time '00:00' + r * interval '23:59:59.999999') AT TIME ZONE make_interval(mins => (s * 1900 - 950)::int)",
    ),
    (
        "timestamp",
        "CASE n % 60 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE timestamp '4714-11-24 BC' + r * interval '7500 years' + (n % 2) * interval '1 microsecond' END",
    ),
    (
        "timestamptz",
        "CASE n % 60 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE timestamptz '4713-01-01 BC' + r * interval '7500 years' END",
    ),
    ("timestamptz", "timestamptz '1890-01-01' + s * interval '150 years'"),
    ("timestamptz(0)", "now() - r * interval '30 days'"),
    (
        "interval",
        "make_interval((r * 20 - 10)::int, (s * 30)::int - 15, 0, (r * 100)::int - 50, (s * 50)::int - 25, (r * 70)::int, s * 60 - 30)",
    ),
    ("json", "json_build_object(it.scribble(r, s), ARRAY[r, s], ' x ', NULL)"),
    ("json", "E' { \"a\" :\\t[ 1.50,\\n\"\\\\u00e9\" ] } '::json"),
    ("jsonb", "jsonb_build_object(it.scribble(s, r), r::numeric, 'n', NULL)"),
    ("integer[]", "ARRAY[(r * 9)::int, NULL, n]"),
    ("text[]", "ARRAY[it.scribble(r, s), NULL, '']"),
    ("timestamptz[]", "ARRAY[now() - r * interval '90000 days', 'infinity']"),
    ("numeric[]", "ARRAY[[r::numeric, 'NaN'], [1.50, NULL]]"),
    ("inet", "('10.' || n % 256 || '.0.1' || CASE WHEN r < 0.5 THEN '/16' ELSE '' END)::inet"),
    ("cidr", "('10.' || n % 256 || '.0.0/16')::cidr"),
    ("macaddr", "substr(md5(r::text), 1, 12)::macaddr"),
    ("bit(5)", "(n % 32)::bit(5)"),
    ("varbit", "substr(n::bit(32)::text, 1, 1 + n % 32)::varbit"),
    ("money", "((r - 0.5) * 100000)::numeric::money"),
    ("oid", "n::oid"),
    ("regtype", "CASE WHEN r < 0.5 THEN 'int4'::regtype ELSE 'text[]'::regtype END"),
    ("point", "point(r, -s * 1e9)"),
    ("polygon", "polygon(box(point(r, s), point(1, 1)))"),
    ("int4range", "int4range((r * 5)::int, 6 + (s * 9)::int)"),
    ("tstzrange", "tstzrange(now() - r * interval '90000 days', NULL)"),
    ("int4multirange", "int4multirange(int4range(1, 2), int4range(5, 6 + n))"),
    ("tsvector", "to_tsvector('simple', it.scribble(r, s))"),
    ("xml", "xmlelement(name x, r::text)"),
    ("pg_lsn", "'0/0'::pg_lsn + n"),
    ("it.diff_mood", "CASE WHEN r < 0.5 THEN 'so \"so\"' ELSE 'inf' END::it.diff_mood"),
    ("it.diff_positive", "1 + (r * 9)::int"),
    ("it.diff_labels", "ARRAY[it.scribble(r, s)]"),
    ("it.diff_when", "now() - r * interval '90000 days'"),
    ("it.diff_pair", "ROW(n, it.scribble(r, s), now() - r * interval '90000 days')::it.diff_pair"),
    ("it.diff_pair[]", "ARRAY[ROW(n, NULL, 'infinity')::it.diff_pair, NULL]"),
];

const SETUP: &str = r#"
CREATE TYPE it.diff_mood AS ENUM ('so "so"', 'inf');
CREATE DOMAIN it.diff_positive AS int CHECK (VALUE > 0);
CREATE DOMAIN it.diff_labels AS text[];
CREATE DOMAIN it.diff_when AS timestamptz;
CREATE TYPE it.diff_pair AS (n int, "t ""q""" text, at timestamptz);
-- A text of all sorts of characters, by two random numbers.
CREATE FUNCTION it.scribble(r double precision, s double precision) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(string_agg(CASE WHEN c % 11 = 0 THEN chr(128000 + c % 500) WHEN c % 7 = 0 THEN chr(200 + c % 9000)
                                    WHEN c % 5 = 0 THEN substr('"\/,' || E'\b\f\n\r\t', 1 + c % 9, 1)
                                    ELSE chr(1 + c % 127) END, '' ORDER BY k), '')
    FROM (SELECT k, abs(hashint8((r * 1e15)::int8 + k)) AS c FROM generate_series(1, (s * 25)::int) AS k) AS q $$;
"#;

/// The settings that fix how values are written.
const SESSION: &str =
    "SET datestyle = ISO; SET intervalstyle = postgres; SET bytea_output = hex; SET extra_float_digits = 1";

#[test]
fn every_type_and_generated_values() {
    let cluster = Cluster::shared();
    cluster.sql(HELPERS, SETUP);
    let columns: Vec<String> =
        COLUMNS.iter().enumerate().map(|(number, (kind, _))| format!("c{number} {kind}")).collect();
    // Some of each column are null.
    let values: Vec<String> = (0..COLUMNS.len())
        .map(|number| format!("CASE WHEN (n + {number}) % 41 <> 0 THEN {} END", COLUMNS[number].1))
        .collect();
    cluster.sql(
        HELPERS,
        &format!(
            "CREATE TABLE it.diff (n int, {});
             GRANT SELECT ON it.diff TO analytics_ro;
             SELECT setseed(0.4242);
             INSERT INTO it.diff SELECT n, {}
             FROM (SELECT n, random() AS r, random() AS s FROM generate_series(1, {ROWS}) AS n) AS q",
            columns.join(", "),
            values.join(", ")
        ),
    );
    let server = Server::start_with_helpers(&[("MCP_MAX_BYTES", "16777216")]);
    let mut plain = cluster.client("analytics_ro", HELPERS);
    plain.batch_execute(SESSION).unwrap();
    let all = same(&server.alice(), &mut plain, "SELECT * FROM it.diff ORDER BY n");
    assert_eq!(all, usize::try_from(ROWS).unwrap());
    // And one by one, so that no column hides behind another, in another order, and under a strange name.
    for (number, (kind, _)) in COLUMNS.iter().enumerate() {
        let sql = format!(
            "SELECT c{number} AS \"{} \\ \"\"é\"\"\" FROM it.diff ORDER BY n DESC LIMIT 300",
            kind.replace('"', "")
        );
        same(&server.alice(), &mut plain, &sql);
    }
}

/// Whatever PostgreSQL itself has values of: rows of its catalog, whose types are of every kind.
#[test]
fn rows_of_the_catalog() {
    let server = Server::start_with_helpers(&[("MCP_MAX_BYTES", "16777216")]);
    let mut plain = Cluster::shared().client("analytics_ro", HELPERS);
    plain.batch_execute(SESSION).unwrap();
    for relation in [
        "pg_type",
        "pg_proc",
        "pg_class",
        "pg_attribute",
        "pg_constraint",
        "pg_index",
        "pg_namespace",
        "pg_timezone_names",
    ] {
        let sql = format!("SELECT * FROM pg_catalog.{relation} AS x ORDER BY 1, 2, 3 LIMIT 400");
        assert!(same(&server.alice(), &mut plain, &sql) > 3, "{relation}");
    }
}

/// Compares the rows, and says how many they are.
#[track_caller]
fn same(alice: &Mcp, plain: &mut Client, sql: &str) -> usize {
    let answer = alice.call("query", serde_json::json!({ "sql": sql, "max_rows": 10_000 }));
    assert!(!answer.is_error, "{sql}: {:?}", answer.texts);
    let expected: Vec<String> = plain
        .query(&format!("SELECT row_to_json(q)::text FROM ({sql}) AS q"), &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let got = rows_of(&answer);
    let wanted = expected.join(",");
    if got != wanted {
        let at = got.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
        let near = |text: &str| {
            String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(60)..text.len().min(at + 60)]).into_owned()
        };
        panic!("{sql}\n  row_to_json: …{}…\n  this server: …{}…", near(&wanted), near(got));
    }
    expected.len()
}

/// The text of the rows, without the brackets around them.
fn rows_of(answer: &Answer) -> &str {
    let text = answer.texts[0].split_once(r#""rows":["#).map(|(_, rows)| rows);
    text.and_then(|rows| rows.strip_suffix("]}")).expect("rows")
}
