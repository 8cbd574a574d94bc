use serde_json::{Value, json};

use super::*;

#[test]
fn nothing_in_a_text_can_forge_a_line_or_drive_a_terminal() {
    let text = "x\"}\n{\"event\":\"call\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\u{feff}";
    let json = json!({ "sql": text }).to_string();
    let line = escape(&json);
    assert_eq!(line.lines().count(), 1);
    assert!(line.chars().all(|c| !c.is_control() && !matches!(c, '\u{202e}' | '\u{2028}' | '\u{feff}')), "{line}");
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["sql"], text);
}
