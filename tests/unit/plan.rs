use super::*;

fn plan(top: serde_json::Value) -> Plan {
    Plan::read(&serde_json::json!([{ "Plan": top }]).to_string())
}

fn scan(table: &str, rows: u64) -> serde_json::Value {
    serde_json::json!({ "Node Type": "Seq Scan", "Schema": "s", "Relation Name": table, "Alias": table, "Plan Rows": rows })
}

#[test]
fn what_ends_early_is_not_read_to_its_end() {
    let table = scan("positions", 1_000_000);
    let limited = plan(serde_json::json!({ "Node Type": "Limit", "Plans": [table] }));
    assert_eq!(limited, Plan::default());
    let sorted = serde_json::json!({ "Node Type": "Limit", "Plans": [{ "Node Type": "Sort", "Plans": [table] }] });
    assert_eq!(plan(sorted).scans.len(), 1);
}

#[test]
fn a_join_without_a_condition_is_crossed() {
    let join = |filter: Option<&str>, inner: serde_json::Value| {
        let mut join = serde_json::json!({ "Node Type": "Nested Loop", "Plans": [scan("d", 120), inner] });
        if let Some(filter) = filter {
            join["Join Filter"] = filter.into();
        }
        plan(join).crossed
    };
    assert_eq!(join(None, scan("e", 1_000)), [("d".to_owned(), "e".to_owned(), 120_000)]);
    assert_eq!(join(Some("(d.x = e.x)"), scan("e", 1_000)), []);
    assert_eq!(join(None, scan("e", 3)), [], "few pairs");
    let mut by_index = scan("e", 1_000);
    by_index["Index Cond"] = "(e.device_id = d.device_id)".into();
    assert_eq!(join(None, by_index), []);
}

#[test]
fn what_is_no_plan_is_passed_over() {
    for text in ["", "[]", "{}", "[{}]", "[{\"Plan\":7}]", "[{\"Plan\":{\"Plans\":[[],7,null]}}]"] {
        assert_eq!(Plan::read(text), Plan::default(), "{text}");
    }
    // Deeper than anybody writes.
    let mut node = scan("t", 1);
    for _ in 0..60 {
        node = serde_json::json!({ "Node Type": "Sort", "Plans": [node] });
    }
    assert_eq!(plan(node).scans.len(), 1);
}
