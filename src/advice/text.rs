//! A refused text as advice looks at it: its tokens, and what its FROM clauses name.
//!
//! In: the analyst's text, and where PostgreSQL has stumbled. Out: what stands there and what it can refer to. Pure. It is no
//! parser: where a text is unusual less is found, and less is said.

use std::iter::successors;

use crate::{
    guard::{
        lexer,
        token::{Kind, Token},
    },
    hidden_columns::HiddenColumn,
};

/// What ends a FROM clause, and the list of a SELECT.
#[rustfmt::skip]
const CLAUSES: &[&str] = &[
    "from", "where", "group", "having", "window", "order", "limit", "offset", "fetch", "for", "union", "intersect", "except",
];
/// What can follow a table and is not its alias.
const NO_ALIAS: &[&str] = &["on", "using", "join", "left", "right", "full", "inner", "cross", "natural", "tablesample"];

/// An analyst's text.
pub(crate) struct Text<'a> {
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    /// What is around each token.
    around: Vec<Around>,
    /// The token at which PostgreSQL has stumbled.
    at: Option<usize>,
    /// What the text reads from; what the place can refer to first, and of that the nearest.
    pub(super) sources: Vec<Source>,
}

#[derive(Clone, Copy, Default)]
struct Around {
    /// The token after the parenthesis around it.
    start: usize,
    /// The SELECT that it belongs to, and whether that has come to its FROM.
    select: Option<usize>,
    from: bool,
}

/// What a FROM clause names.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) schema: Option<String>,
    /// Empty if it is part of the text, and no table of the catalog.
    pub(super) name: String,
    /// By which its columns are qualified; may be empty.
    pub(super) called: String,
    /// How many SELECTs the place is inside that of this clause; none if it cannot refer to it.
    pub(super) distance: Option<usize>,
    /// `schema.table` of the catalog, or as it is called.
    pub(super) table: String,
    /// What may be read of it, as the catalog or the text tells; empty if that is not known.
    pub(super) columns: Vec<String>,
    /// Not all of it may be read.
    pub(super) partial: bool,
    /// Those of the others that a file hides.
    pub(super) hidden: Vec<HiddenColumn>,
    token: usize,
}

impl<'a> Text<'a> {
    /// Reads a text. `position` is where PostgreSQL has stumbled, in characters from 1.
    pub(crate) fn read(sql: &'a str, position: Option<usize>) -> Text<'a> {
        let mark = if sql.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let tokens = lexer::tokens(sql, mark).unwrap_or_default();
        let byte = position.and_then(|position| sql.char_indices().nth(position.checked_sub(1)?));
        let at = byte.and_then(|(byte, _)| tokens.iter().position(|token| token.start == byte));
        let mut text = Text { sql, tokens, around: Vec::new(), at, sources: Vec::new() };
        // The time for a text grows with the number of tables.
        let tables = text.look_around().into_iter().take(64);
        text.sources = tables.filter_map(|token| text.source(token)).collect();
        text.sources.sort_by_key(|source| source.distance.unwrap_or(usize::MAX));
        text
    }

    /// Notes what is around each token. Gives those where a table or a sub-select may begin.
    fn look_around(&mut self) -> Vec<usize> {
        // For each parenthesis that is open, what is around the next token in it; and whether a table comes next.
        let (mut open, mut table, mut tables) = (vec![Around::default()], false, Vec::new());
        for index in 0..self.tokens.len() {
            let token = self.get(index);
            if token.kind == Kind::Close {
                (_, table) = (open.pop(), false);
            }
            let Some(here) = open.last_mut() else { break };
            if token.is_one_of(&["select", "table"]) {
                // TABLE name is SELECT * FROM name.
                (here.select, here.from, table) = (Some(index), false, token.is_word("table"));
            } else if self.is_clause(index) {
                // Some functions have a FROM among their arguments.
                table = token.is_word("from") && here.select >= Some(here.start);
                here.from = table;
            } else if token.kind == Kind::Comma || token.is_word("join") {
                table = here.from;
            } else if table && !token.is_one_of(&["lateral", "only"]) {
                tables.push(index);
                // Parentheses around a join hold tables, too.
                table = token.kind == Kind::Open;
            }
            let here = *here;
            self.around.push(here);
            if token.kind == Kind::Open {
                open.push(Around { start: index.saturating_add(1), from: table, ..here });
            }
        }
        tables
    }

    /// The table or the sub-select that begins with this token.
    fn source(&self, token: usize) -> Option<Source> {
        let (mut names, mut after) = self.names_at(token);
        let inside = after.saturating_add(1);
        let body = match names.as_slice() {
            [] if self.get(inside).is_one_of(&["select", "with"]) => {
                after = self.level(token).nth(1)?.saturating_add(1);
                Some(inside)
            }
            [name] => self.common(name),
            _ => None,
        };
        if self.get(after).kind == Kind::Open {
            // A function, or parentheses around a join.
            return None;
        }
        let (name, schema) = (names.pop(), names.pop());
        let alias = self.get(after.saturating_add(usize::from(self.get(after).is_word("as"))));
        let alias = alias.name().filter(|_| !alias.is_one_of(CLAUSES) && !alias.is_one_of(NO_ALIAS));
        let called = alias.or_else(|| name.clone()).unwrap_or_default();
        let select = self.around(token).select;
        Some(Source {
            schema,
            // What is part of the text must not be looked for in the catalog.
            name: name.filter(|_| body.is_none()).unwrap_or_default(),
            table: called.clone(),
            called,
            distance: self.at.map_or(Some(0), |_| self.selects().position(|around| Some(around) == select)),
            columns: body.and_then(|body| self.columns(body)).unwrap_or_default(),
            partial: false,
            hidden: Vec::new(),
            token,
        })
    }

    fn get(&self, index: usize) -> Token<'a> {
        self.tokens.get(index).copied().unwrap_or_default()
    }

