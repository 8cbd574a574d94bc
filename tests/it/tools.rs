//! The tools against the demo fleet.

use serde_json::{Value, json};

use crate::support::{
    client::Mcp,
    cluster::{Cluster, DEMO},
    server::Server,
};

#[track_caller]
fn names(rows: &[Value], key: &str) -> Vec<String> {
    rows.iter().map(|row| row[key].as_str().unwrap_or_else(|| panic!("no {key}: {row}")).to_owned()).collect()
}

#[test]
fn every_object_of_the_guide_is_listed() {
    let server = Server::start(&[]);
    let alice = server.alice();
    let schemas = alice.call("list_schemas", json!({})).rows();
    assert_eq!(names(&schemas, "schema"), ["reporting", "tracksolid", "tickets", "fuel"]);
    for row in &schemas {
        assert_eq!(row["readable"], true);
        assert!(row["comment"].as_str().is_some_and(|comment| comment.len() > 40), "{row}");
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
        let tables = alice.call("list_tables", json!({ "schema": schema })).rows();
        for (name, kind) in objects {
            let row =
                tables.iter().find(|row| row["name"] == *name).unwrap_or_else(|| panic!("{schema}.{name} is missing"));
            assert_eq!(row["kind"], *kind, "{row}");
            assert!(row["comment"].is_string() && row["columns"].as_u64() > Some(0), "{row}");
        }
        let counted = schemas.iter().find(|row| row["schema"] == schema).unwrap();
        let count = |key: &str| counted[key].as_u64().unwrap();
        assert_eq!(count("tables") + count("views") + count("materialized_views"), tables.len() as u64, "{schema}");
    }
    for (schema, count) in [("reporting", 5), ("tickets", 7), ("fuel", 7)] {
        let functions = alice.call("list_functions", json!({ "schema": schema })).rows();
        assert_eq!(functions.len(), count, "{schema}: {functions:?}");
        for function in &functions {
            assert!(function["comment"].is_string() && function["returns"].is_string(), "{function}");
        }
    }
    assert_eq!(
        alice.call("list_functions", json!({})).texts,
        alice.call("list_functions", json!({ "schema": "reporting" })).texts,
        "reporting is the default"
    );
}

#[test]
fn search_finds_by_name_and_by_comment() {
    let server = Server::start(&[]);
    let found = |search: &str| {
        names(&server.alice().call("list_tables", json!({ "schema": "tickets", "search": search })).rows(), "name")
    };
    assert_eq!(found("GEO_"), ["geo_clusters", "geo_locations"]);
    assert!(found("change request").contains(&"crq".to_owned()), "by comment");
    assert_eq!(found("%"), Vec::<String>::new(), "a pattern's signs are plain characters");
    let nothing = server.alice().call("list_tables", json!({ "schema": "tickets", "search": "zebra" })).data();
    assert_eq!((&nothing["row_count"], nothing["notice"].is_string()), (&json!(0), true), "{nothing}");
}

#[test]
fn describe_table_is_the_data_dictionary() {
    let server = Server::start(&[]);
    let inc = server.alice().call("describe_table", json!({ "schema": "tickets", "table": "inc" })).data();
    let columns = inc["columns"].as_array().unwrap();
    let column = |name: &str| {
        columns.iter().find(|column| column["column"] == name).unwrap_or_else(|| panic!("no column {name}")).clone()
    };
    for name in [
        "ticket_id",
        "bucket",
        "raw_status",
        "normalized_status",
        "sla_status",
        "region",
        "cluster",
        "owner",
        "mttr",
        "opened_at",
        "closed_at",
        "latitude",
        "longitude",
        "geog",
        "comment",
        "raw",
    ] {
        column(name);
    }
    assert_eq!((&column("comment")["type"], &column("comment")["nullable"]), (&json!("text"), &json!(true)));
    assert!(
        column("comment")["comment"].is_string() && column("mttr")["comment"].as_str().unwrap().contains("interval")
    );
    assert_eq!(column("geog")["type"], "geography(Point,4326)");
    assert!(inc["comment"].as_str().unwrap().contains("INC"), "{inc}");
    assert!(inc["keys"].to_string().contains("PRIMARY KEY (ticket_id)"), "{}", inc["keys"]);
    assert!(
        inc["keys"].to_string().contains("FOREIGN KEY (cluster) REFERENCES tickets.geo_clusters"),
        "{}",
        inc["keys"]
    );
    assert!(inc["indexes"].to_string().contains("opened_at"), "{}", inc["indexes"]);

    let trips = server.alice().call("describe_table", json!({ "schema": "reporting", "table": "v_trips" })).data();
    assert_eq!(trips["kind"], "materialized view");
    assert!(trips["definition"].as_str().unwrap().contains("positions"), "{trips}");
    let positions =
        server.alice().call("describe_table", json!({ "schema": "tracksolid", "table": "positions" })).data();
    assert!(positions.to_string().contains(r#"["on","off","unknown"]"#), "an enum's values: {positions}");
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
    let sample = |arguments: Value| server.alice().call("sample_table", arguments).rows().len();
    assert_eq!(sample(json!({ "schema": "tickets", "table": "inc" })), 20);
    assert_eq!(sample(json!({ "schema": "tickets", "table": "inc", "n": 3 })), 3);
    assert_eq!(sample(json!({ "schema": "reporting", "table": "v_trips", "n": 1 })), 1);
    assert_eq!(
        sample(json!({ "schema": "fuel", "table": "ingest_state", "n": 50 })),
        Cluster::shared().count(DEMO, "SELECT count(*) FROM fuel.ingest_state") as usize
    );
    let row =
        &server.alice().call("sample_table", json!({ "schema": "tracksolid", "table": "positions", "n": 1 })).rows()[0];
    assert_eq!(row["geom"]["type"], "Point", "{row}");
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
