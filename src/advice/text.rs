//! A refused text as advice looks at it: its tokens, its SELECT lists and the tables of its FROM clauses.
//!
//! In: the analyst's text, and where PostgreSQL has stumbled. Out: what stands there and what it can refer to. Pure. It is no
//! parser: where a text is unusual less is found, and less is said.

use std::collections::HashMap;

use crate::guard::{
    lexer,
    token::{Kind, Token},
};

/// What ends a FROM clause, and the list of a SELECT.
const CLAUSES: &[&str] = &[
    "from",
    "where",
    "group",
    "having",
    "window",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "union",
    "intersect",
    "except",
];
/// What can follow a table and is not its alias.
const NO_ALIAS: &[&str] =
    &["on", "using", "join", "left", "right", "full", "inner", "cross", "natural", "tablesample", "set"];

/// Deeper parentheses are not looked into: the time for a text grows with their depth.
const MAX_DEPTH: usize = 64;
/// How many tables are noted, and how many columns of a sub-select.
const MAX_SOURCES: usize = 64;
const MAX_COLUMNS: usize = 400;

/// An analyst's text.
pub(crate) struct Text<'a> {
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    /// The token at which PostgreSQL has stumbled.
    at: Option<usize>,
    sources: Vec<Source>,
    selects: Vec<Select>,
    /// The common table expressions and their columns.
    with: HashMap<String, Option<Vec<String>>>,
}

/// What a FROM clause names.
#[derive(Debug, Default, Clone)]
pub(super) struct Source {
    pub(super) schema: Option<String>,
    pub(super) name: String,
    pub(super) alias: Option<String>,
    /// The columns of a sub-select or common table expression, where the text tells.
    pub(super) columns: Option<Vec<String>>,
    /// It is part of the text: no table of the catalog.
    pub(super) inner: bool,
    token: usize,
    select: Select,
}

/// A SELECT, by tokens: its own, and the parentheses around it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Select {
    token: usize,
    start: usize,
    end: usize,
}

/// One level of parentheses, while the walk is inside it.
#[derive(Default)]
struct Level {
    open: usize,
    select: Option<Select>,
    /// Inside a FROM clause, and whether a table comes next.
    from: bool,
    table: bool,
    /// The parentheses stand where a table does.
    is_table: bool,
}

impl Source {
    /// The name by which columns are qualified.
    pub(super) fn called(&self) -> &str {
        self.alias.as_ref().unwrap_or(&self.name)
    }
}

impl<'a> Text<'a> {
    /// Reads a text. `position` is where PostgreSQL has stumbled, in characters from 1.
    pub(crate) fn read(sql: &'a str, position: Option<usize>) -> Text<'a> {
        let mark = if sql.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let tokens = lexer::tokens(sql, mark).unwrap_or_default();
        let byte = position.and_then(|position| sql.char_indices().nth(position.checked_sub(1)?));
        let at = byte.and_then(|(byte, _)| tokens.iter().position(|token| token.start == byte));
        let mut text = Text { sql, tokens, at, sources: Vec::new(), selects: Vec::new(), with: HashMap::new() };
        text.walk();
        text
    }

    fn get(&self, index: usize) -> Token<'a> {
        self.tokens.get(index).copied().unwrap_or_default()
    }

