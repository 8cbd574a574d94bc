//! Regular expressions over bytes, each compiled once, when it is first needed.
//!
//! In: a text. Out: whether, or how far, a pattern matches it from its first byte on. Pure.
//!
//! None fails to compile: a test of each table sees to that. If one did, each question is answered on the safe side.

use {regex::bytes::Regex, std::sync::OnceLock};

pub(super) struct Pattern {
    alternatives: &'static [&'static str],
    end: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern for the beginning of a text: any of these.
    pub(super) const fn beginning(alternatives: &'static [&'static str]) -> Pattern {
        Pattern { alternatives, end: "", compiled: OnceLock::new() }
    }

    /// A pattern for the whole of a text: any of these.
    pub(super) const fn whole(alternatives: &'static [&'static str]) -> Pattern {
        Pattern { alternatives, end: "$", compiled: OnceLock::new() }
    }

    pub(super) fn compiled(&self) -> Option<&Regex> {
        let compile = || Regex::new(&format!("(?s-u)^(?:{}){}", self.alternatives.join("|"), self.end)).ok();
        self.compiled.get_or_init(compile).as_ref()
    }

    /// For what is refused.
    pub(super) fn may_match(&self, text: &str) -> bool {
        self.compiled().is_none_or(|pattern| pattern.is_match(text.as_bytes()))
    }

    /// For what is allowed.
    pub(super) fn surely_matches(&self, text: &str) -> bool {
        self.compiled().is_some_and(|pattern| pattern.is_match(text.as_bytes()))
    }

    /// How many bytes it matches, if it does.
    pub(super) fn length(&self, text: &[u8]) -> Option<usize> {
        self.compiled()?.find(text).map(|found| found.end())
    }
}
