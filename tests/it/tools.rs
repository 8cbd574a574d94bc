//! The tools against the demo fleet.

use serde_json::{Value, json};

use crate::support::{
    client::Mcp,
    cluster::{Cluster, DEMO},
    server::Server,
};

#[test]
fn every_object_of_the_guide_is_listed() {
    let server = Server::start(&[]);
    let alice = server.alice();
    let schemas = alice.call("list_schemas", json!({}));
    schemas.line("Now: 2");
    schemas.line("Definitions are in analytics_meta: ");
    for (schema, counts) in [
        ("reporting", "2 tables, 2 views, 1 materialized view, 5 functions"),
        ("tracksolid", "3 tables"),
        ("tickets", "6 tables, 1 view, 7 functions"),
        ("fuel", "2 tables, 7 functions"),
    ] {
        let line = schemas.line(&format!("{schema}: {counts}. "));
        assert!(line.len() > 80, "the comment is missing: {line}");
    }
    for (schema, objects) in [
        (
            "reporting",
            &[
                ("v_daily_summary", "view"),
                ("v_trips", "materialized view"),
                ("v_monthly_cost_centre", "view"),
                ("refresh_log", "table"),
            ][..],
        ),
        ("tracksolid", &[("devices", "table"), ("positions", "table"), ("events", "table")]),
        (
            "tickets",
            &[
                ("inc", "table"),
                ("crq", "table"),
                ("closure_events", "table"),
                ("inc_daily_snapshot", "table"),
                ("geo_clusters", "table"),
                ("geo_locations", "table"),
                ("inc_open_sla", "view"),
            ],
        ),
        ("fuel", &[("records", "table"), ("ingest_state", "table")]),
    ] {
        let tables = alice.call("list_tables", json!({ "schema": schema }));
        for (name, kind) in objects {
            let line = tables.line(&format!("{name}: {kind}, "));
            assert!(line.contains(" columns") && line.contains(". "), "columns or comment are missing: {line}");
        }
    }
    for (schema, count) in [("reporting", 5), ("tickets", 7), ("fuel", 7)] {
        let functions = alice.call("list_functions", json!({ "schema": schema }));
        let lines: Vec<&str> = functions.text().lines().filter(|line| line.starts_with("fn_")).collect();
        assert_eq!(lines.len(), count, "{schema}: {lines:?}");
        for line in lines {
            assert!(line.contains(") returns ") && !line.contains("It has no comment"), "{line}");
        }
    }
    assert_eq!(
        alice.call("list_functions", json!({})).texts,
        alice.call("list_functions", json!({ "schema": "reporting" })).texts,
        "reporting is the default"
    );
}

#[test]
fn a_functions_sql_is_shown_on_request() {
    let server = Server::start(&[]);
    let show = |function: &str| {
        server.alice().call("list_functions", json!({ "schema": "fuel", "function": function })).text().to_owned()
    };
    let price = show("fn_price");
    assert!(
        price.contains("CREATE OR REPLACE FUNCTION fuel.fn_price") && price.contains("FROM fuel.records"),
        "{price}"
    );
    assert!(!price.contains("fn_litres"), "{price}");
    assert!(show("fn_pric").contains("no such function"));
    assert!(!server.alice().call("list_functions", json!({ "schema": "fuel" })).text().contains("CREATE OR REPLACE"));
}

#[test]
fn a_list_can_be_narrowed_by_name_and_by_comment() {
    let server = Server::start(&[]);
    let found = |search: &str| {
        let answer = server.alice().call("list_tables", json!({ "schema": "tickets", "search": search }));
        let lines =
            answer.text().lines().filter_map(|line| line.split_once(": table, ").map(|(name, _)| name.to_owned()));
        lines.collect::<Vec<String>>()
    };
    assert_eq!(found("GEO_"), ["geo_clusters", "geo_locations"]);
    assert!(found("change request").contains(&"crq".to_owned()), "by comment");
    assert_eq!(found("%"), Vec::<String>::new(), "a pattern's signs are plain characters");
    let nothing = server.alice().call("list_tables", json!({ "schema": "tickets", "search": "zebra" }));
    assert!(nothing.text().contains("Nothing here has this"), "{nothing:?}");
}