    /// The token so many places after the one that PostgreSQL has stumbled over, or before it.
    pub(super) fn near(&self, places: isize) -> Token<'a> {
        self.at.and_then(|at| at.checked_add_signed(places)).map(|index| self.get(index)).unwrap_or_default()
    }

    /// Whether a token anywhere reads like this.
    pub(super) fn has(&self, text: &str) -> bool {
        self.tokens.iter().any(|token| token.text == text)
    }

    /// Whether the token so many places away is a number.
    pub(super) fn is_number(&self, places: isize) -> bool {
        self.near(places).text.starts_with(|c: char| c.is_ascii_digit())
    }

    /// The column, `a` or `a.b`, that ends right before the token so many places away.
    pub(super) fn column_before(&self, places: isize) -> Option<&'a str> {
        let end = self.at?.checked_add_signed(places)?;
        let dotted = end.checked_sub(2).is_some_and(|dot| self.get(dot).kind == Kind::Dot);
        self.column(end.checked_sub(if dotted { 3 } else { 1 })?, end)
    }

    /// The column that begins with the token so many places away.
    pub(super) fn column_after(&self, places: isize) -> Option<&'a str> {
        let start = self.at?.checked_add_signed(places)?;
        let dotted = self.get(start.saturating_add(1)).kind == Kind::Dot;
        let end = start.saturating_add(if dotted { 3 } else { 1 });
        self.column(start, end).filter(|_| !matches!(self.get(end).kind, Kind::Open | Kind::Dot))
    }

    fn column(&self, start: usize, end: usize) -> Option<&'a str> {
        let tokens = self.tokens.get(start..end)?;
        let names = tokens.iter().step_by(2).all(|token| token.name().is_some());
        let before = start.checked_sub(1).map(|before| self.get(before)).unwrap_or_default();
        let written = self.source_of(tokens);
        (names && before.kind != Kind::Dot && written.len() < 80 && !tokens.iter().any(|token| token.is_word("end")))
            .then_some(written)
    }

    /// How often this key word stands between the SELECT around the place and the place itself, deeper parentheses left out.
    pub(super) fn so_far(&self, word: &str) -> usize {
        let (Some(select), Some(at)) = (self.select(), self.at) else { return 0 };
        let mut depth = 0_usize;
        let between = (select.token..at).filter(|index| {
            let token = self.get(*index);
            match token.kind {
                Kind::Open => depth = depth.saturating_add(1),
                Kind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.is_word(word) && (self.is_clause(*index) || !CLAUSES.contains(&word))
        });
        between.count()
    }

    /// The name where PostgreSQL has stumbled, part by part.
    pub(super) fn names(&self) -> Vec<String> {
        self.at.map(|at| self.names_at(at)).unwrap_or_default()
    }

    /// Whether the name there is that of a function.
    pub(super) fn is_call(&self) -> bool {
        let names = self.names().len();
        let after = names.saturating_mul(2).saturating_sub(1);
        names > 0 && self.near(isize::try_from(after).unwrap_or_default()).kind == Kind::Open
    }

    /// Whether the name there stands where a table does.
    pub(super) fn is_source(&self) -> bool {
        self.at.is_none() || self.sources.iter().any(|source| Some(source.token) == self.at)
    }

    fn names_at(&self, mut index: usize) -> Vec<String> {
        let mut names = Vec::new();
        while names.len() < 4
            && let Some(name) = self.get(index).name()
        {
            names.push(name);
            if self.get(index.saturating_add(1)).kind != Kind::Dot {
                break;
            }
            index = index.saturating_add(2);
        }
        names
    }

    /// What the text reads from; what the place can refer to first, and of that the nearest.
    pub(super) fn sources(&self) -> Vec<&Source> {
        let mine = self.select().unwrap_or_default();
        let mut sources: Vec<&Source> = self.sources.iter().collect();
        let distance = |source: &Source| usize::MAX.saturating_sub(source.select.start);
        sources.sort_by_key(|source| (!self.is_in_scope(source), distance(source), source.select != mine));
        sources
    }

    /// Those of them that are tables of the catalog.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Source> {
        self.sources().into_iter().filter(|source| !source.inner)
    }

    /// Whether the place can refer to it.
    pub(super) fn is_in_scope(&self, source: &Source) -> bool {
        self.at.is_none_or(|at| (source.select.start..source.select.end).contains(&at))
    }

    /// The innermost SELECT around the place.
    fn select(&self) -> Option<Select> {
        let at = self.at?;
        let around = self.selects.iter().filter(|select| (select.start..select.end).contains(&at));
        around.filter(|select| select.token < at).max_by_key(|select| (select.start, select.token)).copied()
    }

    /// The expression to which the SELECT around the place gives this name, if it does with AS or behind a parenthesis.
    pub(super) fn aliased(&self, name: &str) -> Option<&'a str> {
        let items = self.items(self.select()?.token, true);
        let labels =
            items.iter().filter_map(|item| label(item).filter(|(_, expression)| expression.len() < item.len()));
        labels.filter(|(known, _)| known == name).map(|(_, expression)| self.source_of(expression)).next()
    }

    /// What these tokens are in the text.
    fn source_of(&self, tokens: &[Token]) -> &'a str {
        let start = tokens.first().map(|token| token.start).unwrap_or_default();
        let end = tokens.last().map(|token| token.start.saturating_add(token.text.len())).unwrap_or_default();
        self.sql.get(start..end).unwrap_or_default()
    }

    /// The arguments of the call at the place, as they are written.
    pub(super) fn arguments(&self) -> Vec<&'a str> {
        let Some(at) = self.at else { return Vec::new() };
        let rest = self.tokens.get(at..).unwrap_or_default();
        let Some(open) = rest.iter().position(|token| token.kind == Kind::Open) else { return Vec::new() };
        let arguments = self.items(at.saturating_add(open), false);
        arguments.iter().map(|argument| self.source_of(argument)).collect()
    }

    /// Whether a clause begins at this token.
    fn is_clause(&self, index: usize) -> bool {
        let token = self.get(index);
        let before = index.checked_sub(1).map(|before| self.get(before)).unwrap_or_default();
        token.is_one_of(CLAUSES) && !before.is_one_of(&["distinct", "within"]) && before.kind != Kind::Dot
    }

    /// The parts between commas after this token, up to the parenthesis that closes or, in a SELECT list, the next clause.
    fn items(&self, before: usize, is_select: bool) -> Vec<&[Token<'a>]> {
        let mut first = before.saturating_add(1);
        while self.get(first).is_one_of(&["distinct", "all"]) {
            first = first.saturating_add(1);
        }
        let (mut items, mut depth) = (Vec::new(), 0_usize);
        for (index, token) in self.tokens.iter().enumerate().skip(first) {
            let ends = depth == 0 && (token.kind == Kind::Close || (is_select && self.is_clause(index)));
            if ends || (depth == 0 && token.kind == Kind::Comma) {
                items.push(self.tokens.get(first..index).unwrap_or_default());
                first = index.saturating_add(1);
            }
            match token.kind {
                _ if ends => return items,
                Kind::Open => depth = depth.saturating_add(1),
                Kind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        items.push(self.tokens.get(first..).unwrap_or_default());
        items
    }

    /// The names of a SELECT's columns, if each can be told.
    fn columns(&self, select: Select) -> Option<Vec<String>> {
        self.items(select.token, true)
            .into_iter()
            .take(MAX_COLUMNS)
            .map(|item| label(item).map(|(name, _)| name))
            .collect()
    }

    /// Finds the SELECTs and what their FROM clauses name.
    fn walk(&mut self) {
        let mut levels = vec![Level::default()];
        for index in 0..self.tokens.len() {
            let (token, before) =
                (self.get(index), index.checked_sub(1).map(|index| self.get(index)).unwrap_or_default());
            let depth = levels.len();
            let Some(level) = levels.last_mut() else { return };
            match token.kind {
                Kind::Open if depth > MAX_DEPTH => return,
                Kind::Open => {
                    // Parentheses around a join hold tables, too.
                    let (is_table, select) = (level.table, level.select.filter(|_| level.table));
                    level.table = false;
                    levels.push(Level { open: index, select, from: is_table, table: is_table, is_table });
                }
                Kind::Close => {
                    let Some(closed) = levels.pop() else { return };
                    self.close(index, &closed, levels.last().and_then(|level| level.select));
                }
                Kind::Comma => level.table = level.from,
                _ if before.kind == Kind::Dot => {}
                _ if token.is_word("select") => {
                    let select = Select { token: index, start: level.open, end: usize::MAX };
                    (level.select, level.from, level.table) = (Some(select), false, false);
                    self.selects.push(select);
                }
                _ if token.is_word("from") && !before.is_word("distinct") => {
                    (level.from, level.table) = (level.select.is_some(), level.select.is_some());
                }
                _ if token.is_word("join") => level.table = level.from,
                _ if self.is_clause(index) => (level.from, level.table) = (false, false),
                Kind::Word | Kind::Quoted if self.sources.len() >= MAX_SOURCES => {}
                Kind::Word | Kind::Quoted if level.table && !token.is_one_of(&["lateral", "only"]) => {
                    level.table = false;
                    let select = level.select.unwrap_or_default();
                    let mut names = self.names_at(index);
                    let after = index.saturating_add(names.len().saturating_mul(2).saturating_sub(1));
                    if self.get(after).kind != Kind::Open
                        && let Some(name) = names.pop()
                    {
                        let (schema, alias) = (names.pop(), self.alias(after));
                        let known = self.with.get(&name).filter(|_| schema.is_none());
                        let (inner, columns) = (known.is_some(), known.cloned().flatten());
                        self.sources.push(Source { schema, name, alias, columns, inner, token: index, select });
                    }
                }
                _ => {}
            }
        }
    }

    /// Parentheses close: a level ends, and it may have been a sub-select in FROM or the body of a common table expression.
    fn close(&mut self, index: usize, closed: &Level, outer: Option<Select>) {
        let of_sources = self.sources.iter_mut().rev().map(|source| &mut source.select);
        let selects = of_sources.take_while(|select| select.start >= closed.open);
        let selects = selects.chain(self.selects.iter_mut().rev().take_while(|select| select.start >= closed.open));
        selects.filter(|select| select.start == closed.open).for_each(|select| select.end = index);
        let Some(select) = closed.select.filter(|select| select.start == closed.open) else { return };
        let columns = self.columns(select);
        if closed.is_table {
            let (name, alias) = (String::new(), self.alias(index.saturating_add(1)));
            let select = outer.unwrap_or_default();
            self.sources.push(Source { name, alias, columns, inner: true, token: closed.open, select, schema: None });
            return;
        }
        // `name AS [[NOT] MATERIALIZED] (`
        let before = self.tokens.get(..closed.open).unwrap_or_default().iter().rev();
        let mut before = before.skip_while(|token| token.is_one_of(&["materialized", "not"]));
        if before.next().is_some_and(|token| token.is_word("as"))
            && let Some(name) = before.next().and_then(|token| token.name())
        {
            self.with.insert(name, columns);
        }
    }

    /// The alias that begins at this token.
    fn alias(&self, index: usize) -> Option<String> {
        let token = self.get(index);
        if token.is_word("as") {
            return self.get(index.saturating_add(1)).name();
        }
        token.name().filter(|_| !token.is_one_of(CLAUSES) && !token.is_one_of(NO_ALIAS))
    }
}

/// The name that an item of a SELECT list has, and its expression.
fn label<'t, 'a>(item: &'t [Token<'a>]) -> Option<(String, &'t [Token<'a>])> {
    let (last, before) = item.split_last()?;
    let Some(name) = last.name() else {
        // A single call has the name of its function.
        let mut depth = 0_usize;
        let single = item.iter().skip(1).rev().skip(1).rev().all(|token| {
            match token.kind {
                Kind::Open => depth = depth.saturating_add(1),
                Kind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > 0
        });
        return item.first()?.name().filter(|_| single && last.kind == Kind::Close).map(|name| (name, item));
    };
    let (word, expression) = before.split_last().map_or((Token::default(), before), |(word, rest)| (*word, rest));
    match word.kind {
        _ if before.is_empty() => Some((name, item)),
        _ if word.is_word("as") => Some((name, expression)),
        Kind::Dot if item.iter().all(|token| token.kind == Kind::Dot || token.name().is_some()) => Some((name, item)),
        Kind::Close | Kind::Literal if !last.is_one_of(&["end", "isnull", "notnull"]) => Some((name, before)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "../../tests/unit/advice/text.rs"]
mod tests;
