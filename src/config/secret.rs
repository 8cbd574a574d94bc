//! Secrets, which are settings or in files.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
};

use super::{ConfigError, DatabaseUrl};

/// A secret setting: its value, or the file that contains it, which can be read again.
#[derive(Clone)]
pub struct SecretSource {
    pub(super) setting: String,
    pub(super) value: String,
    /// Whether `value` is the path of the file.
    pub(super) is_file: bool,
}

impl SecretSource {
    /// The variable that is set, for messages.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// The secret. Each caller must keep it out of every message.
    pub fn read(&self) -> Result<String, ConfigError> {
        if !self.is_file {
            return Ok(self.value.clone());
        }
        read_file(&self.value).map_err(|error| {
            let problem = format!("cannot read {}: {error}; correct the path or its permissions", self.value);
            ConfigError::new(&self.setting, problem)
        })
    }

    /// The value as the URL of the database. Read again, it may be another one.
    pub fn database_url(&self) -> Result<DatabaseUrl, ConfigError> {
        DatabaseUrl::read(&self.read()?).map_err(|problem| ConfigError::new(&self.setting, problem))
    }

    /// Whether another value can be read later.
    pub fn is_file(&self) -> bool {
        self.is_file
    }
}

/// The longest file: the tokens of thousands.
const MAX_BYTES: u64 = 1 << 20;

/// A regular file only, and not without an end: it is read again while the server runs.
pub(crate) fn read_file(path: &str) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    let read = File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read < MAX_BYTES) {
        Ok(text)
    } else {
        Err(io::Error::other("it is larger than 1 MiB"))
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSource({})", self.setting)
    }
}
