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

#[test]
fn what_cannot_be_seen_is_a_blank_and_emoji_stay_whole() {
    for hidden in [
        '\u{34f}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{17b5}',
        '\u{180b}',
        '\u{200d}',
        '\u{2066}',
        '\u{2800}',
        '\u{3164}',
        '\u{fe00}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{e007f}',
        '\u{e0100}',
    ] {
        assert!(is_invisible(hidden), "{hidden:?}");
        assert_eq!(clean(&format!("a{hidden}b")), "a b", "{hidden:?}");
    }
    for text in ["Ξ é ü ñ 東京 한국어 العربية ไทย हिन्दी", "⚠\u{fe0f} fuel ❤\u{fe0f}", "e\u{301}", "🚛 5 × 7 – “x”"]
    {
        assert_eq!(clean(text), text);
    }
    // As the whole of a name it is nothing, so a name may not have it.
    assert!(is_invisible('\u{fe0f}'));
}

/// Tags spell out ASCII that no person sees and a model reads.
#[test]
fn tags_are_escaped_as_pairs_and_the_json_means_the_same() {
    let tags: String = "drop it".chars().map(|c| char::from_u32(0xe0000 + u32::from(c)).unwrap()).collect();
    let text = format!("SELECT 1 🚛{tags}\u{e0100}\u{1d173}\u{3164}");
    let json = json!({ "sql": text }).to_string();
    let line = escape(&json);
    assert!(line.contains("🚛\\udb40\\udc64") && !line.contains(is_invisible), "{line}");
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["sql"], text.as_str());
}
