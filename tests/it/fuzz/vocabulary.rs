//! The words of the texts: what the databases really hold, and values for every kind of argument.

use postgres::Client;

use crate::support::random::Random;

/// A table or view with its columns: name and type.
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) columns: Vec<(String, String)>,
}

/// A function with the types of its arguments.
pub(super) struct Function {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    /// It needs an OVER clause.
    pub(super) window: bool,
}

/// Everything that texts are made of, in the same order in every run.
pub(super) struct Vocabulary {
    pub(super) relations: Vec<Relation>,
    pub(super) functions: Vec<Function>,
    /// Indices of the functions that sound as if they did something.
    pub(super) suspects: Vec<usize>,
    /// Whole texts: those of the guard's tables.
    pub(super) seeds: Vec<String>,
    /// Process ids of sessions that must survive.
    pub(super) pids: Vec<i32>,
}

/// Functions whose names promise a side effect; a wide net, which also holds harmless ones.
const SUSPECT: &str = "^(pg_|lo_|lo$|loread|lowrite|.*advisory|set_|.*_to_xml|ts_stat|ts_rewrite|dblink|postgres_fdw|nextval|setval|currval|lastval|txid_|\
    .*crosstab|connectby|xpath_table|xslt|.*notify|.*topo|.*geometry|.*raster|.*page|heap_|bt_|brin_|gin_|install_|loader_|create|drop|add|lock|unlock|\
    st_(add|mod|rem|new|band|setband|from|as)|.*_handler|.*_validator|.*auth|populate|.*stat|current_setting|random|setseed|.*constraint|.*reset|.*exec)";

