//! The texts: queries as analysts write them, attacks on each layer, and both with something wrong in them.

use super::vocabulary::{Function, Vocabulary, literal};
use crate::support::random::Random;

/// Makes one text.
pub(super) struct Grammar<'a> {
    words: &'a Vocabulary,
    random: Random,
    /// Columns that can be named here: `alias.column` and type.
    scope: Vec<(String, String)>,
    aliases: usize,
}

/// Text `number` of the run with this seed.
pub(super) fn text(words: &Vocabulary, seed: u64, number: u64) -> String {
    let mut grammar = Grammar { words, random: Random::of(seed, number), scope: Vec::new(), aliases: 0 };
    let text = match grammar.random.below(100) {
        0..30 => grammar.query(3),
        30..58 => grammar.calls(number),
        58..62 => grammar.statement(),
        62..66 => grammar.writing(),
        66..70 => grammar.break_out(),
        70..74 => grammar.relation_read(),
        74..75 => grammar.odd(),
        75..83 => grammar.seed(),
        83..88 => grammar.splice(),
        _ => {
            let text = if grammar.random.chance(50) { grammar.query(2) } else { grammar.seed() };
            grammar.mutated(text)
        }
    };
    if grammar.random.chance(25) { grammar.decorated(text) } else { text }
}

