use super::*;

#[test]
fn the_values_of_a_constraint_are_read() {
    let values = |check: &str| allowed(check);
    assert_eq!(values("CHECK ((kind = ANY (ARRAY['pop'::text, 'it''s'::text])))").unwrap(), ["pop", "it's"]);
    assert_eq!(
        values("CHECK (((kind)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))")
            .unwrap(),
        ["a", "b"]
    );
    assert_eq!(values("CHECK ((n = ANY (ARRAY[1, 2])))").unwrap(), ["1", "2"]);
    for other in [
        "CHECK ((severity >= 1))",
        "CHECK (((kind = ANY (ARRAY['a'::text])) OR (kind IS NULL)))",
        "CHECK ((kind = ANY (ARRAY[lower('A'::text)])))",
        "CHECK ((kind = ANY (ARRAY['a::text])))",
    ] {
        assert_eq!(values(other), None, "{other}");
    }
}

#[test]
fn unclear_values_are_quoted_and_long_lists_cut() {
    let texts = |values: &[&str]| list(&values.iter().map(|&value| value.to_owned()).collect::<Vec<String>>());
    assert_eq!(texts(&["a", "", "b, c", " d"]), "a, '', 'b, c', ' d'");
    let long = texts(&["x".repeat(39).as_str(); 30]);
    assert!(long.len() < VALUES + 10 && long.ends_with(", …"), "{long}");
    assert_eq!(sorted(&["10".to_owned(), "9".to_owned()]), ["9", "10"]);
    assert_eq!(sorted(&["10".to_owned(), "b".to_owned()]), ["10", "b"]);
}

#[test]
fn a_column_shows_nothing_of_what_is_hidden() {
    let column = |extra: serde_json::Value| {
        let mut column = serde_json::json!({
            "name": "phone", "type": "text", "values": ["0700"], "low": "1", "high": "2", "check": ["CHECK (phone <> '0')"],
        });
        column.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_value::<Column>(column).unwrap().line(&HashMap::new(), None)
    };
    assert_eq!(
        column(serde_json::json!({ "hidden": true, "comment": "Mobile number." })),
        "phone text: hidden from this role. Mobile number."
    );
}