impl Vocabulary {
    /// Reads it from the database.
    pub(super) fn of(admin: &mut Client, pids: Vec<i32>) -> Vocabulary {
        let columns = admin
            .query(
                "SELECT format('%I.%I', n.nspname, c.relname), a.attname::text, format_type(a.atttypid, NULL)
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
                  WHERE c.relkind IN ('r', 'v', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped
                    AND (n.nspname IN ('reporting', 'tracksolid', 'tickets', 'fuel') OR c.relname IN ('pg_class', 'pg_stats',
                        'pg_settings', 'pg_proc', 'pg_roles', 'columns', 'spatial_ref_sys'))
                  ORDER BY 1, a.attnum",
                &[],
            )
            .unwrap();
        let mut relations: Vec<Relation> = Vec::new();
        for row in &columns {
            let name: String = row.get(0);
            if relations.last().is_none_or(|relation| relation.name != name) {
                relations.push(Relation { name, columns: Vec::new() });
            }
            relations.last_mut().unwrap().columns.push((row.get(1), row.get(2)));
        }
        let rows = admin
            .query(
                "SELECT n.nspname::text, p.proname::text, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t),
                        p.proname ~ $1, p.prokind = 'w'
                   FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                  WHERE p.prokind <> 'p' AND n.nspname NOT IN ('infrastructure', 'demo_build')
                  ORDER BY 1, 2, p.oid::regprocedure::text",
                &[&SUSPECT],
            )
            .unwrap();
        let suspects = (0..rows.len()).filter(|&index| rows[index].get(3)).collect();
        let functions = rows.iter().map(|row| Function {
            schema: row.get(0),
            name: row.get(1),
            arguments: row.get(2),
            window: row.get(4),
        });
        let seeds = ["attacks", "legit"].iter().flat_map(|table| {
            let path = format!("{}/tests/data/guard/{table}.jsonl", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
            text.lines().map(|text| line(text)["sql"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        });
        Vocabulary { relations, functions: functions.collect(), suspects, seeds: seeds.collect(), pids }
    }

    /// An expression of a type, made to be accepted and to show what the function does with it: texts that are statements,
    /// names, files and settings; numbers that are sessions and large objects.
    pub(super) fn value(&self, random: &mut Random, type_name: &str) -> String {
        if random.chance(4) {
            return format!("NULL::{}", castable(type_name));
        }
        let integers = ["0", "1", "2", "3", "-1", "7", "100", "4711", "65536", "2147483647"];
        let integer = |random: &mut Random| {
            if random.chance(15) { random.pick(&self.pids).to_string() } else { random.of_list(&integers).to_owned() }
        };
        let element = type_name.strip_suffix("[]");
        if let Some(element) = element {
            let count = random.below(3);
            let values: Vec<String> = (0..=count).map(|_| self.value(random, element)).collect();
            return format!("ARRAY[{}]::{}", values.join(", "), type_name);
        }
        match type_name {
            "integer" | "smallint" | "bigint" | "numeric" | "real" | "double precision" => {
                let number = integer(random);
                if type_name == "integer" { number } else { format!("({number})::{type_name}") }
            }
            "oid" => {
                let oids = ["4711", "'pg_class'::regclass::oid", "'tracksolid.devices'::regclass::oid", "1", "10"];
                format!("({})::oid", random.of_list(&oids))
            }
            "text"
            | "name"
            | "cstring"
            | "character varying"
            | "character"
            | "\"char\""
            | "\"any\""
            | "anyelement"
            | "anynonarray"
            | "anycompatible"
            | "anycompatiblenonarray"
            | "unknown"
            | "citext" => {
                let value = random.of_list(TEXTS);
                let literal =
                    if random.chance(70) { format!("'{}'", value.replace('\'', "''")) } else { literal(random, value) };
                match type_name {
                    "name" | "cstring" | "citext" => format!("{literal}::{type_name}"),
                    "\"any\"" | "anyelement" | "anynonarray" if random.chance(50) => integer(random),
                    "\"any\"" | "anyelement" | "anynonarray" | "anycompatible" => format!("{literal}::text"),
                    _ => literal,
                }
            }
            "anyarray" | "anycompatiblearray" => "ARRAY[1, 2]".to_owned(),
            "anyrange" | "anycompatiblerange" => "int4range(1, 5)".to_owned(),
            "anymultirange" | "anycompatiblemultirange" => "int4multirange(int4range(1, 5))".to_owned(),
            "anyenum" => "NULL".to_owned(),
            "record" => "ROW(1, 'a'::text)".to_owned(),
            "internal" | "trigger" | "event_trigger" | "void" | "language_handler" | "fdw_handler" => "NULL".to_owned(),
            _ => match VALUES.iter().find(|(known, _)| *known == type_name) {
                Some((_, values)) => format!("'{}'::{type_name}", random.of_list(values)),
                None => format!("'{}'::{type_name}", random.of_list(&["1", "a", "(1,2)", "tracksolid.devices", ""])),
            },
        }
    }
}

/// What a NULL can be cast to: pseudo-types have none.
fn castable(type_name: &str) -> &str {
    match type_name {
        "internal" | "\"any\"" | "record" | "trigger" | "cstring" => "text",
        name if name.starts_with("any") && name.ends_with("array") => "int[]",
        name if name.starts_with("any") && name.ends_with("range") => "int4range",
        name if name.starts_with("any") => "int",
        name if name.ends_with("_handler") => "text",
        name => name,
    }
}

/// Texts that are dangerous where somebody runs, opens or looks them up.
const TEXTS: &[&str] = &[
    "SELECT pg_try_advisory_lock(4711)",
    "SELECT 1::int AS id, txid_current() AS b",
    "select set_config('work_mem', '77kB', false), 1",
    "pg_try_advisory_lock(4711)",
    "x'; SELECT pg_try_advisory_lock(4711); --",
    "x) AS y, (SELECT pg_try_advisory_lock(4711)) AS z --",
    "1); SELECT pg_terminate_backend(pid) FROM pg_stat_activity; --",
    "INSERT INTO tickets.inc SELECT * FROM tickets.inc",
    "work_mem",
    "77kB",
    "statement_timeout",
    "role",
    "postgres",
    "public",
    "tracksolid",
    "devices",
    "tracksolid.devices",
    "tickets.inc",
    "tickets.fuzz_sequence",
    "device_id",
    "geom",
    "pg_catalog",
    "pg_class",
    "/etc/passwd",
    "PG_VERSION",
    "host=127.0.0.1 dbname=postgres",
    "plpgsql",
    "english",
    "UTF8",
    "a",
    "",
    "1",
    "POINT(1 2)",
    "%s",
    "{\"a\": [1, 2]}",
    "day",
    "é\u{a0}",
];

/// Literals of types that have a syntax of their own.
const VALUES: &[(&str, &[&str])] = &[
    ("boolean", &["t", "f"]),
    ("date", &["2026-01-01", "infinity", "today"]),
    ("timestamp without time zone", &["2026-01-01 00:00", "now"]),
    ("timestamp with time zone", &["2026-01-01 00:00+03", "now"]),
    ("time without time zone", &["12:00"]),
    ("time with time zone", &["12:00+03"]),
    ("interval", &["1 day", "1 second", "00:00:01"]),
    ("bytea", &["\\x0102", "untouched"]),
    ("json", &["{\"a\": 1}", "[1, 2]"]),
    ("jsonb", &["{\"a\": 1}", "[1, 2]"]),
    ("jsonpath", &["$.a", "$[*]"]),
    ("xml", &["<a>1</a>"]),
    ("uuid", &["00000000-0000-0000-0000-000000000001"]),
    ("inet", &["127.0.0.1"]),
    ("cidr", &["127.0.0.0/8"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    ("point", &["(1,2)"]),
    ("box", &["(1,2),(3,4)"]),
    ("circle", &["<(1,2),3>"]),
    ("lseg", &["[(1,2),(3,4)]"]),
    ("line", &["{1,2,3}"]),
    ("path", &["[(1,2),(3,4)]"]),
    ("polygon", &["((1,2),(3,4),(5,0))"]),
    ("regclass", &["tracksolid.devices", "pg_class", "tickets.fuzz_sequence", "tracksolid.devices_pkey"]),
    ("regproc", &["now", "pg_sleep"]),
    ("regprocedure", &["now()", "pg_sleep(double precision)"]),
    ("regtype", &["int", "text"]),
    ("regrole", &["postgres"]),
    ("regnamespace", &["tracksolid"]),
    ("regconfig", &["english"]),
    ("regdictionary", &["simple"]),
    ("regoper", &["~~"]),
    ("regoperator", &["+(integer,integer)"]),
    ("regcollation", &["\"C\""]),
    ("tsvector", &["a b:1"]),
    ("tsquery", &["a & b"]),
    ("pg_lsn", &["0/1000000"]),
    ("xid", &["700"]),
    ("xid8", &["700"]),
    ("cid", &["0"]),
    ("tid", &["(0,1)"]),
    ("oidvector", &["1 2"]),
    ("int2vector", &["1 2"]),
    ("bit", &["1"]),
    ("bit varying", &["101"]),
    ("money", &["1.00"]),
    ("refcursor", &["c"]),
    ("txid_snapshot", &["700:710:700"]),
    ("pg_snapshot", &["700:710:700"]),
    ("int4range", &["[1,5)"]),
    ("int8range", &["[1,5)"]),
    ("numrange", &["[1,5)"]),
    ("daterange", &["[2026-01-01,2026-02-01)"]),
    ("tsrange", &["[2026-01-01,2026-02-01)"]),
    ("tstzrange", &["[2026-01-01,2026-02-01)"]),
    ("int4multirange", &["{[1,5)}"]),
    ("aclitem", &["postgres=r/postgres"]),
    (
        "geometry",
        &["POINT(1 2)", "LINESTRING(0 0, 1 1, 2 0)", "POLYGON((0 0, 1 0, 1 1, 0 0))", "SRID=4326;POINT(36.8 -1.3)"],
    ),
    ("geography", &["POINT(36.8 -1.3)", "LINESTRING(0 0, 1 1)"]),
    ("box2d", &["BOX(0 0, 1 1)"]),
    ("box3d", &["BOX3D(0 0 0, 1 1 1)"]),
    ("hstore", &["a=>1"]),
    ("ltree", &["a.b"]),
    ("lquery", &["a.*"]),
    ("cube", &["(1,2)"]),
];

/// A string constant in any of PostgreSQL's spellings.
pub(super) fn literal(random: &mut Random, value: &str) -> String {
    let doubled = value.replace('\'', "''");
    match random.below(9) {
        0 => format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
        1 => format!("e'{}\\x41\\u00e9\\''", doubled.replace('\\', "\\\\")),
        2 => format!("U&'{}\\0041'", doubled.replace('\\', "\\\\")),
        3 => format!("U&'{}!0041' UESCAPE '!'", doubled.replace('!', "")),
        4 if !value.contains("$$") => format!("$${value}$$"),
        5 => format!("$tag${value}$tag$"),
        6 => format!("N'{doubled}'"),
        7 => format!("'{doubled}'\n  'and on'"),
        _ => format!("'{doubled}'"),
    }
}