impl Grammar<'_> {
    fn chance(&mut self, percent: usize) -> bool {
        self.random.chance(percent)
    }

    fn one(&mut self, list: &[&str]) -> String {
        self.random.of_list(list).to_owned()
    }

    /// White space, or what PostgreSQL takes for it.
    fn gap(&mut self) -> String {
        if self.chance(85) {
            return " ".to_owned();
        }
        self.one(&[
            "\n",
            "\t",
            "\r\n",
            "/**/",
            "/* ; ' \" $$ */",
            "/* a /* b */ c */",
            "-- ' ) ;\n",
            "--\r",
            "\u{b}",
            "\u{c}",
            " /*/**/*/ ",
            "  ",
        ])
    }

    /// Words with gaps between them.
    fn spaced(&mut self, words: &[&str]) -> String {
        let mut text = String::new();
        for (index, word) in words.iter().filter(|word| !word.is_empty()).enumerate() {
            if index > 0 {
                text.push_str(&self.gap());
            }
            text.push_str(word);
        }
        text
    }

    /// A name as it can also be written.
    fn spelled(&mut self, name: &str) -> String {
        match self.random.below(10) {
            0 => format!("\"{name}\""),
            1 => name.to_uppercase(),
            2 => name.chars().map(|c| if self.random.chance(50) { c.to_ascii_uppercase() } else { c }).collect(),
            3 if self.random.chance(20) => {
                format!("U&\"\\{:04x}{}\"", u32::from(name.chars().next().unwrap_or('x')), name.get(1..).unwrap_or(""))
            }
            _ => name.to_owned(),
        }
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        let odd = ["t", "q", "\"T\"", "é", "a$b", "_x", "update", "lock", "\"a\"\"b\"", "comment", "pg_x"];
        let name = if self.chance(80) { "t".to_owned() } else { self.one(&odd) };
        match name.strip_suffix('"') {
            Some(open) => format!("{open}{}\"", self.aliases),
            None => format!("{name}{}", self.aliases),
        }
    }

    // ── queries ──────────────────────────────────────────────────────────────────────────────────────────────────────

    fn query(&mut self, depth: usize) -> String {
        let outer = std::mem::take(&mut self.scope);
        let text = match if depth == 0 { 0 } else { self.random.below(20) } {
            0..12 => self.select(depth),
            12..15 => self.with(depth),
            15 => {
                let row = [self.expression("integer", 1), self.expression("text", 1)];
                format!("VALUES ({}, {}), (NULL, 'x')", row[0], row[1])
            }
            16 => {
                let table = self.table();
                format!("TABLE {table} LIMIT 5")
            }
            17 => {
                let inner = self.query(depth - 1);
                format!("({inner})")
            }
            _ => {
                let (a, b) = (self.expression("integer", 1), self.expression("integer", 1));
                let operation = self.one(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT ALL"]);
                let table = self.table();
                format!("(SELECT {a} AS n FROM {table} LIMIT 3) {operation} SELECT {b} ORDER BY 1")
            }
        };
        self.scope = outer;
        text
    }

    fn with(&mut self, depth: usize) -> String {
        let body = self.query(depth - 1);
        let materialized = self.one(&["", "", "MATERIALIZED", "NOT MATERIALIZED"]);
        let name = self.one(&["a", "\"with\"", "recursive", "x$1", "é"]);
        let main = match self.random.below(4) {
            0 => format!("TABLE {name}"),
            1 => format!("(SELECT count(*) FROM {name})"),
            2 => format!("SELECT * FROM {name} AS into_ LIMIT 3"),
            _ => self.query(depth - 1),
        };
        match self.random.below(4) {
            0 => format!(
                "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r, ({body}) AS b LIMIT 9"
            ),
            1 => format!(
                "WITH RECURSIVE r (n, m) AS (SELECT 1, 2 UNION ALL SELECT n + 1, m FROM r WHERE n < 5) {} {name} AS ({body}) {main}",
                self.random.of_list(&[
                    "SEARCH DEPTH FIRST BY n, m SET o,",
                    "CYCLE n SET c USING p,",
                    "CYCLE n SET c TO 1 DEFAULT 0 USING p,",
                    ","
                ])
            ),
            _ => self.spaced(&["WITH", &name, "AS", &materialized, &format!("({body})"), &main]),
        }
    }

    fn select(&mut self, depth: usize) -> String {
        let from = self.from(depth);
        let mut list: Vec<String> = Vec::new();
        for _ in 0..=self.random.below(3) {
            let kind = self.one(&["integer", "text", "boolean", "any", "any"]);
            let expression = self.expression(&kind, 2);
            let label = self.one(&[
                "",
                "",
                "",
                " AS x",
                " AS \"Über\"",
                " AS into",
                " AS \"for\"",
                " lbl",
                " AS select",
                " AS pg_sleep",
            ]);
            list.push(expression + &label);
        }
        let grouped = self.chance(15);
        let list = if grouped { "count(*), max(1)".to_owned() } else { list.join(", ") };
        let list = if self.chance(10) && !from.is_empty() && !grouped { "*".to_owned() } else { list };
        let distinct = self.one(&["", "", "", "", "DISTINCT", "ALL"]);
        let mut text = self.spaced(&["SELECT", &distinct, &list, &from]);
        if self.chance(40) {
            let condition = self.expression("boolean", 2);
            text.push_str(&format!(" WHERE {condition}"));
        }
        if grouped && self.chance(50) {
            text.push_str(" HAVING count(*) >= 0");
        }
        if self.chance(20) && !grouped {
            let order = self.one(&["1", "1 DESC NULLS LAST", "random()", "1 USING <", "1 LIMIT 3 OFFSET 0"]);
            return format!("{text} ORDER BY {order}{}", if order.contains("LIMIT") { "" } else { " LIMIT 4" });
        }
        let end = self.one(&[
            " LIMIT 5",
            " LIMIT 5",
            " LIMIT 2 OFFSET 1",
            " FETCH FIRST 3 ROWS ONLY",
            " LIMIT (SELECT 2)",
            "",
        ]);
        text + &end
    }

    fn table(&mut self) -> String {
        let words = self.words;
        self.random.pick(&words.relations).name.clone()
    }

    fn from(&mut self, depth: usize) -> String {
        if self.chance(15) {
            return String::new();
        }
        let first = self.source(depth);
        if self.chance(65) {
            return format!("FROM {first}");
        }
        let second = self.source(0);
        match self.random.below(5) {
            0 => format!("FROM {first}, {second}"),
            1 => format!("FROM {first} CROSS JOIN {second}"),
            2 => {
                let condition = self.expression("boolean", 1);
                format!("FROM {first} LEFT JOIN {second} ON {condition}")
            }
            3 => {
                let inner = self.expression("text", 1);
                let alias = self.alias();
                format!("FROM {first}, LATERAL (SELECT {inner} AS v OFFSET 0) {alias}")
            }
            _ => format!("FROM {first} NATURAL JOIN {second}"),
        }
    }

    fn source(&mut self, depth: usize) -> String {
        let words = self.words;
        let alias = self.alias();
        match self.random.below(12) {
            0..6 => {
                let relation = self.random.pick(&words.relations);
                self.scope
                    .extend(relation.columns.iter().map(|(name, kind)| (format!("{alias}.\"{name}\""), kind.clone())));
                // Two large tables side by side would only wait for the time limit.
                if depth == 0 {
                    return format!("(SELECT * FROM {} LIMIT 9) AS {alias}", relation.name);
                }
                let sample =
                    self.one(&["", "", "", " TABLESAMPLE SYSTEM (1)", " TABLESAMPLE BERNOULLI (5) REPEATABLE (1)"]);
                let only = self.one(&["", "", "", "ONLY "]);
                format!("{only}{} AS {alias}{sample}", relation.name)
            }
            6 => {
                self.scope.push((format!("{alias}.n"), "integer".to_owned()));
                format!("generate_series(1, {}) AS {alias} (n)", self.random.below(9))
            }
            7 => {
                self.scope.push((format!("{alias}.v"), "text".to_owned()));
                format!("unnest(ARRAY['a', 'b']) WITH ORDINALITY AS {alias} (v, o)")
            }
            8 if depth > 0 => {
                let inner = self.query(depth - 1);
                format!("({inner}) AS {alias}")
            }
            9 => {
                self.scope.push((format!("{alias}.a"), "integer".to_owned()));
                format!("(VALUES (1, 'x'), (2, 'y')) AS {alias} (a, b)")
            }
            10 => format!("ROWS FROM (generate_series(1, 3), {}) AS {alias}", self.call_of_any()),
            _ => {
                let odd = [
                    "json_to_recordset('[{\"a\": 1}]') AS {} (a int, b text)",
                    "json_each('{\"a\": 1}') AS {}",
                    "xmltable('/a/b' PASSING '<a><b>1</b></a>' COLUMNS c int PATH '.') AS {}",
                    "regexp_matches('abc', '(b)') AS {}",
                    "tickets.fn_open_by_region() AS {}",
                    "reporting.fn_top_cost_centres(30, 3) AS {}",
                ];
                self.one(&odd).replace("{}", &alias)
            }
        }
    }

    // ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────

    fn expression(&mut self, kind: &str, depth: usize) -> String {
        if self.chance(35) {
            let fitting: Vec<&String> =
                self.scope.iter().filter(|(_, known)| kind == "any" || known == kind).map(|(name, _)| name).collect();
            if !fitting.is_empty() {
                return self.random.pick(&fitting).to_string();
            }
        }
        if depth == 0 {
            return self.constant(kind);
        }
        let mut inner = |kind: &str| self.expression(kind, depth - 1);
        match kind {
            "integer" => {
                let (a, b, c) = (inner("integer"), inner("integer"), inner("text"));
                match self.random.below(7) {
                    0 => format!("({a} # {b})"),
                    1 => format!("length({c})"),
                    2 => format!("CASE WHEN {a} > {b} THEN 1 ELSE 2 END"),
                    3 => format!("coalesce({a}, {b})"),
                    4 => format!("(ARRAY[{a}, {b}])[1]"),
                    5 => "(SELECT count(*)::int FROM tickets.inc AS i)".to_owned(),
                    _ => self.constant(kind),
                }
            }
            "text" => {
                let (a, b, c) = (inner("text"), inner("text"), inner("any"));
                match self.random.below(9) {
                    0 => format!("({a} || {b})"),
                    1 => format!("substring({a} FROM 1 FOR 3)"),
                    2 => format!("CAST({c} AS text)"),
                    3 => format!("({c})::text COLLATE \"C\""),
                    4 => format!("overlay({a} placing {b} from 1 for 2)"),
                    5 => format!("upper({a})"),
                    6 => format!("(row_to_json(ROW({c}, {a}))->>'f1')"),
                    7 => format!("format('%s %L', {a}, {c})"),
                    _ => self.constant(kind),
                }
            }
            "boolean" => {
                let (a, b, c) = (inner("integer"), inner("integer"), inner("text"));
                let of = ["=", "<", "<>", ">=", "IS DISTINCT FROM", "OPERATOR(pg_catalog.=)"];
                match self.random.below(9) {
                    0..4 => format!("{a} {} {b}", self.random.of_list(&of)),
                    4 => format!("{c} LIKE '%a%' ESCAPE '!'"),
                    5 => format!("{a} IN ({b}, 2, 3)"),
                    6 => format!("NOT ({a} BETWEEN 1 AND {b})"),
                    7 => format!("EXISTS (SELECT FROM tracksolid.devices WHERE {a} > 0)"),
                    _ => format!("{c} IS NOT NULL"),
                }
            }
            _ => {
                let (a, b) = (inner("integer"), inner("text"));
                match self.random.below(14) {
                    0 => format!("ROW({a}, {b})"),
                    1 => format!("ARRAY[{a}, 2]"),
                    2 => format!("count(*) OVER (ORDER BY {a})"),
                    3 => "now() - interval '1 day'".to_owned(),
                    4 => format!("jsonb_build_object({b}, {a})"),
                    5 => format!("extract(epoch FROM interval '1 hour') + {a}"),
                    6 => format!("xmlelement(name into, {b})"),
                    7 => format!("({b}, {a}) IS NULL"),
                    8 => format!("ARRAY(SELECT {a})"),
                    9 => "ST_AsText(ST_MakePoint(1, 2))".to_owned(),
                    10 => "DATE '2026-01-01' AT TIME ZONE 'UTC'".to_owned(),
                    11 => format!("current_setting({b}, true)"),
                    12 => "ST_SetSRID(ST_MakePoint(36.8, -1.3), 4326)".to_owned(),
                    _ => self.call_of_any(),
                }
            }
        }
    }

    fn constant(&mut self, kind: &str) -> String {
        match kind {
            "integer" => self.one(&[
                "1",
                "2",
                "42",
                "-7",
                "0",
                "1e1::int",
                "(2.5)::int",
                "'12'::int",
                "B'101'::int",
                "X'1F'::int",
                "int '3'",
            ]),
            "boolean" => self.one(&["true", "false", "NULL::boolean", "'t'::bool"]),
            "text" => {
                let value =
                    self.one(&["x", "it's", "--", "/* no */", "update", ";", "\\", "$$", "é", "(", "pg_sleep(1)"]);
                literal(&mut self.random, &value)
            }
            _ => {
                let words = self.words;
                let kind = self.one(&[
                    "date",
                    "uuid",
                    "jsonb",
                    "bytea",
                    "inet",
                    "interval",
                    "point",
                    "geometry",
                    "int4range",
                    "bit varying",
                ]);
                words.value(&mut self.random, &kind)
            }
        }
    }

    // ── functions ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// A call of a function of the catalog, each in its turn.
    fn calls(&mut self, number: u64) -> String {
        let words = self.words;
        let index = if self.chance(40) {
            *self.random.pick(&words.suspects)
        } else {
            (number.wrapping_mul(0x9E37_79B1) % words.functions.len() as u64) as usize
        };
        let call = self.call(&words.functions[index]);
        match self.random.below(16) {
            0..7 => self.spaced(&["SELECT", &call]),
            7 => format!("SELECT * FROM {call}"),
            8 => format!("SELECT * FROM {call} AS f"),
            9 => format!("SELECT g, {call} FROM generate_series(1, 3) AS g"),
            10 => format!("VALUES (({call}))"),
            11 => format!("WITH a AS MATERIALIZED (SELECT {call}) TABLE a"),
            12 => format!("SELECT 1 FROM tracksolid.devices ORDER BY {call} LIMIT 1"),
            13 => format!("SELECT count(*) FILTER (WHERE ({call}) IS NOT NULL) FROM tickets.geo_clusters"),
            14 => format!("SELECT CASE WHEN ({call}) IS NULL THEN 1 END LIMIT (SELECT 1)"),
            _ => format!(
                "SELECT 1 FROM tickets.geo_clusters AS c JOIN LATERAL (SELECT {call} AS v) AS l ON l.v IS NOT NULL LIMIT 2"
            ),
        }
    }

    fn call_of_any(&mut self) -> String {
        let words = self.words;
        let index =
            if self.chance(10) { *self.random.pick(&words.suspects) } else { self.random.below(words.functions.len()) };
        self.call(&words.functions[index])
    }

    fn call(&mut self, function: &Function) -> String {
        let words = self.words;
        let mut arguments: Vec<String> =
            function.arguments.iter().map(|kind| words.value(&mut self.random, kind)).collect();
        // Known and not stopped by the guard: two thousand million decimals take PostGIS 3.3 half a minute, deaf to the time
        // limit. The function itself is needed.
        if function.name == "st_asgeojson" {
            arguments.iter_mut().for_each(|argument| *argument = argument.replace("2147483647", "15"));
        }
        let mut name = self.spelled(&function.name);
        let public = function.schema == "pg_catalog" || function.schema == "public";
        if !public || self.chance(20) {
            let schema = self.spelled(&function.schema);
            let dot = self.one(&[".", ".", " . ", "./**/"]);
            name = format!("{schema}{dot}{name}");
        }
        match (self.random.below(12), arguments.as_slice()) {
            // The other notation: the function stands where a field would.
            (0, [argument]) => return format!("({argument}).{}", self.spelled(&function.name)),
            (1, [_]) => {
                return format!("(SELECT g.{} FROM generate_series(1, 2) AS g LIMIT 1)", self.spelled(&function.name));
            }
            (2, [argument]) => {
                return format!("(SELECT (x.v).{} FROM (SELECT {argument} AS v) AS x)", self.spelled(&function.name));
            }
            (3, [.., _]) => {
                let last = arguments.pop().unwrap_or_default();
                arguments.push(format!("VARIADIC ARRAY[{last}]"));
            }
            _ => {}
        }
        let gap = if self.chance(25) { self.gap() } else { String::new() };
        let over = if function.window { " OVER ()" } else { "" };
        format!("{name}{gap}({}){over}", arguments.join(", "))
    }

    // ── attacks ──────────────────────────────────────────────────────────────────────────────────────────────────────

    fn statement(&mut self) -> String {
        let table = self.table();
        let statement = self.one(STATEMENTS).replace("{t}", &table);
        match self.random.below(5) {
            0 => format!("SELECT 1; {statement}"),
            1 => format!("{statement}; SELECT 1"),
            2 => format!("({statement})"),
            3 => format!("WITH a AS ({statement}) SELECT 1"),
            _ => statement,
        }
    }

    fn writing(&mut self) -> String {
        let table = self.table();
        let dml = self.one(&[
            "INSERT INTO {t} DEFAULT VALUES",
            "INSERT INTO {t} SELECT * FROM {t}",
            "UPDATE {t} SET ctid = ctid",
            "UPDATE tickets.inc SET comment = 'x'",
            "DELETE FROM {t}",
            "DELETE FROM tickets.inc WHERE true",
            "MERGE INTO tickets.inc i USING tickets.crq c ON false WHEN MATCHED THEN DELETE",
        ]);
        let dml = dml.replace("{t}", &table);
        let shape = self.one(&[
            "WITH a AS ({d} RETURNING *) SELECT * FROM a",
            "WITH a AS ({d} RETURNING 1) TABLE a",
            "WITH a AS (SELECT 1), b AS (({d} RETURNING *)) SELECT 1",
            "WITH a AS (SELECT 1) {d}",
            "WITH a AS (SELECT 1) SEARCH DEPTH FIRST BY x SET y {d}",
            "WITH RECURSIVE a AS (SELECT 1), b(c) AS NOT MATERIALIZED ({d}) (SELECT 1)",
            "SELECT * FROM (WITH a AS ({d} RETURNING *) SELECT * FROM a) x",
            "SELECT ({d} RETURNING 1)",
            "SELECT * FROM ({d} RETURNING *) x",
            "SELECT * INTO fuzz_made FROM {t}",
            "SELECT 1 AS a INTO TEMP fuzz_made",
            "WITH a AS (SELECT 1) SELECT * INTO UNLOGGED fuzz_made FROM a",
            "TABLE {t} FOR UPDATE",
            "SELECT * FROM {t} LIMIT 2 FOR UPDATE",
            "SELECT * FROM tickets.inc i LIMIT 2 FOR NO KEY UPDATE OF i SKIP LOCKED",
            "SELECT * FROM (SELECT * FROM tickets.inc LIMIT 1 FOR SHARE) s",
            "SELECT * FROM tickets.inc FOR/**/KEY -- x\n SHARE NOWAIT",
            "SELECT substring('abc' FROM 1 FOR 2) FROM tickets.inc FOR SHARE",
        ]);
        shape.replace("{d}", &dml).replace("{t}", &table)
    }

    fn break_out(&mut self) -> String {
        let statement = self.one(STATEMENTS).replace("{t}", "tickets.inc");
        let shape = self.one(&[
            "SELECT 1) AS x; {s}; SELECT * FROM (SELECT 1",
            "SELECT 1) AS _r(\"a\") LIMIT 1) AS _q; {s} --",
            "SELECT 1 /*) AS x; {s}",
            "SELECT 1 --\r) AS x; {s}; --",
            "SELECT 1 AS a) AS q, LATERAL (SELECT pg_try_advisory_lock(4711)) AS l --",
            "SELECT 1 UNION ALL SELECT 2) AS _r, (SELECT 1",
            "SELECT $$a$$ $b$ ) $b$ ; {s}",
            "SELECT 'a' 'b') ; {s}",
            "SELECT E'\\') ; {s} --'",
            "SELECT '\\') ; {s} --'",
            "SELECT U&'\\0027) ; {s} --'",
            "SELECT \"a\"\") ; {s} --\" FROM (SELECT 1 AS \"a\"\") ; {s} --\") x",
            "SELECT 1 AS \"x\"\") LIMIT 1; {s} --\"",
            "SELECT $1) ; {s}",
            "SELECT $a$ x $a$b$ ) ; {s} $b$",
            "SELECT 1 /* /* */ ) ; {s} -- */",
            "SELECT 1\\; {s}",
            "SELECT (1 ; {s})",
            "SELECT 1;;; {s}",
            "; SELECT 1",
            "SELECT 1;;",
            "SELECT 1 -- end",
            "SELECT 1 /* end */ ; -- end",
        ]);
        shape.replace("{s}", &statement)
    }

    fn relation_read(&mut self) -> String {
        let relation = self.one(&[
            "pg_stat_activity",
            "pg_locks",
            "pg_authid",
            "pg_shadow",
            "pg_user_mappings",
            "pg_hba_file_rules",
            "pg_largeobject",
            "pg_statistic",
            "pg_prepared_xacts",
            "pg_stat_statements",
            "pg_toast.pg_toast_2619",
            "pg_config",
            "infrastructure.secrets",
            "pg_file_settings",
            "information_schema.foreign_servers",
            "pg_class",
            "pg_stats",
            "pg_settings",
            "pg_proc",
            "information_schema.columns",
            "pg_timezone_names",
            "pg_buffercache",
            "dblink_pkey_results",
            "pg_sequences",
        ]);
        let relation = match relation.split_once('.') {
            Some((schema, name)) => format!("{}.{}", self.spelled(schema), self.spelled(name)),
            None if self.chance(30) => format!("pg_catalog . {}", self.spelled(&relation)),
            None => self.spelled(&relation),
        };
        let shape = self.one(&[
            "SELECT * FROM {r} LIMIT 2",
            "TABLE {r}",
            "SELECT count(*) FROM {r} AS x",
            "SELECT r FROM {r} r LIMIT 1",
            "SELECT {r}.* FROM {r}",
        ]);
        shape.replace("{r}", &relation)
    }

    /// What a reader of texts can trip over.
    fn odd(&mut self) -> String {
        match self.random.below(8) {
            0 => self.one(&["", " ", ";", " ;; ", "-- SELECT 1", "/* */", "\u{feff}", "\u{feff};"]),
            1 => format!("SELECT '{}'", "x".repeat(102_400)),
            2 => "SELECT 1\0; SELECT 2".to_owned(),
            3 => format!("SELECT {}1{}", "(".repeat(2_000), ")".repeat(2_000)),
            4 => format!("SELECT {}1", "- ".repeat(3_000)),
            5 => format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(400)),
            6 => format!("SELECT \"{}\" FROM tickets.inc", "é".repeat(40)),
            _ => format!("{}SELECT 1{}", "/*".repeat(500), "*/".repeat(500)),
        }
    }

    fn seed(&mut self) -> String {
        let words = self.words;
        self.random.pick(&words.seeds).clone()
    }

    // ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The beginning of one text and the end of another.
    fn splice(&mut self) -> String {
        let first = if self.chance(50) { self.seed() } else { self.query(2) };
        let second = if self.chance(50) { self.seed() } else { self.query(1) };
        let (first, second) = (pieces(&first), pieces(&second));
        let (head, tail) = (self.random.below(first.len() + 1), self.random.below(second.len() + 1));
        let glue = self.one(&["", " ", ";", "--", "/*", "\n", ", ", ") ", " UNION ALL ", "("]);
        format!("{}{glue}{}", first[..head].concat(), second[tail..].concat())
    }

    fn mutated(&mut self, text: String) -> String {
        let mut text = text;
        for _ in 0..=self.random.below(3) {
            if self.chance(60) {
                let mut pieces: Vec<String> = pieces(&text).into_iter().map(str::to_owned).collect();
                if pieces.is_empty() {
                    return text;
                }
                let (a, b) = (self.random.below(pieces.len()), self.random.below(pieces.len()));
                match self.random.below(5) {
                    0 => drop(pieces.remove(a)),
                    1 => pieces.insert(a, pieces[b].clone()),
                    2 => pieces.swap(a, b),
                    3 => pieces[a] = self.one(TOKENS),
                    _ => {
                        let token = self.one(TOKENS);
                        pieces.insert(a, token);
                    }
                }
                text = pieces.concat();
            } else {
                let mut bytes = text.into_bytes();
                let at = self.random.below(bytes.len() + 1);
                let byte = *self.random.pick(b"'\"$;()-/*\\.,Ee&Uu0 \n\r\t\x0b\xc3\xa9_x:");
                match self.random.below(3) {
                    0 if at < bytes.len() => drop(bytes.remove(at)),
                    1 if at < bytes.len() => bytes[at] = byte,
                    _ => bytes.insert(at, byte),
                }
                text = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        text
    }

    /// The same text with something harmless around it or in it.
    fn decorated(&mut self, text: String) -> String {
        match self.random.below(7) {
            0 => format!("{text};"),
            1 => format!("/* a */ {text} -- b"),
            2 => format!("\u{feff}{text}"),
            3 => format!("({text})"),
            4 => format!("SELECT * FROM (\n{text}\n) AS w"),
            5 => format!("WITH w AS (\n{text}\n) SELECT * FROM w"),
            _ => {
                let gap = self.gap();
                text.replacen(' ', &gap, 2)
            }
        }
    }
}

/// Words, runs of white space and single other characters.
fn pieces(text: &str) -> Vec<&str> {
    let kind = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 1,
        c if c.is_whitespace() => 2,
        _ => 0,
    };
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        if at > start && (kind(c) == 0 || last != Some(kind(c))) {
            pieces.push(&text[start..at]);
            start = at;
        }
        last = Some(kind(c));
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

const STATEMENTS: &[&str] = &[
    "DROP TABLE {t}",
    "TRUNCATE {t}",
    "DELETE FROM {t}",
    "UPDATE {t} SET x = 1",
    "INSERT INTO {t} VALUES (1)",
    "CREATE TABLE fuzz_made (a int)",
    "CREATE TEMP TABLE fuzz_made AS SELECT 1",
    "ALTER TABLE {t} ADD COLUMN fuzz int",
    "LOCK TABLE {t}",
    "VACUUM {t}",
    "ANALYZE {t}",
    "COPY {t} TO '/tmp/fuzz_made'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SET work_mem = '77kB'",
    "SET ROLE postgres",
    "RESET ALL",
    "DISCARD ALL",
    "SHOW ALL",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SET TRANSACTION READ WRITE",
    "SAVEPOINT a",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "LISTEN fuzz",
    "NOTIFY fuzz",
    "DO $$ BEGIN PERFORM pg_advisory_lock(4711); END $$",
    "CALL pg_sleep(1)",
    "EXPLAIN ANALYZE SELECT 1",
    "REFRESH MATERIALIZED VIEW reporting.v_trips",
    "GRANT ALL ON {t} TO PUBLIC",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "COMMENT ON TABLE {t} IS 'x'",
    "CHECKPOINT",
    "LOAD 'plpgsql'",
    "SECURITY LABEL ON TABLE {t} IS 'x'",
    "CREATE EXTENSION hstore",
    "MERGE INTO {t} USING {t} s ON true WHEN MATCHED THEN DELETE",
    "IMPORT FOREIGN SCHEMA s FROM SERVER x INTO y",
    "FETCH ALL FROM c",
];

const TOKENS: &[&str] = &[
    "(",
    ")",
    ";",
    ",",
    ".",
    "'",
    "\"",
    "$$",
    "--",
    "/*",
    "*/",
    "::",
    "$1",
    "E'",
    "U&\"",
    " AS ",
    " SELECT ",
    " FROM ",
    " WITH ",
    " INTO ",
    " FOR UPDATE ",
    " FOR SHARE",
    " UNION ",
    " DELETE FROM tickets.inc ",
    " pg_sleep(1) ",
    " pg_try_advisory_lock(4711) ",
    ".pg_try_advisory_lock",
    " set_config('work_mem','77kB',false) ",
    " txid_current() ",
    " pg_authid ",
    " lo_unlink(4711) ",
    "\n",
    "\r",
    "''",
    "\"\"",
    "1",
    "1.",
    "x",
    " * ",
    " NULL ",
    " LATERAL ",
    " VALUES ",
    " TABLE ",
    "\u{a0}",
    "é",
    " OVER () ",
    "[1]",
    " :: int ",
    " INSERT ",
];
