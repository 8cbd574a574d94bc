use super::*;

fn rules(text: &str) -> Value {
    serde_json::from_str(Rules::parse(text).unwrap().json()).unwrap()
}

/// The patterns of one line, its part and its reason.
fn rule(line: &str) -> [Value; 5] {
    let rules = rules(line);
    ["schema", "table", "column", "show", "reason"].map(|name| rules[0][name].clone())
}

#[test]
fn a_line_is_a_column_a_part_and_a_reason() {
    let text = "# for the reader only\n\n \t\ntracksolid.devices.driver_phone   # personal: ask the fleet office\r\n*.*.sim_number = last 4\n";
    let expected = json!([
        { "line": 4, "text": "tracksolid.devices.driver_phone", "schema": "tracksolid", "table": "devices", "column": "driver\\_phone",
          "show": null, "reason": "personal: ask the fleet office" },
        { "line": 5, "text": "*.*.sim_number", "schema": "%", "table": "%", "column": "sim\\_number", "show": "last 4", "reason": null },
    ]);
    assert_eq!(rules(text), expected);
    assert_eq!(rules(""), json!([]));
    assert_eq!(rules("\u{feff}# with a byte order mark\r\na.b.c\r\n")[0]["line"], 2);
    assert_eq!(rules("a.b.c\na.b.c").as_array().unwrap().len(), 2, "a line may be there twice");
    for (line, expected) in [
        ("hr.person.born=year# full date", ["hr", "person", "born", "year", "full date"]),
        (
            "  hr.person.national_id  =  hash  #  to join  by person  ",
            ["hr", "person", "national\\_id", "hash", "to join by person"],
        ),
        ("a.b.c#", ["a", "b", "c", "", ""]),
        ("a.b.c # say \"no\" # twice", ["a", "b", "c", "", "say \"no\" # twice"]),
        ("*_log.v*.*phone*", ["%\\_log", "v%", "%phone%", "", ""]),
        (r#""odd Schema"."a.b"."c#d" # x"#, ["odd Schema", "a.b", "c#d", "", "x"]),
        (r#""a""b"."*"."=%_\" = year"#, ["a\"b", "*", "=\\%\\_\\\\", "year", ""]),
        ("größe.b.c", ["größe", "b", "c", "", ""]),
        ("a.b.c # x\u{200b}y\u{a0}z\u{1b}[31m", ["a", "b", "c", "", "x y z [31m"]),
    ] {
        let expected = expected.map(|part| if part.is_empty() { Value::Null } else { Value::from(part) });
        assert_eq!(rule(line), expected, "{line}");
    }
    let long = rule(&format!("a.b.c # {}", "é".repeat(400)));
    assert_eq!(long[4].as_str().unwrap().chars().count(), 300);
}

#[test]
fn a_wrong_line_is_named_with_what_to_write() {
    for line in [
        "driver_phone",
        "devices.driver_phone",
        "a.b.c.d",
        "a..c",
        ".b.c",
        "a.b.",
        "a.b.c d",
        "a.b.\"c",
        "a.b.\"\"",
        "a.b.c\"d\"",
        "a.b.c =",
        "a.b.c = last",
        "a.b.c = last 0",
        "a.b.c = last 10",
        "a.b.c = first 4",
        "a.b.c = last  4",
        "a.b.c = year hash",
        "a.b.c = YEAR",
        "= year",
        "a . b . c",
        "- a.b.c",
        "a.b.c\ra.b.d",
        "\u{feff}# a byte order mark, but not at the beginning",
    ] {
        let wrong = Rules::parse(&format!("x.y.z\n\n{line}\n")).unwrap_err();
        assert!(wrong.starts_with("line 3: ") && wrong.contains("schema.table.column, such as"), "{line:?}: {wrong}");
        assert!(!wrong.contains(is_invisible), "{wrong:?}");
    }
    for line in ["x.\u{feff}a.b", "a.b.c\u{a0}# personal", "a.b.c\u{200b}", "\"a\u{202e}\".b.c", "a.b\u{2003}.c"] {
        let wrong = Rules::parse(line).unwrap_err();
        assert!(wrong.starts_with("line 1: ") && wrong.contains("invisible character"), "{line:?}: {wrong}");
        assert!(!wrong.contains(is_invisible), "{wrong:?}");
    }
    let shown = Rules::parse(&"x".repeat(5_000)).unwrap_err();
    assert!(shown.len() < 600, "{shown}");
}

#[test]
fn the_file_is_bounded() {
    let most = "a.b.c\n".repeat(MOST_RULES);
    assert_eq!(rules(&most).as_array().unwrap().len(), MOST_RULES);
    let wrong = Rules::parse(&format!("{most}# one more\na.b.d")).unwrap_err();
    assert!(wrong.starts_with("line 1002: ") && wrong.contains("1000 rules"), "{wrong}");
    let missing = Rules::load("/does/not/exist").unwrap_err().to_string();
    assert!(missing.starts_with("MCP_HIDDEN_COLUMNS_FILE: cannot read /does/not/exist"), "{missing}");
    let folder = Rules::load("/").unwrap_err().to_string();
    assert!(folder.contains("not a regular file"), "{folder}");
}

#[test]
fn a_hidden_column_says_why_and_what_to_read_instead() {
    for (reason, instead, text) in [
        (None, None, "hidden."),
        (Some("personal: ask the fleet office"), None, "hidden. personal: ask the fleet office."),
        (Some("Why?"), Some("masked.hr_person.born_year"), "hidden. Why? Instead: masked.hr_person.born_year."),
        (None, Some("masked.hr_person.born_year"), "hidden. Instead: masked.hr_person.born_year."),
    ] {
        let row = json!({ "schema": "hr", "table": "person", "column": "born", "reason": reason, "instead": instead });
        assert_eq!(serde_json::from_value::<HiddenColumn>(row).unwrap().text(), text);
    }
}
