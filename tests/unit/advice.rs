//! Messages of every kind; what PostgreSQL really says is in tests/it/errors.rs.

use super::*;
use crate::error::Code;

fn failure(sqlstate: &str, message: &str, hint: Option<&str>, position: Option<usize>) -> Failure {
    let mut failure = Failure::new(Code::Sql, message);
    failure.sqlstate = Some(sqlstate.to_owned());
    (failure.hint, failure.position) = (hint.map(str::to_owned), position);
    failure
}

fn advised(mut failure: Failure, sql: &str, rows: &[Row]) -> Failure {
    let text = Text::read(sql, failure.position);
    advise(&mut failure, text, rows, &["fuel".to_owned()], &HiddenColumns::default());
    failure
}

fn columns(columns: &[&str]) -> Row {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Row::Source {
        place: 0,
        of: ("fuel".to_owned(), "records".to_owned()),
        table: "fuel.records".to_owned(),
        whole: false,
        columns,
    }
}

#[test]
fn only_what_is_alike_is_alike() {
    for (wanted, name) in [
        ("cost_center", "cost_centre"),
        ("status", "raw_status"),
        ("lat", "latitude"),
        ("id", "device_id"),
        ("v_trip", "v_trips"),
        ("trip", "v_trips"),
        ("Region", "region"),
        ("vehicle_plate", "plate"),
    ] {
        assert!(likeness(wanted, name) > 0.0, "{wanted} {name}");
    }
    for (wanted, name) in
        [("site", "title"), ("v_trip", "refresh_log"), ("n", "id"), ("date", "ts"), ("", "x"), ("é", "")]
    {
        assert!(likeness(wanted, name) == 0.0, "{wanted} {name}");
    }
}

#[test]
fn a_hint_that_names_what_is_not_known_to_be_readable_is_left_out() {
    let sql = "SELECT secre FROM fuel.records r";
    let rows = [columns(&["id", "shown"])];
    for hint in [
        "Perhaps you meant to reference the column \"r.secret\".",
        "Perhaps you meant to reference the column \"r.shown\" or the column \"r.secret\".",
        "There is a column named \"secret\" in table \"r\", but it cannot be referenced from this part of the query.",
        "Vielleicht wurde beabsichtigt, auf die Spalte »r.secret« zu verweisen.",
        "secret",
    ] {
        let mut refused = failure("42703", "column \"secre\" does not exist", Some(hint), Some(8));
        refused.detail = Some(hint.to_owned());
        let told = advised(refused, sql, &rows).text();
        assert!(!told.contains("secret"), "{told}");
        assert!(told.contains("columns of fuel.records: id, shown"), "{told}");
    }
    let hint =
        "There is a column named \"shown\" in table \"r\", but it cannot be referenced from this part of the query.";
    let told = advised(failure("42703", "column \"shown\" does not exist", Some(hint), Some(8)), sql, &rows);
    assert_eq!(told.hint.as_deref(), Some(hint));
}

#[test]
fn whatever_a_message_says_the_answer_is_small_and_printable() {
    let long = "é\"\t:(".repeat(400);
    let texts =
        ["", "\u{feff};", "SELECT", "SELECT a.", "(((", "SELECT x FROM a, (SELECT", "SELECT f( FROM", "'", &long];
    let messages = ["", ":", ": ", " type ", "(", ")(", "\"", "a type b to ", "x enum : ", "x: + ", ": = ", &long];
    let codes = [
        "42703", "42P01", "42702", "42501", "42883", "42601", "22P02", "22007", "42803", "42846", "42704", "XX000", "",
    ];
    let rows = [columns(&[&long]), Row::Value { text: long.clone() }, Row::Elsewhere { table: long.clone() }];
    for (sql, message) in texts.iter().flat_map(|sql| messages.iter().map(move |message| (sql, message))) {
        for (code, position) in
            codes.iter().flat_map(|code| [None, Some(0), Some(1), Some(8), Some(99)].map(|at| (code, at)))
        {
            let told = advised(failure(code, message, Some(message), position), sql, &rows);
            let size = told.message.len() + told.hint.as_deref().unwrap_or_default().len();
            assert!(size < 2_400, "{size} bytes: {sql:?} {message:?} {code}");
            assert!(!told.hint.unwrap_or_default().contains(char::is_control), "{sql:?} {message:?} {code}");
        }
    }
}