    /// The token so many places after the one that PostgreSQL has stumbled over, or before it.
    pub(super) fn near(&self, places: isize) -> Token<'a> {
        self.at.and_then(|at| at.checked_add_signed(places)).map(|index| self.get(index)).unwrap_or_default()
    }

    /// The name where PostgreSQL has stumbled, part by part.
    pub(super) fn names(&self) -> Vec<String> {
        self.at.map(|at| self.names_at(at).0).unwrap_or_default()
    }

    /// The name that begins with this token, part by part, and the token after it.
    fn names_at(&self, mut index: usize) -> (Vec<String>, usize) {
        let mut names = Vec::new();
        while let Some(name) = self.get(index).name() {
            names.push(name);
            index = index.saturating_add(1);
            if self.get(index).kind != Kind::Dot {
                break;
            }
            index = index.saturating_add(1);
        }
        (names, index)
    }

    /// Whether this name stands anywhere in it.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.tokens.iter().any(|token| token.name().as_deref() == Some(name))
    }

    /// Whether the name there stands where a table does.
    pub(super) fn is_source(&self) -> bool {
        self.at.is_none() || self.sources.iter().any(|source| Some(source.token) == self.at)
    }

    /// The arguments of the call at the place, as they are written.
    pub(super) fn arguments(&self) -> Vec<&'a str> {
        let first = self.at.map(|at| self.names_at(at).1.saturating_add(1));
        let arguments = first.map(|first| self.items(first)).unwrap_or_default();
        arguments.into_iter().map(|argument| self.source_of(argument)).collect()
    }

    /// The expression to which the SELECT around the place gives this name with AS.
    pub(super) fn aliased(&self, name: &str) -> Option<&'a str> {
        self.items(self.selects().next()?.saturating_add(1)).into_iter().find_map(|item| match item {
            [expression @ .., word, last] if word.is_word("as") && last.name().as_deref() == Some(name) => {
                Some(self.source_of(expression))
            }
            _ => None,
        })
    }

    /// What these tokens are in the text.
    fn source_of(&self, tokens: &[Token]) -> &'a str {
        let start = tokens.first().map(|token| token.start).unwrap_or_default();
        let end = tokens.last().map(|token| token.start.saturating_add(token.text.len())).unwrap_or_default();
        self.sql.get(start..end).unwrap_or_default()
    }

    fn around(&self, index: usize) -> Around {
        self.around.get(index).copied().unwrap_or_default()
    }

    /// The SELECT around the place, the one around that, and so on.
    fn selects(&self) -> impl Iterator<Item = usize> {
        let select = self.at.and_then(|at| self.around(at).select);
        successors(select, |select| self.around(self.around(*select).start.checked_sub(1)?).select)
    }

    /// The tokens from this one to the end of the parentheses around it, without those that are in parentheses themselves.
    fn level(&self, first: usize) -> impl Iterator<Item = usize> {
        let start = self.around(first).start;
        let inside = (first..self.tokens.len()).take_while(move |index| self.around(*index).start >= start);
        inside.filter(move |index| self.around(*index).start == start)
    }

    /// Whether a clause begins at this token.
    fn is_clause(&self, index: usize) -> bool {
        let before = index.checked_sub(1).map(|before| self.get(before)).unwrap_or_default();
        self.get(index).is_one_of(CLAUSES) && !before.is_one_of(&["distinct", "within"]) && before.kind != Kind::Dot
    }

    /// The parts between commas from this token on, up to the next clause or the parenthesis that closes.
    fn items(&self, mut first: usize) -> Vec<&[Token<'a>]> {
        if self.get(first).is_one_of(&["distinct", "all"]) {
            first = first.saturating_add(1);
        }
        let inside = self.level(first).filter(|_| self.get(first).kind != Kind::Close);
        let list: Vec<usize> = inside.take_while(|index| !self.is_clause(*index)).collect();
        let end = list.last().map_or(first, |last| last.saturating_add(1));
        let mut items = Vec::new();
        for comma in list.into_iter().filter(|index| self.get(*index).kind == Kind::Comma).chain([end]) {
            items.push(self.tokens.get(first..comma).unwrap_or_default());
            first = comma.saturating_add(1);
        }
        items
    }

    /// Where the common table expression of this name begins: `name AS [[NOT] MATERIALIZED] (`.
    fn common(&self, name: &str) -> Option<usize> {
        let is_it = |index: &usize| {
            self.get(*index).is_word("as") && self.get(index.saturating_sub(1)).name().as_deref() == Some(name)
        };
        let word = (1..self.tokens.len()).find(is_it)?;
        let open = (word.saturating_add(1)..).find(|index| !self.get(*index).is_one_of(&["not", "materialized"]))?;
        (self.get(open).kind == Kind::Open).then_some(open.saturating_add(1))
    }

    /// The names of the columns of the SELECT that begins at this token, if each is known.
    fn columns(&self, select: usize) -> Option<Vec<String>> {
        let items = self.items(select.saturating_add(1)).into_iter().filter(|_| self.get(select).is_word("select"));
        items.map(label).collect()
    }
}

/// The name that an item of a SELECT list has.
fn label(item: &[Token]) -> Option<String> {
    match item {
        [name] | [_, Token { kind: Kind::Dot, .. }, name] => name.name(),
        [.., before, name] if before.is_word("as") || before.kind == Kind::Close => {
            name.name().filter(|_| !name.is_word("end"))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "../../tests/unit/advice/text.rs"]
mod tests;
