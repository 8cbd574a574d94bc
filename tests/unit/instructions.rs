use super::*;

#[test]
fn every_schema_is_named_within_two_kilobytes() {
    let schema = |name: &str| Schema {
        schema: name.to_owned(),
        comment: Some("é".repeat(900)),
        timezone: "UTC".to_owned(),
        database: "tracksolid_db".to_owned(),
        tables: vec!["t".repeat(63); 12],
    };
    let text = compose(&["reporting", "tracksolid", "tickets", "fuel"].map(schema));
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    for name in ["reporting:", "tracksolid:", "tickets:", "fuel:"] {
        assert!(text.contains(name), "{name}");
    }
    assert!(compose(&[]).len() <= MAX_BYTES);
}
