//! What the guard knows of this database: its functions by class, the schemas of its extensions, the version of GEOS.
//!
//! In: rows of the catalog, as `known.sql` gives them. Out: answers about names. Pure: the role check reads the rows.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

/// The statement that gives the rows for [`Known::new`].
pub const ROWS: &str = include_str!("known.sql");

/// What is known of the database. Made anew at each role check.
#[derive(Debug, Default)]
pub struct Known {
    functions: HashMap<String, Vec<Functions>>,
    extension_schemas: HashSet<String>,
    geos: Option<String>,
}

/// The functions of one name in one schema.
#[derive(Debug)]
pub(super) struct Functions {
    pub(super) schema: String,
    /// An extension's, or somebody's in C; otherwise PostgreSQL's own.
    pub(super) foreign: bool,
    /// One of them is marked volatile: it may do more than compute a value.
    pub(super) volatile: bool,
    /// One of them can be called with one argument.
    pub(super) unary: bool,
}

/// A row: functions (`[schema, name, foreign, volatile, unary]`), or a schema of an extension (`[schema]`).
#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Functions(String, String, bool, bool, bool),
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
                Row::Functions(schema, name, foreign, volatile, unary) => {
                    known.functions.entry(name).or_default().push(Functions { schema, foreign, volatile, unary });
                }
            }
        }
        Ok(known)
    }

    /// The schema of PostGIS, if it is there.
    pub fn postgis_schema(&self) -> Option<&str> {
        let functions = self.functions("postgis_geos_version");
        functions.iter().find(|functions| functions.foreign).map(|functions| functions.schema.as_str())
    }

    /// The same with what `postgis_geos_version()` says; any other text counts as a very old version.
    pub fn with_geos(self, version: String) -> Known {
        Known { geos: Some(version), ..self }
    }

    pub(super) fn functions(&self, name: &str) -> &[Functions] {
        self.functions.get(name).map(Vec::as_slice).unwrap_or_default()
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
