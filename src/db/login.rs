//! How sessions log in. A password that was changed in PostgreSQL and in the file of `DATABASE_URL_FILE` is found there when the
//! old one is refused, so that no restart is needed.

use std::{
    sync::{PoisonError, RwLock},
    thread,
    time::Duration,
};

use postgres::config::{SslMode, SslNegotiation};

use super::{session::Session, wire::Connector};
use crate::config::{Config, DatabaseUrl, SecretSource};

/// How often, and after which pauses, the file is read again: whoever changes a password changes the file a moment later.
const LOOKS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);

/// The URL of the database, and where another one may be found.
pub(super) struct Login {
    source: SecretSource,
    options: String,
    known: RwLock<postgres::Config>,
}

impl Login {
    /// As the settings say. `options` are those of the start-up packet.
    pub(super) fn new(config: &Config, options: String) -> Login {
        let known = RwLock::new(prepared(&config.database, &options));
        Login { source: config.database_source.clone(), options, known }
    }

    /// Connects.
    pub(super) fn session(&self, connector: &Connector) -> Result<Session, postgres::Error> {
        let used = self.known();
        let refused = match Session::new(&used, connector) {
            Err(error) if self.source.is_file() && is_refused(&error) => error,
            result => return result,
        };
        match self.another(&used) {
            Some(another) => Session::new(&another, connector),
            None => Err(refused),
        }
    }

    fn known(&self) -> postgres::Config {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the file says now, if that is not what has been refused.
    fn another(&self, refused: &postgres::Config) -> Option<postgres::Config> {
        for look in 0..LOOKS {
            thread::sleep(PAUSE.saturating_mul(look.min(1)));
            // A file that is unusable at this moment counts as unchanged.
            let now = self.source.database_url().map_or_else(|_| self.known(), |url| prepared(&url, &self.options));
            if credentials(&now) != credentials(refused) {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                if credentials(&known) != credentials(&now) {
                    log::info!(
                        "PostgreSQL refused the login; {} has changed, and is used from now on",
                        self.source.setting()
                    );
                    known.clone_from(&now);
                }
                return Some(now);
            }
        }
        None
    }
}

/// Whether PostgreSQL refused the role or its password (class 28 of its error codes).
fn is_refused(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("28"))
}

/// What PostgreSQL lets a session in by.
fn credentials(config: &postgres::Config) -> (Option<&str>, Option<&[u8]>, Option<&str>) {
    (config.get_user(), config.get_password(), config.get_dbname())
}

/// The driver's settings for this URL.
fn prepared(url: &DatabaseUrl, options: &str) -> postgres::Config {
    let mut config = url.config.clone();
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(3));
    }
    if config.get_application_name().is_none() {
        config.application_name("analytics_mcp");
    }
    // A peer that vanished is noticed in about 25 s, also while its answer is awaited.
    config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
    config.tcp_user_timeout(Duration::from_secs(25));
    config.options(options);
    config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct); // see `wire`
    config
}
