//! PostgreSQL's lexical rules (`src/backend/parser/scan.l`, `standard_conforming_strings = on`).
//!
//! In: text without NUL. Out: its tokens, comments and white space left out, or the place from which it cannot be read.
//! Pure; one pass, no recursion, and every byte is looked at a bounded number of times.
//!
//! # What this does not do
//! It gives a meaning to no word. A lexical error (`1a`, a lone `$`) gives tokens all the same: PostgreSQL will refuse it.

use std::borrow::Cow;

/// PostgreSQL cuts every name to this many bytes (`NAMEDATALEN - 1`).
const MAX_NAME_BYTES: usize = 63;

/// What a token is. Operators are not told apart: the guard asks nothing about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or key word without quotes.
    Word,
    /// `"name"`.
    Quoted,
    /// `U&"name"`, whose escapes are decoded only later, in PostgreSQL's parser.
    UnicodeName,
    /// Any string or bit-string constant.
    Literal,
    /// `$1`.
    Parameter,
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `,`.
    Comma,
    /// `;`.
    Semicolon,
    /// A single `.`; not the one inside a number.
    Dot,
    /// Numbers, operators and characters that no SQL text may hold.
    Other,
}

/// A piece of the text: its kind and its bytes `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The longest run of operator characters, comment marks included. At each operator or comment PostgreSQL's scanner reads
/// the whole run ahead and gives most of it back: 20 KB of `/*` or `+` cost it a second, and no time limit reaches it there.
/// A row of asterisks in a comment it takes at once, so a banner counts as one.
const MAX_RUN: usize = 256;
/// The deepest nesting of comments.
const MAX_DEPTH: usize = 64;

/// What makes a text unreadable, at byte `start`: a quote or comment that is never closed, or what PostgreSQL would take very
/// long to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Unterminated { what: &'static str, start: usize },
    SlowToRead { what: &'static str, start: usize },
}

impl Token {
    /// The token as it is written.
    pub(super) fn text(self, sql: &str) -> &str {
        sql.get(self.start..self.end).unwrap_or_default()
    }

    /// Is this the key word `word` (given in lower case)? A quoted name never is one.
    pub(super) fn is_word(self, sql: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.text(sql).eq_ignore_ascii_case(word)
    }

    /// Is this one of the key words `words`?
    pub(super) fn is_one_of(self, sql: &str, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(sql, word))
    }

    /// The name that PostgreSQL looks up: ASCII letters folded unless quoted, cut to 63 bytes. `None` if not a name.
    pub(super) fn name(self, sql: &str) -> Option<Cow<'_, str>> {
        let text = self.text(sql);
        match self.kind {
            Kind::Word => Some(Cow::Owned(truncate(text).to_ascii_lowercase())),
            Kind::Quoted => {
                let inner = text.strip_prefix('"')?.strip_suffix('"')?;
                if inner.contains("\"\"") {
                    Some(Cow::Owned(truncate(&inner.replace("\"\"", "\"")).to_owned()))
                } else {
                    Some(Cow::Borrowed(truncate(inner)))
                }
            }
            _ => None,
        }
    }
}

/// The first 63 bytes, or fewer where a character would be cut in two.
fn truncate(name: &str) -> &str {
    if name.len() <= MAX_NAME_BYTES {
        return name;
    }
    (0..=MAX_NAME_BYTES).rev().find_map(|end| name.get(..end)).unwrap_or_default()
}

/// Splits `sql` into tokens.
pub(super) fn tokens(sql: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { sql, bytes: sql.as_bytes(), at: 0, run: Run::default() };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let start = lexer.at;
        let Some(first) = lexer.peek(0) else { return Ok(tokens) };
        let kind = lexer.token(first)?;
        tokens.push(Token { kind, start, end: lexer.at });
    }
}

struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    run: Run,
}

