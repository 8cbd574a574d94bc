//! Characters that a person cannot see in a text, and that can change what they do see.

use std::borrow::Cow;

/// What can drive a terminal, turn the direction of a text or hide a part of it: control characters, line and paragraph
/// separators, what Unicode calls `Default_Ignorable_Code_Point` (zero-width and direction marks, fillers, variation selectors,
/// tags), the marks of annotations, and the Braille pattern without dots.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text in which each of them is a blank: a line stays one line, and looks like what it is.
pub(crate) fn clean(text: &str) -> String {
    // The selector that colours an emoji stays: alone it hides nothing, and comments have emoji.
    text.chars().map(|c| if is_invisible(c) && c != '\u{fe0f}' { ' ' } else { c }).collect()
}

/// Escapes the hidden characters that JSON allows to stand as they are.
pub(crate) fn escape(json: &str) -> Cow<'_, str> {
    if !json.contains(is_invisible) {
        return json.into();
    }
    let mut escaped = String::with_capacity(json.len().saturating_add(16));
    for c in json.chars() {
        if is_invisible(c) {
            // JSON escapes units of UTF-16: two of them for a tag.
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

#[cfg(test)]
#[path = "../tests/unit/invisible.rs"]
mod tests;
