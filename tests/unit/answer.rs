use super::*;

#[test]
fn a_text_and_a_string_in_it_come_back_as_they_were() {
    let every: String = (0..0x250).filter_map(char::from_u32).collect();
    for text in ["", "plain", "\"", "\\", "a\"b\\c\nd", "\u{1f}\u{10}\u{7f}", "é😀\u{2028}", &every] {
        let mut written = Text::from("before ");
        written.push_string(text);
        let length = written.len();
        let sent = String::from_utf8(written.into_escaped().concat()).unwrap();
        let outer: String = serde_json::from_str(&format!("\"{sent}\"")).unwrap();
        assert_eq!(outer.len(), length, "{text:?}");
        let inner: String = serde_json::from_str(outer.strip_prefix("before ").unwrap()).unwrap();
        assert_eq!(inner, text);
        assert_eq!(outer, format!("before {}", serde_json::Value::from(text)), "escaped as serde_json does");
    }
}

#[test]
fn a_long_text_comes_in_pieces_and_in_order() {
    let mut text = Text::default();
    let mut expected = String::new();
    for n in 0..40_000 {
        text.make_room();
        let mark = text.mark();
        text.push_string("to be cut back");
        text.cut(mark);
        text.push(&n.to_string());
        expected.push_str(&n.to_string());
    }
    assert_eq!(text.len(), expected.len());
    let mut joined = Text::from("[");
    joined.append(&text);
    let pieces = text.into_escaped();
    assert!(pieces.len() > 2 && pieces.iter().all(|piece| piece.capacity() <= 2 * PIECE), "{}", pieces.len());
    assert_eq!(String::from_utf8(pieces.concat()).unwrap(), expected);
    assert_eq!(String::from_utf8(joined.into_escaped().concat()).unwrap(), format!("[{expected}"));
}

#[test]
fn a_text_can_be_cut_back() {
    let mut text = Text::from("a\"b");
    let mark = text.mark();
    text.push_string("\n\n");
    text.cut(mark);
    text.push("c");
    assert_eq!((text.len(), text.into_escaped().concat()), (4, br#"a\"bc"#.to_vec()));
}
