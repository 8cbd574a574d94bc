//! The lines of the list: which are wrong, and what they name.

use super::fleet::{cluster, database, everything, gets, hide, refused, run_hide};

/// Names with everything in them, beside some that only a careless pattern would take for these.
const NAMES: &str = r#"
    CREATE SCHEMA "s %I.$$ ""'";
    CREATE TABLE "s %I.$$ ""'"."t.a\b #1"(id int, "c%_*" text, cx_y text, "select" text, "Größe" text);
    INSERT INTO "s %I.$$ ""'"."t.a\b #1" VALUES (1, 'Zq7', 'open', 'Zq7', 'Zq7');
    CREATE TABLE tracksolid.a_b (id int, c_d text, cxd text, "c*d" text);
    INSERT INTO tracksolid.a_b VALUES (1, 'Zq7', 'open', 'Zq7');
    CREATE TABLE tracksolid.axb (id int, c_d text);
    INSERT INTO tracksolid.axb VALUES (1, 'open');
    GRANT USAGE ON SCHEMA "s %I.$$ ""'" TO PUBLIC; GRANT SELECT ON "s %I.$$ ""'"."t.a\b #1" TO PUBLIC;
"#;

#[test]
fn the_script_looks_as_the_server_does() {
    let copy = format!("\n$look$\n{}$look$ LANGUAGE sql", include_str!("../../../src/role_check/hidden_columns.sql"));
    assert!(
        include_str!("../../../scripts/hide_columns.sql").contains(&copy),
        "src/role_check/hidden_columns.sql has changed: run the command that stands above its copy in scripts/hide_columns.sql"
    );
}

#[test]
fn a_wrong_line_is_named_and_nothing_has_changed() {
    let name = "hc_wrong";
    database(name, NAMES);
    let before = everything(name);
    for wrong in [
        "tracksolid.a_b",
        "a_b.c_d",
        "tracksolid.a_b.c_d.x",
        "tracksolid.a b.c_d",
        "tracksolid.a_b.c_d = last 10",
        "tracksolid.a_b.c_d = last 0",
        "tracksolid.a_b.c_d = first 4",
        "tracksolid.a_b.c_d = md5",
        "tracksolid.a_b.c_d = ",
        "tracksolid.a_b.c_d hidden",
        "tracksolid.a_b.\"c_d",
        "tracksolid.a_b.\"\"",
        "tracksolid..c_d",
        "'; DROP TABLE tracksolid.a_b; --",
        "\\! true",
    ] {
        let lines = format!("# the first line\r\n\r\ntracksolid.axb.c_d # fine\n{wrong}\ntracksolid.axb.id\n");
        let said = run_hide(cluster(), name, &lines, "apply");
        assert!(!said.ok && said.text.contains("line 4"), "{wrong}: {}", said.text);
        assert_eq!(everything(name), before, "{wrong}");
    }
}

#[test]
fn a_line_hides_what_it_names_and_nothing_else() {
    let name = "hc_names";
    database(name, NAMES);
    let lines = "\u{feff}# the list of a Windows editor\r\n\
                 \t\"s %I.$$ \"\"'\".\"t.a\\b #1\".\"c%_*\"  # has everything\r\n\
                 \"s %I.$$ \"\"'\".*.select#no space before it\r\n\
                 *.\"t.a\\b #1\".Gr*e\r\n\
                 tracksolid.a_b.\"c*d\"\r\n\
                 tracksolid.a_b.c_d # the low line is itself\r\n";
    hide(cluster(), name, lines, "apply");
    let odd = r#""s %I.$$ ""'"."t.a\b #1""#;
    for column in [r#""c%_*""#, r#""select""#, r#""Größe""#] {
        refused(name, &format!("SELECT {column} FROM {odd}"));
    }
    gets(name, &format!("SELECT id, cx_y FROM {odd}"), "1|open");
    refused(name, "SELECT c_d FROM tracksolid.a_b");
    refused(name, "SELECT \"c*d\" FROM tracksolid.a_b");
    gets(name, "SELECT id, cxd FROM tracksolid.a_b", "1|open");
    gets(name, "SELECT * FROM tracksolid.axb", "1|open");

    let said = hide(cluster(), name, "tracksolid.a_b.cyd\ntracksolid.nowhere.phone\n*.a_b.*", "dry run");
    assert!(said.contains("line 1 ") && said.contains("line 2 ") && !said.contains("line 3 "), "{said}");
}
