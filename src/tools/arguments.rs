//! Arguments of a tool call, taken one by one; what is left over is refused.

use serde_json::{Map, Value};

use crate::error::Failure;

/// The arguments that have not been read yet, and the names of those that the tool has.
pub(super) struct Arguments {
    given: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Arguments {
    pub(super) fn new(given: Map<String, Value>) -> Arguments {
        Arguments { given, known: Vec::new() }
    }

    /// A text of at most `most` characters. Null counts as not given.
    pub(super) fn text(&mut self, name: &'static str, most: usize, default: Option<&str>) -> Result<String, Failure> {
        match (self.take(name), default) {
            (Some(Value::String(text)), None) if text.trim().is_empty() => {
                Err(Failure::argument(name, "must not be empty"))
            }
            (Some(Value::String(text)), _) if text.chars().count() > most => {
                Err(Failure::argument(name, format!("must not be longer than {most} characters")))
            }
            (Some(Value::String(text)), _) => Ok(text),
            (Some(_), _) => Err(Failure::argument(name, "must be a string")),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(Failure::argument(name, "is required, and must be a string")),
        }
    }

    /// One of some texts.
    pub(super) fn one_of(
        &mut self,
        name: &'static str,
        allowed: &[String],
        default: Option<&str>,
    ) -> Result<String, Failure> {
        let list = || format!("must be one of: {}", allowed.join(", "));
        match (self.take(name), default) {
            (Some(Value::String(text)), _) if allowed.contains(&text) => Ok(text),
            (Some(_), _) => Err(Failure::argument(name, list())),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(Failure::argument(name, format!("is required; {}", list()))),
        }
    }

    /// A list of at most `most` texts of at most `longest` characters each; an empty one when it is not given.
    pub(super) fn texts(&mut self, name: &'static str, most: usize, longest: usize) -> Result<Vec<String>, Failure> {
        let text = |value: Value| value.as_str().filter(|text| text.chars().count() <= longest).map(str::to_owned);
        let texts = match self.take(name) {
            None => Some(Vec::new()),
            Some(Value::Array(items)) if items.len() <= most => items.into_iter().map(text).collect(),
            Some(_) => None,
        };
        let wanted = || format!("must be a list of at most {most} strings of at most {longest} characters");
        texts.ok_or_else(|| Failure::argument(name, wanted()))
    }

    /// A whole number from 1 to `most`, which also bounds the default; JSON Schema counts 20.0 as one.
    pub(super) fn integer(&mut self, name: &'static str, most: u32, default: u32) -> Result<u32, Failure> {
        let Some(value) = self.take(name) else { return Ok(default.min(most)) };
        let whole = value.as_u64().or_else(|| {
            let number = value.as_f64().filter(|number| number.fract() == 0.0 && (1.0..=4e9).contains(number))?;
            format!("{number:.0}").parse().ok()
        });
        match whole.and_then(|number| u32::try_from(number).ok()) {
            Some(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(Failure::argument(name, format!("must be a whole number from 1 to {most}"))),
        }
    }

    /// True or false; false when it is not given.
    pub(super) fn boolean(&mut self, name: &'static str) -> Result<bool, Failure> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(value),
            Some(_) => Err(Failure::argument(name, "must be true or false")),
        }
    }

    /// Refuses what the tool does not have.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.given.keys().next() {
            None => Ok(()),
            Some(unknown) => {
                let unknown: String = unknown.chars().take(64).collect();
                let known = if self.known.is_empty() {
                    "takes no arguments".to_owned()
                } else {
                    format!("takes only: {}", self.known.join(", "))
                };
                Err(Failure::argument(&unknown, format!("there is no such argument; the tool {known}")))
            }
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.given.remove(name).filter(|value| !value.is_null())
    }
}

#[cfg(test)]
#[path = "../../tests/unit/tools/arguments.rs"]
mod tests;
