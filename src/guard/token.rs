//! A token, and how the rest of the guard looks at tokens and their neighbours.
//!
//! Pure: [`super::lexer`] makes the tokens.

/// PostgreSQL cuts every name to this many bytes (`NAMEDATALEN - 1`).
const MAX_NAME_BYTES: usize = 63;

/// What a token is. Operators are not told apart: the guard needs to know nothing about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
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
    /// The parenthesis `(`.
    Open,
    /// The parenthesis `)`.
    Close,
    Comma,
    Semicolon,
    /// A single `.`; not the one inside a number.
    Dot,
    /// Numbers, operators and characters that no SQL text may hold.
    #[default]
    Other,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// The byte at which it starts.
    pub(crate) start: usize,
    /// As it is written.
    pub(crate) text: &'a str,
}

impl<'a> Token<'a> {
    /// Is this the key word `word` (given in lower case)? A quoted name never is one.
    pub(crate) fn is_word(self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Is this one of the key words `words`?
    pub(crate) fn is_one_of(self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    /// The name that PostgreSQL looks up: ASCII letters folded unless quoted, cut to 63 bytes. `None` if not a name.
    pub(crate) fn name(self) -> Option<String> {
        let mut name = match self.kind {
            Kind::Word => self.text.to_ascii_lowercase(),
            Kind::Quoted => self.text.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\""),
            _ => return None,
        };
        // Fewer than 63 bytes where a character would be cut in two.
        while name.len() > MAX_NAME_BYTES {
            name.pop();
        }
        Some(name)
    }
}

/// A token among its neighbours.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub(super) token: Token<'a>,
    tokens: &'a [Token<'a>],
    index: usize,
}

impl<'a> Place<'a> {
    /// The token so many places before this one; an empty one before the first.
    pub(super) fn before(self, places: usize) -> Token<'a> {
        self.index.checked_sub(places).and_then(|index| self.tokens.get(index)).copied().unwrap_or_default()
    }

    /// The token so many places after this one; an empty one after the last.
    pub(super) fn after(self, places: usize) -> Token<'a> {
        self.tokens.get(self.index.saturating_add(places)).copied().unwrap_or_default()
    }

    /// All tokens after this one.
    pub(super) fn rest(self) -> &'a [Token<'a>] {
        self.tokens.get(self.index.saturating_add(1)..).unwrap_or_default()
    }
}

/// Each token with its neighbours.
pub(super) fn places<'a>(tokens: &'a [Token<'a>]) -> impl Iterator<Item = Place<'a>> {
    tokens.iter().enumerate().map(move |(index, &token)| Place { token, tokens, index })
}
