//! Parameters of a query or a form (`application/x-www-form-urlencoded`), read so that they can mean only one thing.

/// The most parameters of a request.
const MAX_PARAMS: usize = 32;

/// Names and values, decoded.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the parameters. A repeated one is refused, as RFC 6749 section 3.1 requires: two readers could choose differently.
    /// Only `resource` may be repeated (RFC 8707 section 2).
    pub(super) fn parse(text: &[u8]) -> Result<Params, &'static str> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text) {
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                return Err("a parameter is not UTF-8");
            }
            if params.len() >= MAX_PARAMS {
                return Err("there are more than 32 parameters");
            }
            if name != "resource" && params.iter().any(|(known, _)| *known == name) {
                return Err("a parameter is given twice");
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        Ok(Params(params))
    }

    /// The value; an empty one counts as omitted (RFC 6749 section 3.1).
    pub(super) fn get(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter that may be repeated.
    pub(super) fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// `uri`, which has no query, with these parameters. A value of `None` is left out.
pub(super) fn extend(uri: &str, params: &[(&str, Option<&str>)]) -> String {
    let mut added = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params {
        if let Some(value) = value {
            added.append_pair(name, value);
        }
    }
    format!("{uri}?{}", added.finish())
}
