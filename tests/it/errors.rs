//! A refused statement is answered with its correction, and with nothing that the role may not see.

use serde_json::{Value, json};

use crate::support::{client::Mcp, server::Server};

/// Runs each statement, and looks for a part of its correction in the text of the error.
#[track_caller]
fn corrected(alice: &Mcp, cases: &[(&str, &str, &str)]) {
    let mut missed = Vec::new();
    for (sql, sqlstate, correction) in cases {
        let answer = alice.query(sql);
        let error = answer.error();
        let told = format!("{} {}", error["hint"].as_str().unwrap_or_default(), error["did_you_mean"]);
        if error["sqlstate"] != *sqlstate || !told.contains(correction) {
            missed.push(format!("{sql}\n    {correction:?} is not in {error}"));
        }
        assert!(answer.texts[0].len() < 2_000, "{sql}: {} bytes", answer.texts[0].len());
        assert!(!told.contains(char::is_control), "{error}");
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn the_ten_usual_slips_are_corrected_by_their_error() {
    let server = Server::start(&[]);
    corrected(
        &server.alice(),
        &[
            ("SELECT status FROM tickets.inc", "42703", "raw_status"),
            ("SELECT cost_center FROM reporting.v_daily_summary", "42703", "[\"cost_centre\"]"),
            ("SELECT round(avg(latitude), 1) FROM tickets.inc", "42883", "round(avg(latitude)::numeric, 1)"),
            (
                "SELECT region FROM tickets.inc i JOIN tickets.geo_clusters g USING (cluster)",
                "42702",
                "i.region or g.region",
            ),
            ("SELECT region, title, count(*) FROM tickets.inc GROUP BY region", "42803", "max(title)"),
            ("SELECT count(*) FROM reporting.devices", "42P01", "write tracksolid.devices"),
            ("SELECT * FROM fn_driver_scores(7)", "42883", "reporting.fn_driver_scores(p_days => 30)"),
            (
                "SELECT count(*) FROM tickets.inc, tickets.geo_clusters WHERE ST_Within(geog, boundary)",
                "42883",
                "geog::geometry",
            ),
            ("SELECT max(opened_at) - 7 FROM tickets.inc", "42883", "interval '7 days'"),
            ("SELECT * FROM infrastructure.secrets", "42501", "reporting, tracksolid, tickets, fuel"),
        ],
    );
}

#[test]
fn names_that_are_not_there_are_answered_with_those_that_are() {
    let server = Server::start(&[]);
    corrected(
        &server.alice(),
        &[
            ("SELECT site FROM tickets.inc", "42703", "columns of tickets.inc: ticket_id, reference, title, bucket"),
            (
                "SELECT d.id FROM tickets.inc i JOIN tracksolid.devices d ON d.id = i.device_id",
                "42703",
                "[\"device_id\"]",
            ),
            ("SELECT plate FROM tickets.inc", "42703", "plate is a column of tracksolid.devices"),
            (
                "WITH t AS (SELECT region, count(*) AS open FROM tickets.inc GROUP BY 1) SELECT n FROM t",
                "42703",
                "columns of t: region, open",
            ),
            ("SELECT d.titel FROM (SELECT * FROM tickets.inc) d", "42703", "title"),
            ("SELECT count(*) AS n FROM tickets.inc GROUP BY region HAVING n > 3", "42703", "write count(*)"),
            ("SELECT 1 FROM tracksolid.devices WHERE plate = \"KCL 819F\"", "42703", "single quotes: 'KCL 819F'"),
            ("SELECT 1 FROM tickets.inc WHERE region = Nairobi", "42703", "'Nairobi'"),
            ("SELECT date_trunc(day, opened_at) FROM tickets.inc", "42703", "date_trunc('day', …)"),
            ("SELECT datediff(day, opened_at, closed_at) FROM tickets.inc", "42703", "later::date - earlier::date"),
            ("SELECT inc.region FROM tickets.inc i", "42P01", "write i.region"),
            ("SELECT x.region FROM tickets.inc i", "42P01", "it has i"),
            ("SELECT * FROM v_trip", "42P01", "[\"reporting.v_trips\"]"),
            ("SELECT * FROM reporting.fn_utilisation", "42P01", "SELECT * FROM reporting.fn_utilisation(p_days => 30)"),
            ("SELECT * FROM nowhere.zebra", "42P01", "reporting, tracksolid, tickets, fuel"),
            ("SELECT * FROM reporting.v_trips()", "42883", "SELECT * FROM reporting.v_trips"),
            (
                "SELECT * FROM reporting.fn_driver_score(30)",
                "42883",
                "[\"reporting.fn_driver_scores(p_days integer DEFAULT 30)\"]",
            ),
            ("SELECT * FROM reporting.fn_driver_scores(days => 30)", "42883", "p_days integer"),
            ("SELECT array_length(tags) FROM tracksolid.devices", "42883", "array_length(anyarray, integer)"),
        ],
    );
    let arguments = json!({ "schema": "reporting", "table": "fn_utilisation" });
    let error = server.alice().call("sample_table", arguments).error();
    assert!(error["hint"].as_str().unwrap().contains("reporting.fn_utilisation(p_days => 30)"), "{error}");
    // Nothing unlike is offered.
    for sql in ["SELECT * FROM reporting.zebra", "SELECT zebra FROM tickets.inc", "SELECT zebra(1)"] {
        assert_eq!(server.alice().query(sql).error()["did_you_mean"], Value::Null, "{sql}");
    }
}

#[test]
fn other_dialects_and_types_are_answered_with_the_form_to_write() {
    let server = Server::start(&[]);
    corrected(
        &server.alice(),
        &[
            (
                "SELECT median(latitude) FROM tickets.inc",
                "42883",
                "percentile_cont(0.5) WITHIN GROUP (ORDER BY latitude)",
            ),
            ("SELECT ifnull(title, 'none') FROM tickets.inc", "42883", "coalesce(title, 'none')"),
            ("SELECT year(opened_at) FROM tickets.inc", "42883", "extract(year FROM opened_at)"),
            ("SELECT sum(closed_at IS NULL) FROM tickets.inc", "42883", "count(*) FILTER (WHERE (closed_at IS NULL))"),
            (
                "SELECT time_bucket('15 minutes', ts) FROM tracksolid.positions",
                "42883",
                "date_bin('15 minutes', ts, timestamptz '2000-01-01')",
            ),
            ("SELECT round(mttr) FROM tickets.inc", "42883", "extract(epoch FROM mttr) / 60"),
            ("SELECT count(DISTINCT region, title) FROM tickets.inc", "42883", "count(DISTINCT (region, title))"),
            (
                "SELECT ST_DWithin(latitude, longitude, 10) FROM tickets.inc",
                "42883",
                "ST_MakePoint(longitude, latitude)",
            ),
            ("SELECT 1 FROM tickets.inc WHERE title = 3", "42883", "title::integer"),
            ("SELECT 1 FROM tickets.inc WHERE region IN (1, 2)", "42883", "literal in quotes"),
            ("SELECT 1 FROM tickets.inc WHERE mttr > 30", "42883", "extract(epoch FROM mttr) / 3600 > 30"),
            ("SELECT 1 == 1", "42883", "write ="),
            ("SELECT nullif(title, 1) FROM tickets.inc", "42883", "one side is text"),
            ("SELECT max(day) day FROM reporting.v_daily_summary", "42601", "AS day"),
            ("SELECT TOP 5 * FROM tickets.inc", "42601", "LIMIT 5"),
            ("SELECT now() - interval 30 day", "42601", "interval '30 days'"),
            ("SELECT [title] FROM tickets.inc", "42601", "title"),
            ("SELECT `title` FROM tickets.inc", "42601", "backticks"),
            ("SELECT * FROM tickets.inc LIMIT 5, 10", "42601", "LIMIT 10 OFFSET 5"),
            ("SELECT title tickets.inc", "42601", "FROM is missing before tickets.inc"),
            ("SELECT region FROM tickets.inc WHERE count(*) > 1", "42803", "HAVING count(*)"),
            ("SELECT region FROM tickets.inc WHERE row_number() OVER () = 1", "42P20", "SELECT * FROM (SELECT"),
            ("SELECT 1 FROM tracksolid.positions WHERE ignition = 'ON'", "22P02", "'on', 'off', 'unknown'"),
            ("SELECT 1 FROM tickets.inc WHERE opened_at > '2026-13-45'", "22008", "'2026-01-31'"),
            ("SELECT now() - '30 days'", "22007", "interval '30 days'"),
            ("SELECT 1 / 0", "22012", "nullif(x, 0)"),
            ("SELECT mttr::int FROM tickets.inc", "42846", "extract(epoch FROM x)"),
            ("SELECT title::string FROM tickets.inc", "42704", "text"),
            ("SELECT 1 FROM tickets.inc WHERE title", "42804", "condition"),
            ("SELECT (SELECT title FROM tickets.inc)", "21000", "LIMIT 1"),
            ("SELECT 1 WHERE generate_series(1, 2) > 1", "0A000", "FROM generate_series"),
            ("SELECT now() AT TIME ZONE 'Nairobi'", "22023", "'Africa/Nairobi'"),
            ("SELECT ST_GeomFromText('CIRCULARSTRING(0 0, 1 1, 2 0)')", "XX000", "ST_CurveToLine"),
        ],
    );
}

#[test]
fn no_error_names_what_the_role_may_not_read() {
    let server = Server::start_with_helpers(&[("MCP_READABLE_SCHEMAS", "reporting,tracksolid,tickets,fuel,it")]);
    let alice = server.alice();
    for (sql, hidden) in [
        // PostgreSQL itself would name the column.
        ("SELECT hidden_not FROM it.half", "hidden_note"),
        ("SELECT h.hidden_not FROM it.half h", "hidden_note"),
        ("SELECT d.hidden_not FROM (SELECT * FROM it.half) d", "hidden_note"),
        ("SELECT closed_cod FROM it.closed", "closed_code"),
        ("SELECT h.shown FROM it.half h, (SELECT hidden_note) q", "in table"),
        ("SELECT hidden_note FROM tickets.inc", "it.half"),
        ("SELECT * FROM it.half", "hidden_note"),
        ("SELECT * FROM it.closed GROUP BY id", "closed_code"),
        ("SELECT c.* FROM it.closed c GROUP BY c.id", "closed_code"),
        ("SELECT * FROM close", "it.closed"),
        ("SELECT closed_total(30)", "it.closed_total"),
        ("SELECT it.closed_totals(30)", "days"),
        ("SELECT * FROM it.closed_total", "days"),
        ("SELECT secre FROM infrastructure.secrets", "\"secret"),
        ("SELECT fn_secret('x')", "infrastructure"),
        ("SELECT * FROM secrets", "infrastructure"),
    ] {
        let text = alice.query(sql).texts.concat();
        assert!(!text.contains(hidden), "{sql}: {text}");
    }
    corrected(
        &alice,
        &[
            ("SELECT show FROM it.half", "42703", "columns of it.half: id, shown"),
            ("SELECT * FROM it.half", "42501", "columns of it.half: id, shown"),
            ("SELECT h.id FROM it.half h, (SELECT shown) q", "42703", "cannot be referenced"),
        ],
    );
}

#[test]
fn an_odd_text_gets_its_error_all_the_same() {
    let server = Server::start(&[]);
    let alice = server.alice();
    let long = "é".repeat(3_000);
    let wide = format!("SELECT {} FROM tickets.inc", "zebra,".repeat(3_000) + "zebra");
    let deep = format!("SELECT {}nothing{}", "(SELECT ".repeat(300), ")".repeat(300));
    for (sql, sqlstate) in [
        (format!("SELECT \"{long}\" FROM tickets.inc"), "42703"),
        (format!("SELECT 1 FROM \"{long}\".\"{long}\""), "42P01"),
        (format!("SELECT \"{long}\"('{long}')"), "42883"),
        (format!("SELECT '{long}'::int"), "22P02"),
        ("SELECT \"a\tb\n\u{1b}[31m\" FROM tickets.inc".to_owned(), "42703"),
        (wide, "42703"),
        (deep, "42703"),
    ] {
        let answer = alice.query(&sql);
        assert_eq!(answer.error()["sqlstate"], sqlstate, "{:?}", answer.texts);
        assert!(answer.texts[0].len() < 3_000, "{} bytes: {:?}", answer.texts[0].len(), answer.texts);
    }
}
