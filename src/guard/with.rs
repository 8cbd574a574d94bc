//! Where the list of a `WITH` ends and its main statement begins.
//!
//! In: the tokens of one level of parentheses, after its `WITH`. Out: which parenthesis opens the body of a common table
//! expression, and which token is the main statement's verb. Pure. A text that does not follow the grammar is left alone:
//! PostgreSQL refuses it.
//!
//! ```text
//! WITH [RECURSIVE] { name [(columns)] AS [[NOT] MATERIALIZED] (body)
//!     [SEARCH {DEPTH|BREADTH} FIRST BY columns SET name]
//!     [CYCLE columns SET name [TO constant DEFAULT constant] USING name] } , …   main statement
//! ```

use super::lexer::{Kind, Token};

/// What is expected next at this level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// No `WITH`, or its list is over.
    None,
    /// The name of a common table expression.
    Name,
    /// Its columns, or `AS`.
    Columns,
    /// Its body.
    Body,
    /// The end of its body.
    InBody,
    /// `,`, `SEARCH`, `CYCLE` and what may follow those, or the main statement.
    End,
    /// `BY` of a `SEARCH` clause.
    Search,
    /// The name of a column to search or watch.
    Watched,
    /// `,` or `SET`.
    WatchedEnd,
    /// The name after `SET` or `USING`.
    Added,
    /// `USING`, after the constants of a `CYCLE` clause.
    Marks,
}

impl With {
    /// Takes a token of this level that is not a parenthesis. True if it is the verb of the main statement.
    pub(super) fn step(&mut self, sql: &str, token: Token) -> bool {
        let word = |word: &str| token.is_word(sql, word);
        *self = match *self {
            With::None => return false,
            // `AS` is reserved: after `WITH recursive` it shows that `recursive` was the name.
            With::Name if word("recursive") => With::Name,
            With::Name | With::Columns if word("as") => With::Body,
            With::Name => With::Columns,
            With::Search if word("by") => With::Watched,
            With::Watched => With::WatchedEnd,
            With::WatchedEnd if token.kind == Kind::Comma => With::Watched,
            With::WatchedEnd if word("set") => With::Added,
            With::Added => With::End,
            With::Marks if word("using") => With::Added,
            With::End if token.kind == Kind::Comma => With::Name,
            With::End if word("search") => With::Search,
            With::End if word("cycle") => With::Watched,
            With::End if word("to") => With::Marks,
            With::End if word("using") => With::Added,
            With::End => With::None,
            _ => return false,
        };
        *self == With::None
    }

    /// A parenthesis opens at this level. True if it opens a body.
    pub(super) fn opens_body(&mut self) -> bool {
        match *self {
            With::Body => *self = With::InBody,
            // The main statement is in parentheses.
            With::End => *self = With::None,
            _ => {}
        }
        *self == With::InBody
    }

    /// A parenthesis closes, back to this level.
    pub(super) fn body_closed(&mut self) {
        if *self == With::InBody {
            *self = With::End;
        }
    }
}
