use super::*;

#[test]
fn every_schema_is_named_within_two_kilobytes() {
    let schema = |name: &str| Schema {
        schema: name.to_owned(),
        comment: Some(format!("First of {name}. {}", "é".repeat(900))),
        tables: vec!["t".repeat(63); 12],
        more: 7,
        largest: None,
    };
    let here: Here = serde_json::from_value(serde_json::json!({
        "now": "2026-06-17 11:00:00+03", "timezone": "Africa/Nairobi", "database": "tracksolid_db", "timescaledb": null, "meaning": true,
    }))
    .unwrap();
    let meaning = Meaning { metrics: 40, names: vec!["m".repeat(63); 30], verified_queries: 12, terms: 14 };
    let ranges = vec!["r".repeat(150); 3];
    let schemas = ["reporting", "tracksolid", "tickets", "fuel"].map(schema).into();
    let text = compose(&Overview { here: Some(here), meaning: Some(meaning), schemas, ranges });
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    for name in
        ["reporting:", "tracksolid:", "tickets:", "fuel:", "2026-06-17 11:00:00+03", "Africa/Nairobi", "analytics_meta"]
    {
        assert!(text.contains(name), "{name}");
    }
    assert!(text.contains(" more.") && !text.contains('…'), "{text}");
    assert!(compose(&Overview::default()).len() <= MAX_BYTES);
    let small = Schema {
        schema: "fuel".to_owned(),
        comment: Some("Fills. In litres.".to_owned()),
        tables: vec!["records".to_owned()],
        more: 0,
        largest: None,
    };
    assert_eq!(lines(std::slice::from_ref(&small), 400), ["fuel: records. Fills. In litres."]);
    assert_eq!(lines(&[small], 32), ["fuel: records. Fills."]);
}
