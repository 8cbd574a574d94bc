use super::*;
use serde_json::{Value, json};

#[test]
fn an_error_tells_the_place_in_the_analysts_own_text() {
    let mut failure = Failure::new(Code::Sql, "column \"x\" does not exist").hint("see describe_table");
    let text = |failure: &Failure| -> Value {
        serde_json::from_str(&failure.clone().located_in("SELECT 'é'\nx FROM t").text()).unwrap()
    };
    failure.position = Some(11);

    assert_eq!(
        text(&failure)["error"]["position"],
        json!({"character": 11, "line": 1, "column": 11, "near": "\nx FROM t"})
    );
    failure.position = Some(12);
    assert_eq!(
        text(&failure)["error"]["position"],
        json!({"character": 12, "line": 2, "column": 1, "near": "x FROM t"})
    );
}
