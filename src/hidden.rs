//! Characters that a person cannot see in a text, and that can change what they do see.

use std::borrow::Cow;

/// What can drive a terminal, turn the direction of a text or hide a part of it: control characters, line and paragraph
/// separators, zero-width and direction marks.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A text in which each of them is a blank: a line stays one line, and looks like what it is.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect()
}

/// Escapes the hidden characters that JSON allows to stand as they are.
pub(crate) fn escape(json: &str) -> Cow<'_, str> {
    if !json.contains(is_hidden) {
        return json.into();
    }
    let mut escaped = String::with_capacity(json.len().saturating_add(16));
    for c in json.chars() {
        if is_hidden(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

#[cfg(test)]
#[path = "../tests/unit/hidden.rs"]
mod tests;
