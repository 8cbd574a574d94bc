//! Values at the edges of every type: the ones that code forgets.
//!
//! A value that begins with `=` is an expression; any other is the text of a constant. Heavy values are large: they find
//! work that looks for no interrupt, and memory that nobody counts.

use crate::support::random::Random;

/// The values of one type.
struct Edge {
    /// Its name as `format_type` writes it, without a schema.
    name: &'static str,
    values: &'static [&'static str],
    heavy: &'static [&'static str],
}

const fn edge(name: &'static str, values: &'static [&'static str], heavy: &'static [&'static str]) -> Edge {
    Edge { name, values, heavy }
}

/// How values are chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taste {
    /// Any value, seldom a large one.
    Any,
    /// Large ones wherever the type has some.
    Heavy,
    /// NULL as often as not.
    Nulls,
}

/// Types that stand in for `anyelement` and its like: with a range, a multirange or an enum over them where there is one.
const ELEMENTS: &[&str] = &[
    "integer",
    "text",
    "numeric",
    "double precision",
    "jsonb",
    "timestamp with time zone",
    "interval",
    "bytea",
    "point",
    "integer[]",
    "public.sweep_mood",
];
const RANGES: &[(&str, &str, &str)] = &[
    ("integer", "int4range", "int4multirange"),
    ("bigint", "int8range", "int8multirange"),
    ("numeric", "numrange", "nummultirange"),
    ("date", "daterange", "datemultirange"),
    ("timestamp without time zone", "tsrange", "tsmultirange"),
    ("timestamp with time zone", "tstzrange", "tstzmultirange"),
];

/// The types of a call: pseudo-types become real ones that go together.
pub(super) fn instantiate(random: &mut Random, types: &[String]) -> Vec<String> {
    let range = random.pick(RANGES);
    let over_ranges = types.iter().any(|name| name.starts_with("any") && name.ends_with("range"));
    let element = if over_ranges { range.0 } else { random.of_list(ELEMENTS) };
    let concrete = |random: &mut Random, name: &str| match name {
        "anyelement" | "anynonarray" | "anycompatible" | "anycompatiblenonarray" => element.to_owned(),
        "anyarray" | "anycompatiblearray" => format!("{}[]", element.trim_end_matches("[]")),
        "anyrange" | "anycompatiblerange" => range.1.to_owned(),
        "anymultirange" | "anycompatiblemultirange" => range.2.to_owned(),
        "anyenum" => "public.sweep_mood".to_owned(),
        "\"any\"" => random.of_list(ELEMENTS).to_owned(),
        name => name.to_owned(),
    };
    types.iter().map(|name| concrete(random, name)).collect()
}

/// An expression of the type. `cstring`s are texts for `input`, the type that a function makes of them.
pub(super) fn value(random: &mut Random, type_name: &str, taste: Taste, input: &str) -> String {
    if random.chance(if taste == Taste::Nulls { 50 } else { 3 }) {
        return null(type_name);
    }
    if let Some(element) = type_name.strip_suffix("[]") {
        return array(random, element, taste);
    }
    let bare = type_name.rsplit('.').next().unwrap_or(type_name);
    match bare {
        "record" => random.of_list(RECORDS).to_owned(),
        "cstring" => {
            let own = EDGES.iter().find(|edge| edge.name == input).filter(|_| random.chance(60));
            let edge = own.unwrap_or_else(|| random.pick(EDGES));
            let constants: Vec<&str> = edge.values.iter().copied().filter(|value| !value.starts_with('=')).collect();
            let text = if constants.is_empty() { "" } else { random.of_list(&constants) };
            format!("{}::cstring", quoted(text))
        }
        _ => match EDGES.iter().find(|edge| edge.name == bare) {
            Some(edge) => {
                let heavy = !edge.heavy.is_empty() && random.chance(if taste == Taste::Heavy { 80 } else { 8 });
                let value = random.of_list(if heavy { edge.heavy } else { edge.values });
                match value.strip_prefix('=') {
                    Some(expression) => format!("({expression})::{type_name}"),
                    None => format!("{}::{type_name}", quoted(value)),
                }
            }
            None if is_pseudo(bare) => "NULL".to_owned(),
            None => format!("{}::{type_name}", quoted(random.of_list(UNKNOWN))),
        },
    }
}

/// The first value of the type, which is a harmless one: for making a text that fails smaller.
pub(super) fn plain(type_name: &str) -> String {
    let bare = type_name.rsplit('.').next().unwrap_or(type_name);
    match EDGES.iter().find(|edge| edge.name == bare).and_then(|edge| edge.values.first()) {
        Some(value) if !value.starts_with('=') => format!("{}::{type_name}", quoted(value)),
        _ => null(type_name),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn is_pseudo(name: &str) -> bool {
    name.starts_with("any")
        || name.ends_with("_handler")
        || matches!(name, "internal" | "trigger" | "event_trigger" | "void" | "\"any\"" | "unknown" | "pg_ddl_command")
}

/// PostgreSQL takes a NULL for every pseudo-type, and no cast to one.
fn null(type_name: &str) -> String {
    if is_pseudo(type_name) || type_name == "record" { "NULL".to_owned() } else { format!("NULL::{type_name}") }
}

fn array(random: &mut Random, element: &str, taste: Taste) -> String {
    if is_pseudo(element) || element == "cstring" || element == "record" {
        return format!("NULL::{}[]", if element == "cstring" { "cstring" } else { "text" });
    }
    let shape = random.below(if taste == Taste::Heavy { 10 } else { 8 });
    let mut items = |count: usize| -> String {
        let values: Vec<String> = (0..count).map(|_| value(random, element, Taste::Any, "")).collect();
        values.join(", ")
    };
    match shape {
        0 => format!("'{{}}'::{element}[]"),
        1 => format!("ARRAY[NULL, NULL]::{element}[]"),
        2 => format!("ARRAY[ARRAY[{}], ARRAY[{}]]::{element}[]", items(2), items(2)),
        3 => format!("ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[{}]]]]]]::{element}[]", items(1)),
        4 => format!("array_fill({}, ARRAY[2, 3], ARRAY[-5, 2147483640])", items(1)),
        5 => format!("ARRAY[{}]::{element}[]", items(1)),
        6 | 7 => format!("ARRAY[{}]::{element}[]", items(3)),
        8 => format!("array_fill({}, ARRAY[100000])", items(1)),
        _ if element == "integer" => "(SELECT array_agg(n::integer) FROM generate_series(1, 60000) AS n)".to_owned(),
        _ => format!("array_fill({}, ARRAY[300, 300])", items(1)),
    }
}

const RECORDS: &[&str] = &[
    "ROW()",
    "ROW(NULL)",
    "ROW(1, 'a'::text)",
    "ROW(1, NULL, ARRAY[1, 2])",
    "ROW(ROW(ROW(1)))",
    "ROW('NaN'::float8, '{}'::jsonb, 'infinity'::timestamptz)",
    "ROW(point '(NaN,NaN)', 1)",
];

/// Texts for types that nobody has thought of here.
const UNKNOWN: &[&str] =
    &["1", "", "a", "0", "(1,2)", "1-2", "{}", "NaN", "-1", "9223372036854775807", "a.b", "pg_class", "<a/>", "[1,2]"];

const NUMBERS: &[&str] =
    &["1", "0", "-1", "2", "3", "7", "100", "2147483647", "-2147483648", "65536", "255", "1114111"];
const TEXTS: &[&str] = &[
    "a",
    "",
    " ",
    "abc",
    "%",
    "_",
    "\\",
    "'",
    "NaN",
    "0",
    "-1",
    "1.5e400",
    "{}",
    "[]",
    "(",
    "{1,2}",
    "(a*)*b",
    "((a+)+)+$",
    "(a|aa)+c\\1",
    "[[:alpha:]]{1,255}",
    "\u{1F600}\u{301}é",
    "%s %I %L %1$*2$s",
    "YYYY-MM-DD HH24:MI:SS.US TZ FMRN",
    "9999D99EEEE",
    "UTF8",
    "english",
    "day",
    "century",
    "America/New_York",
    "pg_class",
    "postgres",
    "a & !b",
    "a.b.c",
    "<a/>",
    "$.** ? (@ > 1)",
    "POINT(1 2)",
    "hex",
    "escape",
    "base64",
    "NFKD",
    "SQL_ASCII",
    "gi",
    "i",
    "1 2",
    "a=>1",
    "md5",
    "aes",
];
const LONG_TEXTS: &[&str] = &[
    "=repeat('a', 100000)",
    "=repeat('ab', 40000) || 'c'",
    "=repeat('(', 20000)",
    "=repeat('a%', 5000)",
    "=repeat('é\u{301}', 30000)",
    "=repeat('9', 50000)",
    "=repeat('b', 99999) || 'a'",
    "=repeat('a|', 20000)",
    "=repeat('<a>', 20000)",
    "=repeat(' ', 1000000)",
];
const TIMES: &[&str] = &[
    "2026-01-01 00:00:00",
    "infinity",
    "-infinity",
    "4714-11-24 00:00:00 BC",
    "294276-12-31 23:59:59.999999",
    "epoch",
    "2024-02-29 23:59:60",
    "0001-01-01 00:00:00 BC",
    "1900-12-31 12:00:00.000001",
    "10000-01-01",
];
const SHAPES: &[&str] = &[
    "POINT(1 2)",
    "POINT EMPTY",
    "POINT(NaN NaN)",
    "POINT ZM(NaN 1 2 3)",
    "POINT(1e300 -1e300)",
    "POINT(0 91)",
    "SRID=4326;POINT(36.8 -1.3)",
    "SRID=4326;POINT(1e300 1e300)",
    "SRID=999999;POINT(0 0)",
    "LINESTRING EMPTY",
    "LINESTRING(0 0, 1 1, 2 0)",
    "LINESTRING(0 0, 0 0)",
    "LINESTRING(0 0, 1e300 1)",
    "LINESTRING(0 0, NaN 1, 1 1)",
    "LINESTRING(0 0, 1e-320 0)",
    "SRID=4326;LINESTRING(-180 90, 180 -90)",
    "LINESTRING Z(0 0 0, 1 1 NaN)",
    "LINESTRING M(0 0 1, 1 1 2)",
    "LINESTRING M(0 0 -Infinity, 1 1 NaN)",
    "POLYGON EMPTY",
    "POLYGON((0 0, 1 0, 1 1, 0 0))",
    "POLYGON((0 0, 1 1, 0 1, 1 0, 0 0))",
    "POLYGON((0 0, 0 0, 0 0, 0 0))",
    "POLYGON((0 0, NaN 0, 1 1, 0 0))",
    "POLYGON((0 0, 1e10 0, 1e10 1, 0 0))",
    "POLYGON((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 1, 2 2, 1 1), (1 1, 2 1, 2 2, 1 1))",
    "SRID=4326;POLYGON((0 0, 180 0, 180 90, 0 0))",
    "CIRCULARSTRING(0 0, 1 1, 2 0)",
    "CIRCULARSTRING(0 0, NaN NaN, 2 0)",
    "CIRCULARSTRING(0 0, 0 0, 0 0)",
    "CIRCULARSTRING EMPTY",
    "COMPOUNDCURVE((0 0, 1 0), CIRCULARSTRING(1 0, 1e300 1, 2 0))",
    "CURVEPOLYGON(CIRCULARSTRING(0 0, 1 1, 2 0, 1 -1, 0 0))",
    "CURVEPOLYGON EMPTY",
    "MULTIPOINT EMPTY",
    "MULTIPOINT(0 0, NaN NaN, EMPTY)",
    "MULTILINESTRING((0 0, 1 1), EMPTY)",
    "MULTILINESTRING((0 0, 1 0), (0 1, 1e308 1))",
    "MULTIPOLYGON(EMPTY, ((0 0, 1 0, 1 1, 0 0)))",
    "MULTICURVE(EMPTY, CIRCULARSTRING(0 0, 1 1, 2 0))",
    "MULTISURFACE EMPTY",
    "GEOMETRYCOLLECTION EMPTY",
    "GEOMETRYCOLLECTION(POINT EMPTY, LINESTRING(0 0, 1 1))",
    "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(GEOMETRYCOLLECTION EMPTY))",
    "TIN(((0 0 0, 0 0 1, 0 1 0, 0 0 0)))",
    "TIN EMPTY",
    "TRIANGLE((0 0, 0 1, 1 1, 0 0))",
    "TRIANGLE EMPTY",
    "POLYHEDRALSURFACE(((0 0 0, 0 1 0, 1 1 0, 0 0 0)))",
    "0101000000000000000000F07F000000000000F0FF",
    "01010000C0000000000000F87F000000000000F87F000000000000F87F000000000000F87F",
];
const LARGE_SHAPES: &[&str] = &[
    "=(SELECT 'LINESTRING(' || string_agg(n || ' ' || n % 7, ',') || ')' FROM generate_series(1, 5000) AS n)",
    "=(SELECT 'MULTIPOINT(' || string_agg(n * 7919 % 1009 || ' ' || n % 997, ',') || ')' FROM generate_series(1, 3000) AS n)",
    "=(SELECT 'POLYGON((' || string_agg(n || ' ' || n % 2, ',') || ',1 -1,1 1))' FROM generate_series(1, 2001) AS n)",
    "=repeat('GEOMETRYCOLLECTION(', 150) || 'POINT(0 0)' || repeat(')', 150)",
    "=(SELECT 'MULTILINESTRING(' || string_agg('(0 ' || n || ',1000 ' || 1000 - n || ')', ',') || ')' FROM generate_series(1, 400) AS n)",
];
const PATHS: &[&str] = &[
    "$",
    "strict $.a",
    "$.**",
    "$.** ? (@ > 1)",
    "lax $[*] ? (@ like_regex \"(a+)+b\")",
    "$.keyvalue()",
    "$.datetime()",
    "$ ? (exists(@.** ? (exists(@.**))))",
    "$[0 to last]",
    "$[2147483647]",
    "-$.a",
    "$.a.double()",
    "$.**{2147483647}",
    "$ ? (@.datetime() < \"2020-01-01\".datetime())",
    "$.a + $.b",
    "$x",
    "1 / 0",
    "$.ceiling()",
    "$.decimal(400, 300)",
    "$.string().bigint()",
    "$.timestamp_tz(6)",
];
const DOCUMENTS: &[&str] = &[
    "{}",
    "null",
    "[]",
    "1",
    "\"\"",
    "{\"a\": {\"a\": [1, null, {\"b\": []}]}}",
    "[[[[[[]]]]]]",
    "1e1000",
    "[1, \"a\", null, true, 1.5]",
    "{\"\": \"\"}",
    "{\"a\": \"2026-01-01T00:00:00Z\"}",
    "\"\\ud83d\\ude00\"",
    "-0",
    "[{\"a\": 1, \"b\": \"x\"}, {\"a\": null}]",
    "{\"a\": 1, \"a\": 2}",
];
const LARGE_DOCUMENTS: &[&str] = &[
    "=repeat('[', 3000) || repeat(']', 3000)",
    "=repeat('{\"a\":', 3000) || '1' || repeat('}', 3000)",
    "=(SELECT json_agg(n)::text FROM generate_series(1, 30000) AS n)",
    "=(SELECT json_object_agg(n, n)::text FROM generate_series(1, 20000) AS n)",
    "='\"' || repeat('a', 500000) || '\"'",
];

/// Every type that has edges worth a thought.
#[rustfmt::skip]
const EDGES: &[Edge] = &[
    edge("boolean", &["true", "false"], &[]),
    edge("smallint", &["1", "0", "-1", "2", "32767", "-32768"], &[]),
    edge("integer", NUMBERS, &["1000000", "2147483647", "100000000"]),
    edge("bigint", &["1", "0", "-1", "2", "100", "9223372036854775807", "-9223372036854775808", "4294967296"], &["1000000000000"]),
    edge("oid", &["1259", "0", "1247", "1255", "23", "2147483648", "4294967295", "16384"], &[]),
    edge("numeric", &["1", "NaN", "Infinity", "-Infinity", "0", "-0.5", "1e1000", "-1e1000", "1e-1000", "0.0000000000001", "99999999999999999999.9", "1e131071"],
        &["=repeat('9', 50000)", "=repeat('7', 100000) || '.' || repeat('3', 16000)"]),
    edge("real", &["1", "NaN", "Infinity", "-Infinity", "0", "-0", "3e38", "-3e38", "1e-45", "0.5"], &[]),
    edge("double precision", &["1", "NaN", "Infinity", "-Infinity", "0", "-0", "1e300", "-1e300", "1.7e308", "5e-324", "0.5", "1e18", "-1"], &[]),
    edge("money", &["1", "0", "-92233720368547758.08", "92233720368547758.07"], &[]),
    edge("text", TEXTS, LONG_TEXTS),
    edge("character varying", TEXTS, LONG_TEXTS),
    edge("character", TEXTS, LONG_TEXTS),
    edge("citext", TEXTS, LONG_TEXTS),
    edge("unknown", TEXTS, &[]),
    edge("name", TEXTS, &[]),
    edge("\"char\"", &["a", "", "\\377", "é"], &[]),
    edge("bytea", &["a", "", "\\x00", "\\xffffffff", "\\x0101000000000000000000f87f000000000000f87f", "\\x0106000000ffffffff", "\\x1f8b", "\\x89504e470d0a1a0a"],
        &["=repeat('ab', 200000)", "=decode(repeat('00', 100000), 'hex')", "=decode(repeat('0107000000010000', 2000), 'hex')"]),
    edge("json", DOCUMENTS, LARGE_DOCUMENTS),
    edge("jsonb", DOCUMENTS, LARGE_DOCUMENTS),
    edge("jsonpath", PATHS, &["=repeat('$.a + ', 1000) || '1'", "=repeat('(', 2000) || '$' || repeat(')', 2000)", "='$' || repeat('.**', 8)"]),
    edge("xml", &["<a/>", "", "a", "<a><b>1</b></a>", "<?xml version=\"1.0\"?><a/>", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"],
        &["=repeat('<a>', 200) || repeat('</a>', 200)", "=repeat('<a/>', 20000)", "='<a ' || (SELECT string_agg('b' || n || '=\"1\"', ' ') FROM generate_series(1, 20000) AS n) || '/>'"]),
    edge("timestamp without time zone", TIMES, &[]),
    edge("timestamp with time zone", TIMES, &[]),
    edge("date", &["2026-01-01", "infinity", "-infinity", "4714-11-24 BC", "5874897-12-31", "epoch", "2024-02-29", "0001-12-31 BC"], &[]),
    edge("time without time zone", &["12:34:56.789", "00:00", "24:00:00", "23:59:60"], &[]),
    edge("time with time zone", &["12:34:56+01", "24:00:00+15:59", "00:00:00-15:59"], &[]),
    edge("interval", &["1 day", "0", "178000000 years", "-178000000 years", "1 mon -1 day", "1 microsecond", "-1 microsecond", "2147483647 days",
        "-2147483648 days", "2562047788 hours", "infinity", "-infinity", "1 year -2147483648 days 2562047788 hours"], &[]),
    edge("inet", &["127.0.0.1", "0.0.0.0/0", "255.255.255.255", "::", "::1/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "10.0.0.1/8"], &[]),
    edge("cidr", &["10.0.0.0/8", "0.0.0.0/0", "::/0", "ffff::/16"], &[]),
    edge("macaddr", &["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"], &[]),
    edge("macaddr8", &["00:00:00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff:ff:ff"], &[]),
    edge("uuid", &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "018f6f6e-0000-7000-8000-000000000000"], &[]),
    edge("bit", &["1", "0"], &[]),
    edge("bit varying", &["101", "", "0"], &["=repeat('10', 100000)"]),
    edge("point", &["(0,0)", "(NaN,NaN)", "(Infinity,-Infinity)", "(1e300,1e300)", "(1e-320,0)", "(-1,1)"], &[]),
    edge("lseg", &["((0,0),(1,1))", "((0,0),(0,0))", "((NaN,0),(0,NaN))", "((-Infinity,0),(Infinity,0))", "((1e300,0),(-1e300,1e300))"], &[]),
    edge("line", &["{1,1,0}", "{0,1,NaN}", "{NaN,NaN,NaN}", "{Infinity,1,0}", "{1e300,1e-300,1}"], &[]),
    edge("box", &["((0,0),(1,1))", "((0,0),(0,0))", "((NaN,NaN),(NaN,NaN))", "((-Infinity,-Infinity),(Infinity,Infinity))", "((1e300,1e300),(-1e300,-1e300))"], &[]),
    edge("path", &["((0,0),(1,1),(2,0))", "[(0,0)]", "[(0,0),(0,0)]", "((NaN,NaN),(1,1))", "[(Infinity,0),(-Infinity,0)]", "[(1e300,0),(0,1e300)]"],
        &["=(SELECT '(' || string_agg('(' || n || ',' || n % 7 || ')', ',') || ')' FROM generate_series(1, 12000) AS n)"]),
    edge("polygon", &["((0,0),(1,0),(1,1))", "((0,0))", "((NaN,NaN),(0,0))", "((Infinity,0),(0,Infinity),(0,0))", "((0,0),(1,1),(0,1),(1,0))"],
        &["=(SELECT '(' || string_agg('(' || n || ',' || n % 7 || ')', ',') || ')' FROM generate_series(1, 12000) AS n)"]),
    edge("circle", &["<(0,0),1>", "<(0,0),0>", "<(NaN,NaN),NaN>", "<(Infinity,0),Infinity>", "<(1e300,0),1e300>"], &[]),
    edge("tsvector", &["a:1A b:2 c", "", "a", "a:16383A,16383B"], &["=(SELECT string_agg('w' || n || ':' || n % 16000 + 1, ' ') FROM generate_series(1, 30000) AS n)"]),
    edge("tsquery", &["a & b", "", "!a", "!!!!(a | b)", "a <-> b <16384> c", "a:*ABCD", "(a | b) & !(c <-> d)"],
        &["=repeat('a | ', 20000) || 'b'", "=repeat('!', 3000) || 'a'", "=repeat('a <-> (b | ', 300) || 'c' || repeat(')', 300)"]),
    edge("int4range", &["[1,5)", "empty", "(,)", "[1,1]", "[2147483647,)", "(,-2147483648)", "[-2147483648,2147483647)"], &[]),
    edge("int8range", &["[1,5)", "empty", "(,)", "[9223372036854775807,)"], &[]),
    edge("numrange", &["[1,5)", "empty", "(,)", "[NaN,NaN]", "(-Infinity,Infinity)"], &[]),
    edge("daterange", &["[2026-01-01,2026-02-01)", "empty", "(,)", "[-infinity,infinity]", "[5874897-12-31,)"], &[]),
    edge("tsrange", &["[2026-01-01,2026-02-01)", "empty", "(,)", "[-infinity,infinity]"], &[]),
    edge("tstzrange", &["[2026-01-01,2026-02-01)", "empty", "(,)", "[-infinity,infinity]"], &[]),
    edge("int4multirange", &["{[1,5)}", "{}", "{(,)}", "{(,1),[5,7),[2147483647,)}"], &["=(SELECT '{' || string_agg(format('[%s,%s)', 2 * n, 2 * n + 1), ',') || '}' FROM generate_series(1, 20000) AS n)"]),
    edge("int8multirange", &["{[1,5)}", "{}", "{(,)}"], &[]),
    edge("nummultirange", &["{[1,5)}", "{}", "{(,)}", "{[NaN,NaN]}"], &[]),
    edge("datemultirange", &["{[2026-01-01,2026-02-01)}", "{}", "{(,)}", "{[-infinity,infinity]}"], &[]),
    edge("tsmultirange", &["{[2026-01-01,2026-02-01)}", "{}", "{(,)}"], &[]),
    edge("tstzmultirange", &["{[2026-01-01,2026-02-01)}", "{}", "{(,)}"], &[]),
    edge("tid", &["(0,1)", "(0,0)", "(4294967295,65535)"], &[]),
    edge("xid", &["700", "0", "1", "2", "4294967295"], &[]),
    edge("xid8", &["700", "0", "18446744073709551615"], &[]),
    edge("cid", &["0", "4294967295"], &[]),
    edge("pg_lsn", &["0/1000000", "0/0", "FFFFFFFF/FFFFFFFF"], &[]),
    edge("pg_snapshot", &["1:1:", "700:710:700,705", "1:9223372036854775807:"], &[]),
    edge("txid_snapshot", &["1:1:", "700:710:700,705", "1:9223372036854775807:"], &[]),
    edge("oidvector", &["1 2", "", "4294967295"], &["=repeat('1 ', 100)"]),
    edge("int2vector", &["1 2", "", "-1"], &[]),
    edge("aclitem", &["postgres=r/postgres", "=r/postgres"], &[]),
    edge("refcursor", &["c", ""], &[]),
    edge("regclass", &["pg_class", "0", "4294967295", "pg_type", "pg_class_oid_index"], &[]),
    edge("regtype", &["integer", "0", "anyarray", "4294967295", "interval second(3)", "integer[]"], &[]),
    edge("regproc", &["now", "0", "4294967295"], &[]),
    edge("regprocedure", &["now()", "0", "4294967295"], &[]),
    edge("regoper", &["0", "4294967295"], &[]),
    edge("regoperator", &["+(integer,integer)", "0"], &[]),
    edge("regrole", &["postgres", "0", "4294967295"], &[]),
    edge("regnamespace", &["pg_catalog", "0", "4294967295"], &[]),
    edge("regcollation", &["\"C\"", "0", "\"default\""], &[]),
    edge("regconfig", &["english", "simple", "0", "4294967295"], &[]),
    edge("regdictionary", &["english_stem", "simple", "0"], &[]),
    edge("sweep_mood", &["sad", "ok", "happy"], &[]),
    edge("geometry", SHAPES, LARGE_SHAPES),
    edge("geography", SHAPES, LARGE_SHAPES),
    edge("raster", &["=public.st_makeemptyraster(2, 2, 0, 0, 1)", "=public.st_addband(public.st_makeemptyraster(3, 3, 0, 0, 1), '8BUI', 1, 0)",
        "=public.st_makeemptyraster(0, 0, 'NaN', 'NaN', 'NaN')", "=public.st_addband(public.st_makeemptyraster(2, 2, 0, 0, 0), '64BF', 'NaN', 'NaN')"],
        &["=public.st_addband(public.st_makeemptyraster(2000, 2000, 0, 0, 1), '64BF', 1, 0)"]),
    edge("box2d", &["BOX(0 0, 1 1)", "BOX(NaN NaN, NaN NaN)", "BOX(-1e300 -1e300, 1e300 1e300)"], &[]),
    edge("box3d", &["BOX3D(0 0 0, 1 1 1)", "BOX3D(NaN NaN NaN, 1 1 1)", "BOX3D(-1e300 -1e300 0, 1e300 1e300 1e308)"], &[]),
    edge("box2df", &["BOX(0 0, 1 1)"], &[]),
    edge("hstore", &["a=>1", "", "a=>NULL", "\"\"=>\"\""], &["=(SELECT string_agg(n || '=>' || n, ',') FROM generate_series(1, 20000) AS n)"]),
    edge("ltree", &["a.b", "", "a"], &["=repeat('a.', 30000) || 'a'"]),
    edge("lquery", &["a.*", "*", "*{0,65535}.a.*{1}", "!a|b@*"], &["=repeat('*.', 5000) || 'a'"]),
    edge("ltxtquery", &["a & b", "a@*% | !b"], &["=repeat('!', 5000) || 'a'"]),
    edge("cube", &["(1,2)", "()", "(NaN)", "(1e300,-1e300),(Infinity,0)", "(0),(0)"], &[]),
    edge("seg", &["1 .. 2", "NaN", "<1e30", "1(+-)0"], &[]),
    edge("query_int", &["1 & 2", "!1", "1 | (2 & !3)"], &["=repeat('!', 5000) || '1'", "=repeat('1 | ', 20000) || '2'"]),
    edge("gtsvector", &[""], &[]),
];
