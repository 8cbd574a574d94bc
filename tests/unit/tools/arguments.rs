use super::*;
use serde_json::json;

fn arguments(value: Value) -> Arguments {
    Arguments::new(value.as_object().unwrap().clone())
}

#[test]
fn numbers_are_whole_and_within_bounds() {
    let n = |value: Value| arguments(json!({ "n": value })).integer("n", 100, 20).map_err(|failure| failure.message);
    assert_eq!(n(json!(7)), Ok(7));
    assert_eq!(n(json!(7.0)), Ok(7));
    assert_eq!(n(Value::Null), Ok(20));
    for wrong in [
        json!(0),
        json!(-1),
        json!(101),
        json!(1.5),
        json!("7"),
        json!([7]),
        json!(true),
        json!(1e300),
        json!(u64::MAX),
    ] {
        assert!(n(wrong.clone()).unwrap_err().contains("from 1 to 100"), "{wrong}");
    }
}

#[test]
fn an_unknown_argument_is_named_with_the_known_ones() {
    let mut given = arguments(json!({ "sql": "SELECT 1", "limit": 5 }));
    given.text("sql", 10, None).unwrap();
    let failure = given.finish().unwrap_err();
    assert!(
        failure.message.contains("\"limit\"") && failure.message.contains("takes only: sql"),
        "{}",
        failure.message
    );
}