/// A run of operator characters.
#[derive(Default)]
struct Run {
    start: usize,
    length: usize,
    end: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at.saturating_add(ahead)).copied()
    }

    fn advance(&mut self, by: usize) {
        self.at = self.at.saturating_add(by);
    }

    fn starts_with(&self, prefix: &[u8]) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(prefix))
    }

    fn skip_while(&mut self, accept: fn(u8) -> bool) {
        while self.peek(0).is_some_and(accept) {
            self.advance(1);
        }
    }

    /// White space, `--` comments and nested `/* */` comments.
    fn skip_blank(&mut self) -> Result<(), Fault> {
        loop {
            if self.peek(0).is_some_and(is_space) {
                self.advance(1);
            } else if self.starts_with(b"--") {
                self.skip_while(|byte| !is_newline(byte));
            } else if self.starts_with(b"/*") {
                self.block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Takes `bytes` operator characters.
    fn operators(&mut self, bytes: usize) -> Result<(), Fault> {
        if self.run.end != self.at || self.run.length == 0 {
            self.run = Run { start: self.at, length: 0, end: self.at };
        }
        self.advance(bytes);
        self.run.length = self.run.length.saturating_add(bytes);
        self.run.end = self.at;
        let fault = Fault::SlowToRead { what: "more than 256 operator characters in a row", start: self.run.start };
        if self.run.length > MAX_RUN { Err(fault) } else { Ok(()) }
    }

    fn block_comment(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            if self.starts_with(b"/*") {
                depth = depth.saturating_add(1);
                if depth > MAX_DEPTH {
                    return Err(Fault::SlowToRead { what: "comments nested more than 64 deep", start });
                }
                self.operators(2)?;
            } else if self.starts_with(b"*/") {
                depth = depth.saturating_sub(1);
                self.operators(2)?;
                if depth == 0 {
                    return Ok(());
                }
            } else if byte == b'*'
                && self.run.end == self.at
                && self.at.checked_sub(1).and_then(|at| self.bytes.get(at)) == Some(&b'*')
            {
                self.advance(1);
                self.run.end = self.at;
            } else if is_operator(byte) {
                self.operators(1)?;
            } else {
                self.advance(1);
            }
        }
        Err(Fault::Unterminated { what: "comment", start })
    }

    /// Reads the token that starts with `first`, the byte at the cursor.
    fn token(&mut self, first: u8) -> Result<Kind, Fault> {
        let start = self.at;
        match first {
            b'\'' => self.literal(start, 0, false),
            b'"' => self.quoted(start, 0, Kind::Quoted),
            b'$' => self.dollar(),
            b'0'..=b'9' => Ok(self.number()),
            b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => Ok(self.number()),
            // `..` is one token (only PL/pgSQL has a use for it), so neither half is the dot of a qualified name.
            b'.' if self.peek(1) == Some(b'.') => Ok(self.take(2, Kind::Other)),
            b'.' => Ok(self.take(1, Kind::Dot)),
            b'(' => Ok(self.take(1, Kind::Open)),
            b')' => Ok(self.take(1, Kind::Close)),
            b',' => Ok(self.take(1, Kind::Comma)),
            b';' => Ok(self.take(1, Kind::Semicolon)),
            _ if is_name_start(first) => match (first.to_ascii_lowercase(), self.peek(1), self.peek(2)) {
                (b'e', Some(b'\''), _) => self.literal(start, 1, true),
                (b'b' | b'x' | b'n', Some(b'\''), _) => self.literal(start, 1, false),
                (b'u', Some(b'&'), Some(b'\'')) => self.literal(start, 2, false),
                (b'u', Some(b'&'), Some(b'"')) => self.quoted(start, 2, Kind::UnicodeName),
                _ => {
                    self.skip_while(is_name_part);
                    Ok(Kind::Word)
                }
            },
            // One character at a time: PostgreSQL, too, ends a run of them where a comment starts.
            _ if is_operator(first) => self.operators(1).map(|()| Kind::Other),
            _ => Ok(self.take(1, Kind::Other)),
        }
    }

    fn take(&mut self, bytes: usize, kind: Kind) -> Kind {
        self.advance(bytes);
        kind
    }

    /// A string constant whose opening quote is `prefix` bytes on, with all its continuations.
    fn literal(&mut self, start: usize, prefix: usize, backslash: bool) -> Result<Kind, Fault> {
        self.advance(prefix.saturating_add(1));
        loop {
            match self.peek(0) {
                None => return Err(Fault::Unterminated { what: "string literal", start }),
                Some(b'\\') if backslash => self.advance(2),
                Some(b'\'') if self.peek(1) == Some(b'\'') => self.advance(2),
                Some(b'\'') => {
                    self.advance(1);
                    if !self.continuation() {
                        return Ok(Kind::Literal);
                    }
                }
                Some(_) => self.advance(1),
            }
        }
    }

    /// After a closing quote: white space with a line break in it (`--` comments allowed) and another quote continue
    /// the same literal, under the same escape rules. Moves past that quote if so, and not at all otherwise.
    fn continuation(&mut self) -> bool {
        let after_quote = self.at;
        let mut seen_newline = false;
        loop {
            match self.peek(0) {
                Some(byte) if is_space(byte) => {
                    seen_newline |= is_newline(byte);
                    self.advance(1);
                }
                Some(b'-') if self.peek(1) == Some(b'-') => self.skip_while(|byte| !is_newline(byte)),
                Some(b'\'') if seen_newline => {
                    self.advance(1);
                    return true;
                }
                _ => {
                    self.at = after_quote;
                    return false;
                }
            }
        }
    }

    /// A name in double quotes that are `prefix` bytes on.
    fn quoted(&mut self, start: usize, prefix: usize, kind: Kind) -> Result<Kind, Fault> {
        self.advance(prefix.saturating_add(1));
        loop {
            match self.peek(0) {
                None => return Err(Fault::Unterminated { what: "quoted name", start }),
                Some(b'"') if self.peek(1) == Some(b'"') => self.advance(2),
                Some(b'"') => return Ok(self.take(1, kind)),
                Some(_) => self.advance(1),
            }
        }
    }

    /// `$1`, `$$…$$`, `$tag$…$tag$`, or a lone `$`.
    fn dollar(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        self.advance(1);
        if self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.skip_while(|byte| byte.is_ascii_digit());
            return Ok(Kind::Parameter);
        }
        if self.peek(0).is_some_and(is_name_start) {
            self.skip_while(|byte| byte != b'$' && is_name_part(byte));
        }
        if self.peek(0) != Some(b'$') {
            // Not a quote: PostgreSQL gives back all but the `$`.
            self.at = start.saturating_add(1);
            return Ok(Kind::Other);
        }
        self.advance(1);
        let delimiter = self.sql.get(start..self.at).unwrap_or_default();
        match self.sql.get(self.at..).and_then(|rest| rest.find(delimiter)) {
            Some(length) => Ok(self.take(length.saturating_add(delimiter.len()), Kind::Literal)),
            None => Err(Fault::Unterminated { what: "dollar-quoted string", start }),
        }
    }

    /// `1`, `1_000`, `0x1F`, `1.5`, `.5`, `1.`, `1e-5`; in `1..2` only the `1`.
    fn number(&mut self) -> Kind {
        let digits: Option<fn(u8) -> bool> = match (self.peek(0), self.peek(1).map(|byte| byte.to_ascii_lowercase())) {
            (Some(b'0'), Some(b'x')) => Some(|byte| byte.is_ascii_hexdigit()),
            (Some(b'0'), Some(b'o')) => Some(|byte| matches!(byte, b'0'..=b'7')),
            (Some(b'0'), Some(b'b')) => Some(|byte| matches!(byte, b'0' | b'1')),
            _ => None,
        };
        if let Some(is_digit) = digits {
            let first = if self.peek(2) == Some(b'_') { 3 } else { 2 };
            if self.peek(first).is_some_and(is_digit) {
                self.advance(2);
                self.digits(is_digit);
                return Kind::Other;
            }
        }
        self.digits(|byte| byte.is_ascii_digit());
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            self.advance(1);
            self.digits(|byte| byte.is_ascii_digit());
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            let first_digit = sign.saturating_add(1);
            if self.peek(first_digit).is_some_and(|byte| byte.is_ascii_digit()) {
                self.advance(first_digit);
                self.digits(|byte| byte.is_ascii_digit());
            }
        }
        Kind::Other
    }

    /// Digits with single `_` between them.
    fn digits(&mut self, is_digit: fn(u8) -> bool) {
        loop {
            if self.peek(0).is_some_and(is_digit) {
                self.advance(1);
            } else if self.peek(0) == Some(b'_') && self.peek(1).is_some_and(is_digit) {
                self.advance(2);
            } else {
                return;
            }
        }
    }
}

/// White space: these six and no others; a no-break space is a letter.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Both end a `--` comment.
fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_name_part(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
#[path = "../../tests/unit/guard/lexer.rs"]
mod tests;