#[test]
fn describe_table_is_the_data_dictionary() {
    let server = Server::start(&[]);
    let describe =
        |schema: &str, table: &str| server.alice().call("describe_table", json!({ "schema": schema, "table": table }));
    let inc = describe("tickets", "inc");
    for column in [
        "ticket_id bigint",
        "bucket text",
        "raw_status text",
        "normalized_status text",
        "sla_status text",
        "region text",
        "cluster text -> tickets.geo_clusters.cluster",
        "owner text",
        "mttr interval",
        "opened_at timestamptz",
        "closed_at timestamptz",
        "latitude double precision",
        "longitude double precision",
        "geog geography(Point,4326)",
        "comment text",
        "raw text",
    ] {
        inc.line(column);
    }
    assert!(inc.line("mttr ").contains("interval, closed_at - opened_at"));
    assert!(inc.line("tickets.inc: table, about 60").contains("INC"));
    assert!(inc.text().contains("primary key (ticket_id)") && inc.text().contains("unique (reference)"));
    assert!(inc.line("indexes: ").contains("btree (opened_at)"));
    assert!(inc.line("referenced by ").contains("tickets.closure_events.ticket_id"));

    let trips = describe("reporting", "v_trips");
    trips.line("reporting.v_trips: materialized view, ");
    assert!(!trips.text().contains("lag("), "the definition was not asked for: {trips:?}");
    let whole =
        server.alice().call("describe_table", json!({ "schema": "reporting", "table": "v_trips", "definition": true }));
    assert!(whole.text().contains("lag(") && whole.text().contains("tracksolid.positions"), "{whole:?}");
    let positions = describe("tracksolid", "positions");
    assert!(positions.line("ignition ").contains("on, off or unknown"));
}

#[test]
fn what_is_not_for_analysts_never_shows() {
    let server = Server::start(&[]);
    let alice = server.alice();
    let mut told = String::new();
    told.push_str(&alice.call("list_schemas", json!({})).texts.concat());
    for schema in ["reporting", "tracksolid", "tickets", "fuel"] {
        for tool in ["list_tables", "list_functions"] {
            told.push_str(&alice.call(tool, json!({ "schema": schema })).texts.concat());
        }
    }
    for hidden in ["infrastructure", "fn_secret", "demo-value", "spatial_ref_sys"] {
        assert!(!told.contains(hidden), "{hidden} shows");
    }
    for (tool, arguments) in [
        ("list_tables", json!({ "schema": "infrastructure" })),
        ("list_functions", json!({ "schema": "infrastructure" })),
        ("describe_table", json!({ "schema": "infrastructure", "table": "secrets" })),
        ("sample_table", json!({ "schema": "infrastructure", "table": "secrets" })),
        ("sample_table", json!({ "schema": "pg_catalog", "table": "pg_authid" })),
        ("describe_table", json!({ "schema": "pg_catalog", "table": "pg_class" })),
    ] {
        let answer = alice.call(tool, arguments.clone());
        assert_eq!(answer.code(), "ARGUMENT", "{tool} {arguments}: {:?}", answer.texts);
    }
    for sql in [
        "SELECT * FROM infrastructure.secrets",
        "SELECT infrastructure.fn_secret('billing_db')",
        "TABLE infrastructure.secrets",
    ] {
        let error = alice.query(sql).error();
        assert_eq!(error["sqlstate"], "42501", "{sql}: {error}");
        assert!(!error.to_string().contains("demo-value"), "{error}");
    }
    let error = alice.query("SELECT * FROM secrets").error();
    assert!(!error["did_you_mean"].to_string().contains("infrastructure"), "{error}");
}

#[track_caller]
fn wrong(alice: &Mcp, tool: &str, arguments: Value, parts: &[&str]) {
    let error = alice.call(tool, arguments.clone()).error();
    assert_eq!(error["code"], "ARGUMENT", "{tool} {arguments}: {error}");
    for part in parts {
        assert!(error["message"].as_str().unwrap().contains(part), "{tool} {arguments}: {part:?} is not in {error}");
    }
}

