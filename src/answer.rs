//! The answer of a tool call: texts, written straight into the form in which they are sent.
//!
//! In: text, and values that become JSON strings in it. Out: the inside of a JSON string, since that is what the text of an MCP
//! content block is. So a value of the database is copied once between PostgreSQL's message and the response, however large
//! the answer is. Escapes as PostgreSQL's `to_json` and `serde_json` do.

/// A text as it stands between the quotes of a JSON string.
#[derive(Debug, Default)]
pub struct Text {
    /// The pieces before the last one.
    full: Vec<Vec<u8>>,
    /// The last piece.
    escaped: Vec<u8>,
    length: usize,
}

/// About how long a piece is, and the room in it that is kept for a row.
const PIECE: usize = 64 << 10;
const ROW: usize = 4 << 10;

/// A place in a text to which it can be cut back.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    escaped: usize,
    length: usize,
}

impl Text {
    /// The length of the text itself, in bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        for (plain, special) in parts(text) {
            self.plain(plain);
            self.special(special);
        }
    }

    /// Adds a text as a JSON string: in quotes, and escaped once more.
    pub fn push_string(&mut self, text: &str) {
        self.special(Some(b'"'));
        for (plain, special) in parts(text) {
            self.plain(plain);
            if let Some(special) = special {
                for byte in escape(special).as_slice() {
                    self.special(Some(*byte));
                }
            }
        }
        self.special(Some(b'"'));
    }

    /// Adds what needs no escapes.
    fn plain(&mut self, text: &str) {
        self.length = self.length.saturating_add(text.len());
        self.escaped.extend_from_slice(text.as_bytes());
    }

    /// Adds a byte that may need one.
    fn special(&mut self, byte: Option<u8>) {
        if let Some(byte) = byte {
            self.length = self.length.saturating_add(1);
            self.escaped.extend_from_slice(escape(byte).as_slice());
        }
    }

    /// Begins another piece when the last one is nearly full. A long text that grew in one piece would be copied each time it
    /// doubles, and several large answers may be under way. Marks that were made before are no longer good.
    pub fn make_room(&mut self) {
        if self.escaped.len() > PIECE.saturating_sub(ROW) {
            self.full.push(std::mem::replace(&mut self.escaped, Vec::with_capacity(PIECE)));
        }
    }

    /// Adds another text.
    pub fn append(&mut self, text: &Text) {
        for piece in text.full.iter().chain([&text.escaped]) {
            self.escaped.extend_from_slice(piece);
        }
        self.length = self.length.saturating_add(text.length);
    }

    /// The end as it is now.
    pub fn mark(&self) -> Mark {
        Mark { escaped: self.escaped.len(), length: self.length }
    }

    /// Cuts off what came after the mark.
    pub fn cut(&mut self, mark: Mark) {
        self.escaped.truncate(mark.escaped);
        self.escaped.shrink_to(PIECE);
        self.length = self.length.min(mark.length);
    }

    /// The text as it is sent, without the quotes around it, in pieces that follow each other.
    pub fn into_escaped(mut self) -> Vec<Vec<u8>> {
        self.full.push(self.escaped);
        self.full
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        let mut escaped = Text::default();
        escaped.push(text);
        escaped
    }
}

/// What a tool call ends with.
#[derive(Debug)]
pub struct Answer {
    /// The content blocks. Each is a text, in pieces that follow each other.
    pub blocks: Vec<Vec<Text>>,
    /// How many rows are in it, where it has rows.
    pub rows: Option<u32>,
    /// Whether some were left out.
    pub truncated: bool,
    /// It says why there is no answer.
    pub is_error: bool,
}

impl Answer {
    /// One short text.
    pub fn new(text: &str) -> Answer {
        Answer { blocks: vec![vec![text.into()]], rows: None, truncated: false, is_error: false }
    }

    /// How long its texts are together, in bytes.
    pub fn len(&self) -> usize {
        self.blocks.iter().flatten().fold(0, |sum, text| sum.saturating_add(text.len()))
    }

    /// Whether there is no text in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether a byte has to be escaped inside a JSON string.
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Where the first such byte is. Sixteen bytes at a time, which the compiler turns into one comparison.
fn first_special(bytes: &[u8]) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<16>();
    let clean = chunks.iter().take_while(|chunk| !chunk.iter().fold(false, |found, byte| found | is_special(*byte)));
    let start = clean.count().saturating_mul(16);
    bytes.get(start..)?.iter().position(|byte| is_special(*byte)).map(|at| start.saturating_add(at))
}

/// The stretches of a text that stay as they are, each with the special byte after it.
fn parts(text: &str) -> impl Iterator<Item = (&str, Option<u8>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some(at) = first_special(text.as_bytes()) else { return Some((text, None)) };
        rest = text.get(at.saturating_add(1)..);
        Some((text.get(..at).unwrap_or_default(), text.as_bytes().get(at).copied()))
    })
}

/// An escape sequence: its bytes and how many they are.
struct Escape([u8; 6], usize);

impl Escape {
    fn as_slice(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

/// How a byte is written inside a JSON string.
fn escape(byte: u8) -> Escape {
    let short = |letter: u8| Escape([b'\\', letter, 0, 0, 0, 0], 2);
    match byte {
        b'"' | b'\\' => short(byte),
        0x08 => short(b'b'),
        b'\t' => short(b't'),
        b'\n' => short(b'n'),
        0x0c => short(b'f'),
        b'\r' => short(b'r'),
        0x10..0x20 => Escape([b'\\', b'u', b'0', b'0', b'1', hexadecimal(byte)], 6),
        0..0x20 => Escape([b'\\', b'u', b'0', b'0', b'0', hexadecimal(byte)], 6),
        _ => Escape([byte, 0, 0, 0, 0, 0], 1),
    }
}

/// The last digit of a byte.
fn hexadecimal(byte: u8) -> u8 {
    b"0123456789abcdef".get(usize::from(byte & 0x0f)).copied().unwrap_or(b'0')
}

#[cfg(test)]
#[path = "../tests/unit/answer.rs"]
mod tests;
