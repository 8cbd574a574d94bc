use super::*;

#[test]
fn every_pattern_compiles() {
    let groups = DANGEROUS.iter().chain(&RELATIONS).map(|group| &group.names);
    for names in groups.chain([&EXTENSIONS, &PG, &VOLATILE, &INTERNAL_SCHEMAS, &OPEN_SCHEMAS]) {
        assert!(names.compiled().is_some(), "a pattern does not compile");
    }
}

#[test]
fn the_class_of_a_function_decides() {
    let rows = [
        r#"["pg_catalog","nextval",false,true,true]"#,
        r#"["pg_catalog","lastval",false,true,false]"#,
        r#"["pg_catalog","replace",false,false,false]"#,
        r#"["pg_catalog","pg_sleep",false,true,true]"#,
        r#"["pg_catalog","pg_lock_status",false,true,false]"#,
        r#"["public","replace",true,false,false]"#,
        r#"["public","st_x",true,false,true]"#,
        r#"["public","st_asgml",true,false,true]"#,
        r#"["cron"]"#,
    ];
    let known = Known::new(rows).unwrap();
    let call = |schema, name| function(&known, schema, name, Notation::Parentheses);
    let dot = |name| function(&known, None, name, Notation::Dot);
    assert_eq!(call(None, "st_x").or(call(Some("public"), "st_x")), None);
    assert_eq!((call(None, "st_asgml"), call(Some("public"), "st_asgml")), (Some(FOREIGN), Some(FOREIGN)));
    assert_eq!(call(Some("reporting"), "st_asgml"), None, "somebody's own, of the same name");
    assert_eq!((call(None, "replace"), call(Some("public"), "replace")), (None, Some(FOREIGN)));
    assert_eq!((call(None, "nextval"), call(Some("reporting"), "nextval")), (Some(EFFECTS), None));
    assert_eq!(call(Some("pg_catalog"), "pg_no_such_function"), Some(UNLISTED));
    assert_eq!((dot("nextval"), dot("lastval"), dot("st_asgml")), (Some(EFFECTS), None, Some(FOREIGN)));
    assert_eq!((dot("pg_sleep"), dot("pg_lock_status"), dot("pg_class")), (Some(UNLISTED), None, None));
    assert!(is_internal(&known, "cron") && is_internal(&known, "_timescaledb_catalog"));
    assert!(!is_internal(&known, "reporting") && !is_internal(&known, "timescaledb_information"));
}

#[test]
fn the_document_names_every_reason() {
    let document = include_str!("../../../docs/guard.md");
    let reasons = DANGEROUS.iter().chain(&RELATIONS).map(|group| group.does).chain([FOREIGN, UNLISTED, EFFECTS]);
    for reason in reasons.chain(PLAIN.iter().map(|plain| plain.because)) {
        assert!(document.contains(reason), "docs/guard.md lacks: {reason}");
    }
}