#[test]
fn a_wrong_argument_is_named_with_what_is_allowed() {
    let server = Server::start(&[("MCP_MAX_ROWS", "5000")]);
    let alice = server.alice();
    let alice = &alice;
    wrong(alice, "list_schemas", json!({ "schema": "tickets" }), &["\"schema\"", "takes no arguments"]);
    wrong(alice, "list_tables", json!({}), &["\"schema\"", "required", "reporting, tracksolid, tickets, fuel"]);
    wrong(alice, "list_tables", json!({ "schema": "ticket" }), &["\"schema\"", "must be one of", "tickets"]);
    wrong(alice, "list_tables", json!({ "schema": 1 }), &["\"schema\"", "must be one of"]);
    wrong(alice, "list_tables", json!({ "schema": "tickets", "search": "x".repeat(101) }), &["\"search\"", "100"]);
    wrong(alice, "describe_table", json!({ "schema": "tickets" }), &["\"table\"", "required"]);
    wrong(alice, "describe_table", json!({ "schema": "tickets", "table": "" }), &["\"table\"", "empty"]);
    wrong(alice, "describe_table", json!({ "schema": "tickets", "table": ["inc"] }), &["\"table\"", "string"]);
    wrong(alice, "sample_table", json!({ "schema": "tickets", "table": "inc", "n": 0 }), &["\"n\"", "from 1 to 5000"]);
    wrong(
        alice,
        "sample_table",
        json!({ "schema": "tickets", "table": "inc", "n": 5001 }),
        &["\"n\"", "from 1 to 5000"],
    );
    wrong(
        alice,
        "sample_table",
        json!({ "schema": "tickets", "table": "inc", "limit": 5 }),
        &["\"limit\"", "schema, table, n"],
    );
    wrong(alice, "query", json!({}), &["\"sql\"", "required"]);
    wrong(alice, "query", json!({ "sql": 1 }), &["\"sql\"", "string"]);
    wrong(alice, "query", json!({ "sql": "  " }), &["\"sql\"", "empty"]);
    wrong(alice, "query", json!({ "sql": "SELECT 1", "max_rows": "10" }), &["\"max_rows\"", "from 1 to 5000"]);
    wrong(alice, "query", json!({ "sql": "SELECT 1", "max_rows": 1.5 }), &["\"max_rows\"", "whole number"]);
    wrong(alice, "query", json!({ "sql": "SELECT 1", "max_rows": -1 }), &["\"max_rows\""]);
    wrong(alice, "query", json!({ "sql": "SELECT 1", "format": "xml" }), &["\"format\"", "json, csv"]);
    wrong(
        alice,
        "query",
        json!({ "sql": "SELECT 1", "query": "SELECT 2" }),
        &["\"query\"", "takes only: sql, max_rows, format"],
    );
    // Models write 20.0 and null.
    assert!(!alice.call("query", json!({ "sql": "SELECT 1", "max_rows": 20.0, "format": null })).is_error);
}

#[test]
fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
    let server = Server::start(&[]);
    let alice = server.alice();
    for (sql, close) in [
        ("SELECT * FROM tickets.incs", "tickets.inc"),
        ("SELECT * FROM v_daily_sumary", "reporting.v_daily_summary"),
        ("SELECT count(*) FROM reporting.devices", "tracksolid.devices"),
    ] {
        let error = alice.query(sql).error();
        assert_eq!((&error["code"], &error["sqlstate"]), (&json!("SQL_ERROR"), &json!("42P01")), "{error}");
        let close_names = error["did_you_mean"].as_array().unwrap_or_else(|| panic!("{error}"));
        assert!(close_names.iter().any(|name| name == close), "{sql}: {error}");
        assert!(error["hint"].is_string() && error["position"]["character"].is_u64(), "{error}");
    }
    for tool in ["describe_table", "sample_table"] {
        let error = alice.call(tool, json!({ "schema": "tickets", "table": "geo_cluster" })).error();
        assert_eq!(
            (&error["code"], &error["did_you_mean"][0]),
            (&json!("NOT_FOUND"), &json!("tickets.geo_clusters")),
            "{error}"
        );
    }
    let odd = alice.call("sample_table", json!({ "schema": "tickets", "table": "inc\"; DROP TABLE x; --" })).error();
    assert_eq!(odd["code"], "NOT_FOUND", "{odd}");
}

