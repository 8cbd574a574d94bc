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

use super::token::{Kind, Token};

/// What is expected next at this level.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// No `WITH`, or its list is over.
    None,
    /// The name of a common table expression.
    Name,
    /// Its columns, or `AS`.
    Columns,
    /// Its body.
    Body,
    /// After the body: `,`, `SEARCH`, `CYCLE` and what may follow those, or the main statement.
    End,
    /// `BY` of a `SEARCH` clause.
    Search,
    /// A column of a `SEARCH` or `CYCLE` clause.
    Column,
    /// `,` or `SET`.
    ColumnEnd,
    /// The name after `SET` or `USING`.
    Added,
    /// `USING`, after the constants of a `CYCLE` clause.
    Marks,
}

impl With {
    /// Takes a token of this level that is not a parenthesis. True if it is the verb of the main statement.
    pub(super) fn step(&mut self, token: Token) -> bool {
        let word = |word: &str| token.is_word(word);
        let comma = token.kind == Kind::Comma;
        *self = match *self {
            // `AS` is reserved: after `WITH recursive` it shows that `recursive` was the name.
            With::Name if word("recursive") => With::Name,
            With::Name | With::Columns if word("as") => With::Body,
            With::Name => With::Columns,
            With::Search if word("by") => With::Column,
            With::Column => With::ColumnEnd,
            With::ColumnEnd if comma => With::Column,
            With::ColumnEnd if word("set") => With::Added,
            With::Added => With::End,
            With::Marks if word("using") => With::Added,
            With::End if comma => With::Name,
            With::End if word("search") => With::Search,
            With::End if word("cycle") => With::Column,
            With::End if word("to") => With::Marks,
            With::End if word("using") => With::Added,
            With::End => {
                *self = With::None;
                return true;
            }
            unchanged => unchanged,
        };
        false
    }

    /// A parenthesis opens at this level. True if it opens a body.
    pub(super) fn opens_body(&mut self) -> bool {
        let is_body = *self == With::Body;
        match *self {
            With::Body => *self = With::End,
            // The main statement is in parentheses.
            With::End => *self = With::None,
            _ => {}
        }
        is_body
    }
}
