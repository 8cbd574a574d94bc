//! What the server does about hidden columns: it refuses a role that can read one, and is kind to whoever runs into one. That the
//! columns stay hidden is the database's doing, and is attacked elsewhere (`hidden_columns.rs`); here they are hidden by plain grants.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command, sync::Arc, time::Instant};

use analytics_mcp::{config::Config, db::Database, hidden_columns::Rules, role_check::RoleCheck};
use serde_json::{Value, json};

use crate::support::{
    client::{Mcp, request},
    cluster::{Cluster, DEMO, PASSWORD, Programs, free_port, output},
    eventually,
    server::{ALICE, BOB, Server, run},
};

const LIST: &str = "
# of the tests
tracksolid.devices.driver_phone   # personal: ask the fleet office
*.*.sim_number = last 4           # costs money in the wrong hands
hr.person.born = year
tracksolid.trips_*.driver_phone   # parts, too
\"hr\".\"Odd.Table\".\"c#d\"
";

/// Two columns of `tracksolid.devices` are hidden, and one of each other table.
const TABLES: &str = "
    CREATE SCHEMA tracksolid; CREATE SCHEMA hr; GRANT USAGE ON SCHEMA tracksolid, hr TO analytics_ro;
    CREATE TABLE tracksolid.devices (device_id bigint PRIMARY KEY, plate text NOT NULL, driver_phone text CHECK (driver_phone <> '0799000000'),
        sim_number text DEFAULT '89254990001', kind text, \"odd name\" int);
    INSERT INTO tracksolid.devices SELECT g, 'KAA ' || g, '0710' || 100000 + g % 5, '8925' || 1000000 + g, (ARRAY['van', 'truck'])[1 + g % 2], g
        FROM generate_series(1, 400) AS g;
    COMMENT ON COLUMN tracksolid.devices.driver_phone IS 'Call before noon.';
    CREATE INDEX ON tracksolid.devices (lower(driver_phone)) WHERE sim_number > '89251000100';
    CREATE VIEW tracksolid.fleet AS SELECT device_id, plate, driver_phone FROM tracksolid.devices;
    CREATE MATERIALIZED VIEW tracksolid.phones AS SELECT kind, max(driver_phone) AS called FROM tracksolid.devices GROUP BY kind, device_id;
    CREATE TABLE tracksolid.trips (day date, driver_phone text, km numeric) PARTITION BY RANGE (day);
    CREATE TABLE tracksolid.trips_2026 PARTITION OF tracksolid.trips FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    INSERT INTO tracksolid.trips SELECT date '2026-01-01' + g % 300, '0710', g FROM generate_series(1, 50000) AS g;
    CREATE TABLE hr.person (id int PRIMARY KEY, nick text, born date); INSERT INTO hr.person SELECT g, 'n' || g, date '1971-01-01' + g FROM generate_series(1, 300) AS g;
    CREATE INDEX ON hr.person (born); CREATE VIEW hr.team AS SELECT id, born FROM hr.person;
    CREATE SCHEMA hidden_columns; CREATE SCHEMA masked; GRANT USAGE ON SCHEMA masked TO analytics_ro;
    CREATE VIEW masked.tracksolid_devices WITH (security_barrier) AS SELECT device_id, plate, right(sim_number, 4) AS sim_number_last_4 FROM tracksolid.devices;
    GRANT SELECT ON masked.tracksolid_devices TO analytics_ro;
    CREATE TABLE hr.\"Odd.Table\" (id int, \"c#d\" text);
    ANALYZE;
    GRANT SELECT (device_id, plate, kind, \"odd name\") ON tracksolid.devices TO analytics_ro;
    GRANT SELECT (day, km) ON tracksolid.trips TO analytics_ro;
    GRANT SELECT (id, nick) ON hr.person TO analytics_ro; GRANT SELECT (id) ON hr.\"Odd.Table\" TO analytics_ro;
    GRANT SELECT ON tracksolid.fleet, tracksolid.phones, hr.team TO analytics_ro;
";

/// A cluster with those tables, and a file that lists what is hidden in them.
struct World {
    cluster: Cluster,
    file: PathBuf,
    settings: Vec<(&'static str, String)>,
}

impl World {
    fn new(name: &str) -> World {
        let cluster = Cluster::new();
        cluster.sql(DEMO, &format!("CREATE ROLE analytics_ro LOGIN PASSWORD '{PASSWORD}'"));
        cluster.sql(DEMO, TABLES);
        let file = std::env::temp_dir().join(format!("analytics-it-hidden-{name}-{}", std::process::id()));
        fs::write(&file, LIST).unwrap();
        let settings = vec![
            ("DATABASE_URL", cluster.dsn("analytics_ro", DEMO)),
            ("MCP_READABLE_SCHEMAS", "tracksolid,hr".to_owned()),
            ("MCP_HIDDEN_COLUMNS_FILE", file.to_str().unwrap().to_owned()),
        ];
        World { cluster, file, settings }
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    fn list(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// A file that one of them takes and the other does not would end the service, or hide nothing.
#[test]
fn the_server_reads_the_list_as_the_script_does() {
    let world = World::new("script");
    let psql = Programs::get().bin.join("psql");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/hide_columns.sql");
    let variables = ["-v", "rules=YS5iLmM=", "-v", "apply=on"]; // an empty list would remove it
    world.cluster.sql(DEMO, "DROP SCHEMA masked, hidden_columns CASCADE");
    output(
        Command::new(psql)
            .args(["-X", "-q", "-d", &world.cluster.dsn("postgres", DEMO)])
            .args(variables)
            .args(["-f", script]),
    );
    let mut admin = world.cluster.admin(DEMO);
    let long = format!("a.b.c # {}", "é".repeat(400));
    for text in [
        LIST,
        "",
        "\n \t\r\n#\n  # x",
        "\u{feff}a.b.c",
        "\u{feff}# x\r\na.b.c\r\n",
        "a.b.c",
        " a.b.c\t",
        "a.b.c=last 9#x # y",
        "a.b.c  =  year",
        "a.b.c = hash # x",
        "*_l%g\\.v*.**",
        r#""odd Schema"."a.b"."c#d" # x"#,
        r#""a""b"."*"."=%_\" = year"#,
        r#""a"""."b"."c""#,
        "größe.b.c#",
        "A.b.C",
        "a.b.c # personal: \"x\"",
        &long,
        // Wrong.
        "a.b",
        "a.b.c.d",
        "a..c",
        "a.b.",
        "a.b.c d",
        "a.b.\"c",
        "a.b.\"\"",
        "a.b.c\"d\"",
        "a.b.c =",
        "a.b.c = last 0",
        "a.b.c = last 10",
        "a.b.c = YEAR",
        "a.b.c = last  4",
        "a . b . c",
        "= year",
        "a.b.c = year hash",
        "x\n\u{feff}a.b.c",
    ] {
        world.list(text);
        let server =
            Rules::load(world.file.to_str().unwrap()).map(|rules| serde_json::from_str::<Value>(rules.json()).unwrap());
        let script = admin.query_one("SELECT hidden_columns.read($1)", &[&text]);
        let script = script.map(|row| serde_json::from_str::<Value>(row.get(0)).unwrap());
        match (server, script) {
            (Ok(server), Ok(script)) => assert_eq!(server, script, "{text:?}"),
            (Err(server), Err(script)) => {
                let line = script.as_db_error().unwrap().message().split(" of the list").next().unwrap().to_owned();
                assert!(server.to_string().contains(&format!("{line}: ")), "{text:?}: {server}; {script}");
            }
            (server, script) => panic!("{text:?}: {server:?}; {script:?}"),
        }
    }
}

fn gauge(server: &Server) -> f64 {
    let auth = format!("Bearer {ALICE}");
    let text = request(server.port, "GET", "/metrics", &[("Authorization", &auth)], b"").text();
    let line = text.lines().find_map(|line| line.strip_prefix("analytics_mcp_hidden_columns "));
    line.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

fn check_json(settings: &[(&str, &str)]) -> (Value, Option<i32>) {
    let run = run(&["check", "--json"], settings);
    (serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.told())), run.code)
}

fn point(verdict: &Value) -> &Value {
    let points = verdict["points"].as_array().unwrap_or_else(|| panic!("{verdict}"));
    points.iter().find(|point| point["point"] == "db-hidden-columns").unwrap_or_else(|| panic!("{verdict}"))
}

#[test]
fn a_file_that_cannot_be_used_or_a_column_that_can_be_read_stops_the_start_by_name() {
    let world = World::new("start");
    let file = world.file.to_str().unwrap();
    let no_database = format!("postgresql://a:throw-away@127.0.0.1:{}/d", free_port());
    for (text, parts) in [
        (
            "\n\ntracksolid.driver_phone # two parts\n",
            ["line 3", "\"tracksolid.driver_phone # two parts\"", "schema.table.column"],
        ),
        ("a.b.c = last 0", ["line 1", "does not name a column", "= last 4"]),
        ("a.b.c\u{a0}# x", ["line 1", "invisible character", "\\u{a0}"]),
    ] {
        world.list(text);
        let mut settings = world.settings();
        settings[0].1 = &no_database;
        for arguments in [&[][..], &["check"]] {
            let run = run(arguments, &settings);
            assert_eq!(run.code, Some(78), "{}", run.told());
            for part in ["MCP_HIDDEN_COLUMNS_FILE", file].into_iter().chain(parts) {
                assert!(run.stderr.contains(part), "{part:?} is not in {}", run.told());
            }
        }
        let (verdict, code) = check_json(&settings);
        assert_eq!((&verdict["suitable"], code), (&json!(false), Some(78)), "{verdict}");
        assert!(verdict["error"].as_str().unwrap().contains(file), "{verdict}");
    }
    // `plate` can be read, and so can the view that shows the number.
    world.list("tracksolid.devices.plate\n*.fleet.driver_phone\n*.devices.driver_phone");
    for arguments in [&[][..], &["check"]] {
        let run = run(arguments, &world.settings());
        assert_eq!(run.code, Some(78), "{}", run.told());
        for part in ["tracksolid.devices.plate", "tracksolid.fleet.driver_phone", "Fix: "] {
            assert!(run.stderr.contains(part), "{part:?} is not in {}", run.told());
        }
    }
    let (verdict, _) = check_json(&world.settings());
    let findings = verdict["findings"].as_array().unwrap();
    let refused = findings.iter().take_while(|finding| finding["refuse"] == true).count();
    assert_eq!((&verdict["suitable"], refused), (&json!(false), 2), "of the third column it cannot read {verdict}");
    assert!(findings[refused..].iter().all(|finding| finding["refuse"] == false), "the worst first: {verdict}");

    fs::remove_file(&world.file).unwrap();
    let run = run(&[], &world.settings());
    assert!(run.code == Some(78) && run.stderr.contains("cannot read") && run.stderr.contains(file), "{}", run.told());
}

#[test]
fn check_reads_each_hidden_column_and_the_metrics_count_them() {
    let world = World::new("check");
    let (verdict, code) = check_json(&world.settings());
    assert_eq!((&verdict["suitable"], code), (&json!(true), Some(0)), "{verdict}");
    let point = point(&verdict);
    assert_eq!(point["ok"], true, "{verdict}");
    // Of devices two; of trips, its part, person and the odd table one each.
    assert!(point["note"].as_str().unwrap().contains("tried 6 hidden columns"), "{point}");
    assert_eq!(gauge(&Server::start(&world.settings())), 6.0);
    let for_people = run(&["check"], &world.settings());
    assert!(for_people.stdout.contains("\nhidden columns: 6\n"), "{}", for_people.told());

    let without: Vec<_> = world.settings().into_iter().take(2).collect();
    let (verdict, _) = check_json(&without);
    let point = self::point(&verdict);
    assert_eq!(
        (&point["ok"], &point["note"]),
        (&json!(true), &json!("MCP_HIDDEN_COLUMNS_FILE is not set")),
        "{verdict}"
    );
    assert_eq!(gauge(&Server::start(&without)), 0.0);

    world.list("tracksolid.devices.no_such_column");
    let (verdict, code) = check_json(&world.settings());
    assert_eq!(
        (&verdict["suitable"], code),
        (&json!(true), Some(0)),
        "a line that matches nothing is a warning: {verdict}"
    );
    assert!(verdict["findings"].to_string().contains("tracksolid.devices.no_such_column"), "{verdict}");
}

/// The verdict on a suitable role holds for 10 minutes, so the server is made to look by a database that was down.
#[test]
fn a_file_that_is_gone_or_wrong_stops_the_queries_and_what_is_fixed_is_seen_without_a_restart() {
    let world = World::new("changed");
    world.cluster.stop("fast");
    let server = Server::start(&world.settings());
    server.wait_for_log("starting without the database");
    fs::remove_file(&world.file).unwrap();
    world.cluster.start();
    let alice = server.alice();
    let sql = "SELECT count(*) FROM tracksolid.devices";
    let unfit = eventually("the database is found", || {
        let answer = alice.query(sql);
        (answer.is_error && answer.code() != "DATABASE_UNAVAILABLE").then(|| answer.error())
    });
    assert_eq!(unfit["code"], "ROLE_UNFIT", "{unfit}");
    assert!(!unfit.to_string().contains("analytics-it-hidden"), "an analyst does not learn where files are: {unfit}");
    assert_eq!(alice.call("list_tables", json!({ "schema": "hr" })).code(), "ROLE_UNFIT");
    server.wait_for_log("refusing to query: MCP_HIDDEN_COLUMNS_FILE: cannot read");
    assert_eq!(request(server.port, "GET", "/readyz", &[], b"").status, 503);

    world.list("*.devices.driver_phone\nwrong");
    eventually("the wrong line is named", || {
        assert_eq!(alice.query(sql).code(), "ROLE_UNFIT");
        server.stderr().contains("line 2: \"wrong\"").then_some(())
    });
    world.list("*.devices.driver_phone\n*.devices.plate");
    eventually("the column that can be read is named", || {
        assert_eq!(alice.query(sql).code(), "ROLE_UNFIT");
        server.stderr().contains("tracksolid.devices.plate").then_some(())
    });
    world.cluster.sql(DEMO, "REVOKE SELECT (plate) ON tracksolid.devices FROM analytics_ro");
    let answer = eventually("the role is found suitable", || Some(alice.query(sql)).filter(|answer| !answer.is_error));
    assert_eq!(answer.rows(), [json!({ "count": 400 })]);
    assert_eq!(gauge(&server), 2.0);
}

#[test]
fn each_look_at_the_role_reads_the_file_anew() {
    let world = World::new("anew");
    let pairs = world.settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let config = Config::from_pairs(pairs.chain([("MCP_AUTH_TOKENS".to_owned(), format!("bob:{BOB}"))])).unwrap();
    let database = Database::new(&config).unwrap();
    let role_check = RoleCheck::new(config.readable_schemas.clone(), config.hidden_columns_file.clone());
    let look = || {
        let look = role_check.look(&database, &Arc::default(), Instant::now()).unwrap();
        let refused = look.findings.iter().filter(|finding| finding.refuse).map(|finding| finding.what.clone());
        (look.hidden.0.len(), refused.collect::<Vec<String>>())
    };
    assert_eq!(look(), (6, vec![]));
    world.list("tracksolid.devices.driver_phone");
    assert_eq!(look(), (1, vec![]));
    fs::remove_file(&world.file).unwrap();
    let (count, refused) = look();
    assert!(count == 0 && refused.len() == 1 && refused[0].contains("cannot read"), "{refused:?}");
    world.list(LIST);
    assert_eq!(look(), (6, vec![]));
    // Whoever uncovers a column ends the service at the next look.
    world.cluster.sql(DEMO, "GRANT SELECT ON tracksolid.devices TO PUBLIC");
    let (_, refused) = look();
    assert!(refused.iter().any(|what| what.contains("driver_phone")), "{refused:?}");
}

/// Nothing of what the hidden columns hold, nor of the comment on one.
#[track_caller]
fn says_no_value(text: &str) {
    for value in ["0710", "0799", "8925", "1971", "Call before"] {
        assert!(!text.contains(value), "{value} is in {text}");
    }
}

fn described(alice: &Mcp, schema: &str, table: &str) -> String {
    let answer = alice.call("describe_table", json!({ "schema": schema, "table": table, "definition": true }));
    says_no_value(answer.text());
    answer.text().to_owned()
}

#[test]
fn the_tools_say_which_columns_are_hidden_and_why_and_show_nothing_of_them() {
    let world = World::new("tools");
    let server = Server::start(&world.settings());
    let alice = server.alice();
    let devices = described(&alice, "tracksolid", "devices");
    for line in [
        "Columns are hidden here, so SELECT * is refused: name those that you read.",
        "driver_phone text: hidden. personal: ask the fleet office.",
        "sim_number text: hidden. costs money in the wrong hands. Instead: masked.tracksolid_devices.sim_number_last_4.",
        "kind text: values ",
    ] {
        assert_eq!(devices.lines().filter(|known| known.starts_with(line)).count(), 1, "{line:?} once: {devices}");
    }
    assert!(described(&alice, "hr", "person").contains("\nborn date: hidden.\n"));
    assert!(described(&alice, "hr", "Odd.Table").contains("\nc#d text: hidden."));
    // What shows a column with its owner's rights does not show what is known of the values.
    for (schema, view) in [("tracksolid", "fleet"), ("tracksolid", "phones"), ("hr", "team"), ("tracksolid", "trips")] {
        described(&alice, schema, view);
    }
    let phones = described(&alice, "tracksolid", "phones");
    assert!(phones.contains("kind text: values ") && phones.contains("\ncalled text"), "{phones}");
    for _ in 0..2 {
        for schema in ["tracksolid", "hr"] {
            says_no_value(alice.call("list_tables", json!({ "schema": schema })).text());
        }
    }
    let listed = alice.call("list_tables", json!({ "schema": "tracksolid" }));
    assert!(listed.line("devices: ").contains("6 columns (2 hidden), about 400 rows"), "{listed:?}");
    assert!(listed.line("fleet: ").contains("view, 3 columns"), "{listed:?}");

    assert!(
        alice.call("list_schemas", json!({})).text().contains("\nmasked: 1 view."),
        "parts of hidden columns are found"
    );
    let initialized = alice.legacy("initialize", json!({ "protocolVersion": "2025-11-25" })).json();
    assert!(!initialized["result"]["instructions"].as_str().unwrap().contains("masked"), "{initialized}");
    assert!(described(&alice, "masked", "tracksolid_devices").contains("\nsim_number_last_4 text"));
    let found = alice.call("search", json!({ "words": "driver phone" }));
    assert!(found.text().contains("tracksolid.devices.driver_phone text"), "{found:?}");
    let found = alice.call("search", json!({ "words": "personal office" }));
    assert_eq!(
        found.line("column tracksolid.devices.driver_phone"),
        "column tracksolid.devices.driver_phone text: hidden. personal: ask the fleet office."
    );
    let found = alice.call("search", json!({ "words": "noon" }));
    assert!(!found.text().contains("driver_phone"), "not by its comment: {found:?}");
}

#[test]
fn a_sample_has_the_columns_that_can_be_read() {
    let world = World::new("sample");
    let server = Server::start(&world.settings());
    for (table, header, rows) in [
        ("devices", "device_id,plate,kind,odd name", 5),
        ("trips", "day,km", 5),
        ("fleet", "device_id,plate,driver_phone", 5),
    ] {
        let sample = server.alice().call("sample_table", json!({ "schema": "tracksolid", "table": table }));
        assert!(!sample.is_error, "{sample:?}");
        let lines: Vec<&str> = sample.text().lines().filter(|line| line.contains(',')).collect();
        assert_eq!((lines[0], lines.len()), (header, rows + 1), "{sample:?}");
    }
    server.audit("of the large table places are drawn", |line| {
        line["sql"].as_str().is_some_and(|sql| sql.contains("day, km FROM") && sql.contains("TABLESAMPLE"))
    });
    // Without the file, too: what the role can read decides.
    let without: Vec<_> = world.settings().into_iter().take(2).collect();
    let sample = Server::start(&without).alice().call("sample_table", json!({ "schema": "hr", "table": "person" }));
    assert!(sample.text().contains("id,nick\n"), "{sample:?}");
}

#[test]
fn an_error_says_what_to_write_in_place_of_what_is_hidden() {
    let world = World::new("errors");
    world.cluster.sql(
        DEMO,
        "CREATE VIEW tracksolid.as_caller WITH (security_invoker) AS SELECT plate, driver_phone FROM tracksolid.devices;
         GRANT SELECT ON tracksolid.as_caller TO analytics_ro;
         CREATE FUNCTION tracksolid.phones() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(driver_phone) FROM tracksolid.devices'",
    );
    let server = Server::start(&world.settings());
    let alice = server.alice();
    let columns = "columns of tracksolid.devices: device_id, plate, kind, \"odd name\"";
    let why = "driver_phone is hidden. personal: ask the fleet office.";
    let star = "in place of *";
    let mut missed = Vec::new();
    for (sql, parts, silent) in [
        ("SELECT * FROM tracksolid.devices", &[columns, star][..], true),
        ("TABLE tracksolid.devices", &[columns, star], true),
        ("SELECT d.* FROM tracksolid.devices AS d", &[columns, star], true),
        ("SELECT count(d) FROM tracksolid.devices AS d", &[columns, star], true),
        ("SELECT to_jsonb(d) FROM tracksolid.devices AS d", &[columns, star], true),
        (
            "SELECT plate, q.* FROM hr.person, LATERAL (SELECT * FROM tracksolid.devices) AS q",
            &[columns, "columns of hr.person: id, nick"],
            true,
        ),
        ("EXPLAIN SELECT * FROM tracksolid.devices", &[columns, star], true),
        ("SELECT driver_phone FROM tracksolid.devices", &[why, columns], false),
        ("SELECT plate FROM tracksolid.devices WHERE driver_phone LIKE '07%'", &[why, columns], false),
        ("SELECT plate FROM tracksolid.devices ORDER BY \"driver_phone\"", &[why, columns], false),
        ("EXPLAIN SELECT Driver_Phone FROM tracksolid.devices", &[why, columns], false),
        ("SELECT x FROM (SELECT d.driver_phone AS x FROM tracksolid.devices d) AS q", &[why, columns], false),
        (
            "SELECT sim_number, driver_phone FROM tracksolid.devices",
            &[
                why,
                "sim_number is hidden. costs money in the wrong hands. Instead: masked.tracksolid_devices.sim_number_last_4.",
            ],
            false,
        ),
        ("SELECT born FROM hr.person", &["born is hidden. Some columns", "columns of hr.person: id, nick"], false),
        (
            "SELECT driver_phone FROM tracksolid.trips_2026",
            &["driver_phone is hidden. parts, too.", "if it is a part"],
            false,
        ),
        ("SELECT km FROM tracksolid.trips_2026", &["Nothing of trips_2026 can be read", "if it is a part"], true),
        ("SELECT a.driver_phone FROM tracksolid.devices a, tracksolid.devices b", &[why, columns], false),
        ("SELECT plate FROM tracksolid.as_caller", &["reads devices with the rights of this role"], true),
        ("SELECT tracksolid.phones()", &["reads devices with the rights of this role"], true),
    ] {
        let answer = alice.query(sql);
        let error = answer.error();
        let hint = error["hint"].as_str().unwrap_or_default();
        let names = ["driver_phone", "sim_number"].iter().any(|name| answer.texts[0].contains(name));
        if error["sqlstate"] != "42501" || !parts.iter().all(|part| hint.contains(part)) || silent && names {
            missed.push(format!("{sql}\n    {parts:?}: {error}"));
        }
        says_no_value(&answer.texts[0]);
        assert!(answer.texts[0].len() < 2_000, "{sql}: {} bytes", answer.texts[0].len());
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    // What an error proposes works.
    let instead = alice.query("SELECT sim_number_last_4 FROM masked.tracksolid_devices WHERE device_id = 7");
    assert_eq!(instead.rows(), [json!({ "sim_number_last_4": "0007" })]);
    let answer = alice.query("SELECT device_id, plate, kind, \"odd name\" FROM tracksolid.devices LIMIT 1");
    assert!(!answer.is_error, "{answer:?}");
}

/// How far the data reach does not show the ends of a column that is hidden, here or behind a view.
#[test]
fn an_empty_answer_shows_no_end_of_a_hidden_column() {
    let world = World::new("reach");
    world.cluster.sql(DEMO, "CREATE INDEX ON tracksolid.trips (day)");
    let server = Server::start(&world.settings());
    let mut seen = BTreeMap::new();
    for _ in 0..3 {
        for (sql, table) in [
            ("SELECT id FROM hr.person WHERE id < 0", "person"),
            ("SELECT id FROM hr.team WHERE id < 0", "team"),
            ("SELECT km FROM tracksolid.trips WHERE km < 0", "trips"),
        ] {
            let answer = server.alice().query(sql);
            says_no_value(&answer.texts.concat());
            seen.insert(table, answer.texts.concat());
        }
    }
    assert!(seen["trips"].contains("\"row_count\":0") && seen["trips"].contains("2026-"), "{seen:?}");
}