#[test]
fn an_error_points_into_the_analysts_own_text() {
    let server = Server::start(&[]);
    let alice = server.alice();
    // The audit log keeps only the beginning of a refused text; the place is still that in the whole of it.
    let long = format!("/* {} */\n", "é\n".repeat(5_000));
    for (sql, code, near) in [
        ("EXPLAIN SELECT 'é', wrong_column\nFROM tickets.inc", "42703", "wrong_column"),
        ("SELECT 'é', wrong_column\nFROM tickets.inc", "42703", "wrong_column"),
        ("SELECT 1\n  FROM tickets.inc\n WHERE no_function(1)", "42883", "no_function"),
        ("SELECT count(* FROM tickets.inc)", "42601", "FROM"),
        ("SELECT comment + 1 FROM tickets.inc", "42883", "+ 1"),
        ("SELECT 'é',\n pg_sleep(1)", "GUARD_FUNCTION", "pg_sleep"),
    ] {
        for sql in [sql.to_owned(), format!("{long}{sql}")] {
            let error = alice.query(&sql).error();
            assert!(error["sqlstate"] == code || error["code"] == code, "{error}");
            let place = &error["position"];
            assert!(place["near"].as_str().is_some_and(|text| text.starts_with(near)), "{error}");
            let before = &sql[..sql.find(near).unwrap()];
            let (line, column) =
                (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap().chars().count() + 1);
            assert_eq!(
                (&place["character"], &place["line"], &place["column"]),
                (&json!(before.chars().count() + 1), &json!(line), &json!(column)),
                "{error}"
            );
        }
    }
    // An error while it runs has no position, but message and code.
    let error = alice.query("SELECT 1 / (ticket_id - ticket_id) FROM tickets.inc").error();
    assert_eq!((&error["sqlstate"], &error["message"]), (&json!("22012"), &json!("division by zero")), "{error}");
    let error = alice.query("SELECT plat FROM tracksolid.devices").error();
    assert!(error["hint"].as_str().unwrap().contains("plate"), "PostgreSQL's own hint: {error}");
}

#[test]
fn sample_table_returns_as_many_rows_as_asked() {
    let server = Server::start(&[]);
    let sample = |arguments: Value| server.alice().call("sample_table", arguments).text().lines().count() - 1;
    assert_eq!(sample(json!({ "schema": "tickets", "table": "inc" })), 5);
    assert_eq!(sample(json!({ "schema": "tickets", "table": "inc", "n": 3 })), 3);
    assert_eq!(sample(json!({ "schema": "reporting", "table": "v_trips", "n": 1 })), 1);
    assert_eq!(
        sample(json!({ "schema": "fuel", "table": "ingest_state", "n": 50 })),
        Cluster::shared().count(DEMO, "SELECT count(*) FROM fuel.ingest_state") as usize
    );
}

#[test]
fn a_sample_is_of_several_vehicles_and_days_and_cuts_what_is_long() {
    let server = Server::start(&[]);
    let sample = server.alice().call("sample_table", json!({ "schema": "tracksolid", "table": "positions", "n": 8 }));
    let column = |at: usize| -> std::collections::BTreeSet<&str> {
        sample
            .text()
            .lines()
            .skip(1)
            .filter_map(|line| line.split(',').nth(at))
            .map(|cell| cell.split('T').next().unwrap())
            .collect()
    };
    assert!(column(0).len() > 2 && column(1).len() > 2, "{sample:?}");
    let clusters = server.alice().call("sample_table", json!({ "schema": "tickets", "table": "geo_clusters" }));
    assert!(clusters.text().contains("Polygon") && clusters.text().len() < 2_000, "{clusters:?}");
    assert!(clusters.texts[1].contains("values of more than 80 characters are cut"), "{clusters:?}");
}

#[test]
fn the_questions_of_the_guide_are_answered() {
    let server = Server::start(&[]);
    let alice = server.alice();
    for sql in [
        "SELECT cost_centre, sum(distance_km) AS km FROM reporting.v_daily_summary WHERE day >= current_date - 30 GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
        "SELECT region, sla_status, count(*) FROM tickets.inc WHERE closed_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT cluster, avg(mttr) AS mttr, count(*) FROM tickets.inc WHERE closed_at >= current_date - 30 GROUP BY 1 ORDER BY 2 DESC",
        "SELECT * FROM reporting.fn_top_cost_centres(30, 5);",
        "SELECT * FROM tickets.inc_open_sla LIMIT 5 -- the open ones",
        "WITH d AS (SELECT device_id, sum(litres) AS l FROM fuel.records GROUP BY 1) SELECT plate, l FROM d JOIN tracksolid.devices USING (device_id) ORDER BY l DESC LIMIT 3",
        "TABLE reporting.refresh_log",
    ] {
        let answer = alice.query(sql);
        assert!(!answer.rows().is_empty(), "{sql}");
    }
    assert_eq!(alice.query("VALUES (1, 'a'), (2, 'b')").rows().len(), 2);
}

