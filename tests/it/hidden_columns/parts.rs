//! Parts of hidden values: the views in the schema `masked`.

use super::fleet::{as_reader, cluster, database, gets, hide, refused, run_hide};

const PEOPLE: &str = "
    CREATE TABLE tracksolid.people (id int PRIMARY KEY, name text, phone text, born date, seen timestamptz, national_id text, note text, pin int);
    INSERT INTO tracksolid.people VALUES
        (1, 'a', '0721004711', '1980-05-17', '2026-01-01 00:30+00', 'Zq7-77', 'Zq7-note', 4711),
        (2, 'b', '123', '1999-12-31', '2025-12-31 23:30+00', 'Zq7-77', NULL, 12),
        (3, 'c', NULL, NULL, NULL, 'Zq7-78', NULL, NULL);
    CREATE TABLE fuel.cards (id int, holder text);
    INSERT INTO fuel.cards VALUES (10, 'Zq7-77'), (11, 'Zq7-78'), (12, NULL);
    ALTER TABLE fuel.cards OWNER TO tracksolid_owner;
";
const LINES: &str = "
    tracksolid.people.phone = last 4     # personal
    tracksolid.people.born = year
    tracksolid.people.seen = year
    tracksolid.people.national_id = hash # to join by person
    tracksolid.people.pin = last 4
    tracksolid.people.no* # nothing of it
    fuel.cards.holder = hash
";

#[test]
fn the_views_show_the_part_and_no_more() {
    let name = "hc_parts";
    database(name, PEOPLE);
    hide(cluster(), name, LINES, "apply");
    gets(
        name,
        "SELECT id, name, phone_last_4, born_year, pin_last_4 FROM masked.tracksolid_people ORDER BY id",
        "1|a|4711|1980|(null)\n2|b|(null)|1999|(null)\n3|c|(null)|(null)|(null)",
    );
    // One person, one hash, in both tables; another person, another.
    gets(
        name,
        "SELECT c.id, array_agg(p.id ORDER BY p.id) FROM fuel.cards JOIN masked.fuel_cards c USING (id) JOIN masked.tracksolid_people p ON p.national_id_hash = c.holder_hash GROUP BY c.id ORDER BY 1",
        "10|{1,2}\n11|{3}",
    );
    gets(name, "SELECT count(*) FROM masked.fuel_cards WHERE holder_hash IS NULL", "1");
    gets(
        name,
        "SELECT count(*) FROM masked.tracksolid_people WHERE national_id_hash IN (SELECT left(encode(sha256(x::bytea), 'hex'), 16) FROM (VALUES ('Zq7-77'), ('Zq7-78')) AS v(x))",
        "0",
    );
    for sql in [
        "SELECT phone FROM tracksolid.people",
        "SELECT note FROM tracksolid.people",
        "SELECT * FROM hidden_columns.key",
        "SELECT * FROM hidden_columns.list",
        "SELECT hidden_columns.apply()",
        "SELECT hidden_columns.undo()",
        "SELECT hidden_columns.grant('tracksolid.people'::regclass, 'phone', true)",
        "CREATE VIEW masked.mine AS SELECT 1",
    ] {
        refused(name, sql);
    }
    for column in ["phone", "born", "national_id", "note", "seen"] {
        assert_eq!(
            as_reader(name, &format!("SELECT {column} FROM masked.tracksolid_people")).state,
            "42703",
            "{column}"
        );
    }
}

#[test]
fn no_setting_and_no_function_gets_more_out_of_them() {
    let name = "hc_leaky";
    database(name, PEOPLE);
    hide(cluster(), name, LINES, "apply");
    // It is cheap, so it would come first if the view let it.
    let leaky = "CREATE FUNCTION pg_temp.leak(anyelement) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS 'BEGIN RAISE NOTICE ''saw %'', $1; RETURN true; END';";
    for condition in [
        "pg_temp.leak(phone_last_4)",
        "pg_temp.leak(national_id_hash)",
        "pg_temp.leak(p)",
        "pg_temp.leak(name) AND pg_temp.leak(born_year)",
    ] {
        let outcome =
            as_reader(name, &format!("{leaky} SELECT count(*) FROM masked.tracksolid_people p WHERE {condition}"));
        assert!(outcome.ran() && outcome.said.contains("saw"), "{outcome:?}");
        assert!(
            !super::shows(&outcome.said) && !outcome.said.contains("0721") && !outcome.said.contains("05-17"),
            "{outcome:?}"
        );
    }
    for sql in [
        "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM masked.tracksolid_people WHERE phone_last_4::int > 0",
        "SELECT phone_last_4::date FROM masked.tracksolid_people",
    ] {
        let outcome = as_reader(name, sql);
        assert!(!outcome.said.contains("0721"), "{outcome:?}");
    }
    // The year of a moment is that of one clock, whatever the reader's says: else the moment could be bisected.
    let years = |zone: &str| {
        as_reader(name, &format!("SET LOCAL timezone = '{zone}'; SELECT string_agg(seen_year::text, ',' ORDER BY id) FROM masked.tracksolid_people")).said
    };
    assert_eq!(years("+12"), years("-12"));
}

#[test]
fn a_column_that_is_hidden_later_is_hidden_there_too() {
    let name = "hc_parts_later";
    database(name, PEOPLE);
    hide(cluster(), name, "tracksolid.people.phone = last 4\n*.*.secret*", "apply");
    gets(name, "SELECT note FROM masked.tracksolid_people WHERE id = 1", "Zq7-note");
    cluster().sql(name, "ALTER TABLE tracksolid.people RENAME note TO secret_note");
    refused(name, "SELECT secret_note FROM tracksolid.people");
    let outcome = as_reader(name, "SELECT p::text FROM masked.tracksolid_people p WHERE id = 1");
    assert!(!super::shows(&outcome.said.replace("Zq7-77", "")), "{outcome:?}");
    hide(cluster(), name, "tracksolid.people.phone = last 4\n*.*.secret*", "apply");
    gets(name, "SELECT phone_last_4 FROM masked.tracksolid_people WHERE id = 1", "4711");
    // The owner's view would pass by the policies of the table.
    cluster().sql(name, "ALTER TABLE tracksolid.people ENABLE ROW LEVEL SECURITY");
    assert!(
        super::fleet::look(name)
            .iter()
            .any(|row| row["what"].as_str().is_some_and(|what| what.contains("row policies")))
    );
    assert!(!run_hide(cluster(), name, "tracksolid.people.phone = last 4", "apply").ok);
    // A schema of that name that somebody else has made is left alone.
    let other = "hc_parts_taken";
    database(other, PEOPLE);
    cluster().sql(other, "CREATE SCHEMA masked");
    assert!(!run_hide(cluster(), other, "tracksolid.people.phone = last 4", "apply").ok);
    gets(other, "SELECT phone FROM tracksolid.people WHERE id = 2", "123");
}
