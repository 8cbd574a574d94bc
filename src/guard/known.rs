//! What the guard knows of this database: its functions by class, the schemas of its extensions, the version of GEOS.
//!
//! In: rows of the catalog, as `known.sql` gives them. Out: answers about names. Pure: who reads the rows is elsewhere.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

/// The statement that gives the rows for [`Known::new`].
pub const ROWS: &str = include_str!("known.sql");

/// What is known of the database. Made anew at each role check.
#[derive(Debug, Default)]
pub struct Known {
    functions: HashMap<String, Functions>,
    extension_schemas: HashSet<String>,
    geos: Option<String>,
}

/// The functions of one name.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// PostgreSQL's own, if there are any.
    pub(super) core: Option<Core>,
    /// The schemas in which an extension has one, or somebody one in C; and whether it can be called with one argument.
    pub(super) foreign: Vec<(String, bool)>,
}

/// PostgreSQL's own functions of one name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Core {
    /// One of them is marked volatile: it may do more than to compute a value.
    pub(super) volatile: bool,
    /// One of them can be called with one argument.
    pub(super) unary: bool,
}

/// A row: a function (`[schema, name, foreign, volatile, unary]`), or a schema of an extension (`[schema]`).
#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Function(String, String, bool, bool, bool),
    Schema([String; 1]),
}

impl Known {
    /// What these rows say.
    ///
    /// # Errors
    /// A row that is not as described.
    pub fn new<'a>(rows: impl IntoIterator<Item = &'a str>) -> Result<Known, serde_json::Error> {
        let mut known = Known::default();
        for row in rows {
            match serde_json::from_str(row)? {
                Row::Schema([schema]) => drop(known.extension_schemas.insert(schema)),
                Row::Function(schema, name, foreign, volatile, unary) => {
                    let functions = known.functions.entry(name).or_default();
                    if foreign {
                        functions.foreign.push((schema, unary));
                    } else {
                        functions.core = Some(Core { volatile, unary });
                    }
                }
            }
        }
        Ok(known)
    }

    /// The schema of PostGIS, if it is there.
    pub fn postgis_schema(&self) -> Option<&str> {
        let functions = self.functions.get("postgis_geos_version")?;
        functions.foreign.first().map(|(schema, _)| schema.as_str())
    }

    /// The same with what `postgis_geos_version()` says; any other text counts as a very old version.
    pub fn with_geos(self, version: String) -> Known {
        Known { geos: Some(version), ..self }
    }

    pub(super) fn functions(&self, name: &str) -> Option<&Functions> {
        self.functions.get(name)
    }

    pub(super) fn is_of_an_extension(&self, schema: &str) -> bool {
        self.extension_schemas.contains(schema)
    }

    /// The version of GEOS, if there is PostGIS and GEOS is known to bring PostgreSQL down with extreme values: before 3.13.1.
    pub fn fragile_geos(&self) -> Option<&str> {
        let version = self.geos.as_deref()?;
        let number = version.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or_default();
        let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
        let mut part = || parts.next().unwrap_or_default();
        ((part(), part(), part()) < (3, 13, 1)).then_some(version)
    }
}