#[test]
fn words_of_writing_in_data_and_names_are_only_words() {
    let server = Server::start(&[]);
    let alice = server.alice();
    for sql in [
        "SELECT comment FROM tickets.inc WHERE comment IS NOT NULL LIMIT 5",
        "SELECT count(*) AS n FROM tickets.inc WHERE raw_status = 'update'",
        "SELECT count(*) AS n FROM tickets.inc WHERE raw_status IN ('update', 'delete', 'drop; --') OR title LIKE '%insert into%'",
        "SELECT ticket_id AS \"update\", comment AS \"delete\" FROM tickets.inc LIMIT 1",
        "SELECT /* DROP TABLE x; */ count(*) AS n FROM tickets.inc -- ; DELETE FROM tickets.inc",
        "SELECT 'it''s; DELETE FROM x' AS v, $$; DROP TABLE x$$ AS w, E'\\'; DELETE' AS x",
    ] {
        let answer = alice.query(sql);
        assert!(!answer.is_error, "{sql}: {:?}", answer.texts);
    }
}

#[test]
fn csv_is_csv() {
    let server = Server::start(&[]);
    let sql = "SELECT * FROM (VALUES (1, 'plain', true), (2, NULL, false), (3, '', NULL), (4, 'a,\"b\"' || chr(10) || 'c', true)) AS v(n, \"text, or not\", flag) ORDER BY n";
    let answer = server.alice().call("query", json!({ "sql": sql, "format": "csv" }));
    assert!(!answer.is_error, "{:?}", answer.texts);
    let same = "SELECT timestamptz '2026-06-17 11:00:00.5+03' AS t, ARRAY[timestamp '2026-06-17 11:00'] AS a, inet '10.0.0.1' AS i,
        ST_SetSRID(ST_MakePoint(36.8, -1.28), 4326) AS g, 'x'::char(3) AS c, ROW(1, 'a') AS r";
    let json = server.alice().query(same).rows()[0].clone();
    let csv = server.alice().call("query", json!({ "sql": same, "format": "csv" }));
    let field = |value: &Value| {
        value.as_str().map_or_else(|| format!("\"{}\"", value.to_string().replace('"', "\"\"")), str::to_owned)
    };
    let fields: Vec<String> = ["t", "a", "i", "c", "r"].map(|name| field(&json[name])).to_vec();
    let line =
        csv.texts[0].lines().nth(1).unwrap().replace(r#""{""type"":""Point"",""coordinates"":[36.8,-1.28]}","#, "");
    assert_eq!(line, fields.join(","), "JSON and CSV agree");
    assert!(line.starts_with("2026-06-17T11:00:00.5+03:00,"), "{line}");
    assert_eq!(
        answer.texts[0],
        "n,\"text, or not\",flag\n1,plain,true\n2,,false\n3,\"\",\n4,\"a,\"\"b\"\"\nc\",true\n"
    );
    let about: Value = serde_json::from_str(&answer.texts[1]).unwrap();
    assert_eq!(
        about,
        json!({ "row_count": 4, "truncated": false, "columns": ["n int4", "text, or not text", "flag bool"] })
    );
    let cut = server
        .alice()
        .call("query", json!({ "sql": "SELECT * FROM generate_series(1, 50) AS n", "format": "csv", "max_rows": 2 }));
    assert_eq!(cut.texts[0], "n\n1\n2\n");
    let about: Value = serde_json::from_str(&cut.texts[1]).unwrap();
    assert_eq!((&about["truncated"], &about["truncated_by"]), (&json!(true), &json!("rows")));
}

#[test]
fn a_cut_answer_says_by_what_and_what_to_do() {
    let server = Server::start(&[("MCP_MAX_ROWS", "5000"), ("MCP_MAX_BYTES", "20000")]);
    let alice = server.alice();
    let query = |sql: &str, max_rows: u32| alice.call("query", json!({ "sql": sql, "max_rows": max_rows }));
    let exact = query("SELECT n FROM generate_series(1, 10) AS n", 10).data();
    assert_eq!((&exact["row_count"], &exact["truncated"], exact.get("notice")), (&json!(10), &json!(false), None));
    let rows = query("SELECT n FROM generate_series(1, 11) AS n", 10).data();
    assert_eq!(
        (&rows["row_count"], &rows["truncated"], &rows["truncated_by"]),
        (&json!(10), &json!(true), &json!("rows"))
    );
    assert!(rows["notice"].as_str().unwrap().contains("max_rows"), "{rows}");

    let bytes = query("SELECT n, repeat('x', 100) AS filler FROM generate_series(1, 5000) AS n", 5000);
    assert!(bytes.texts[0].len() <= 20_000, "{}", bytes.texts[0].len());
    let bytes = bytes.data();
    assert_eq!((&bytes["truncated"], &bytes["truncated_by"]), (&json!(true), &json!("bytes")));
    assert!(
        bytes["row_count"].as_u64() > Some(100) && bytes["notice"].as_str().unwrap().contains("aggregate"),
        "{}",
        bytes["notice"]
    );
    assert_eq!(bytes["rows"].as_array().unwrap().len() as u64, bytes["row_count"].as_u64().unwrap());

    let huge = query("SELECT repeat('x', 1000000) AS v", 10).data();
    assert_eq!((&huge["row_count"], &huge["truncated_by"]), (&json!(0), &json!("bytes")));
    assert!(huge["notice"].as_str().unwrap().contains("first row"), "{huge}");
    // Without max_rows it is 1000.
    assert_eq!(alice.query("SELECT n FROM generate_series(1, 1500) AS n").data()["row_count"], 1000);
}

#[test]
fn refusals_tell_their_rule_and_what_to_do_instead() {
    let server = Server::start(&[]);
    let alice = server.alice();
    for (sql, code) in [
        ("", "ARGUMENT"),
        ("-- nothing", "GUARD_EMPTY"),
        ("UPDATE reporting.refresh_log SET notes = 'x'", "GUARD_NOT_A_QUERY"),
        ("EXPLAIN ANALYZE SELECT 1", "GUARD_NOT_A_QUERY"),
        ("EXPLAIN (ANALYZE) SELECT 1", "GUARD_NOT_A_QUERY"),
        ("EXPLAIN (COSTS off, ANALYZE) SELECT 1", "GUARD_NOT_A_QUERY"),
        ("EXPLAIN VERBOSE SELECT 1", "GUARD_NOT_A_QUERY"),
        ("EXPLAIN EXPLAIN SELECT 1", "GUARD_NOT_A_QUERY"),
        ("EXPLAIN DELETE FROM tickets.inc", "GUARD_NOT_A_QUERY"),
        ("EXPLAIN WITH x AS (DELETE FROM tickets.inc RETURNING *) SELECT * FROM x", "GUARD_WRITES"),
        ("EXPLAIN SELECT 1; DELETE FROM tickets.inc", "GUARD_MULTIPLE_STATEMENTS"),
        ("EXPLAIN SELECT pg_sleep(1)", "GUARD_FUNCTION"),
        ("SELECT 1; SELECT 2", "GUARD_MULTIPLE_STATEMENTS"),
        ("WITH x AS (DELETE FROM tickets.inc RETURNING *) SELECT * FROM x", "GUARD_WRITES"),
        ("SELECT * INTO stolen FROM tickets.inc", "GUARD_SELECT_INTO"),
        ("SELECT * FROM tickets.inc FOR UPDATE", "GUARD_ROW_LOCK"),
        ("SELECT 'open", "GUARD_UNTERMINATED"),
        ("SELECT (1", "GUARD_PARENTHESES"),
        ("SELECT $1", "GUARD_PARAMETER"),
        ("SELECT U&\"\\0061\"", "GUARD_UNICODE_NAME"),
        ("SELECT pg_sleep(1)", "GUARD_FUNCTION"),
        ("SELECT * FROM pg_stat_activity", "GUARD_RELATION"),
        ("SELECT '\0'", "GUARD_NUL"),
    ] {
        let error = alice.query(sql).error();
        assert_eq!(error["code"], code, "{sql}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 30 || code == "ARGUMENT"), "{sql}: {error}");
    }
}
