//! How sessions log in. What has changed in the file of `DATABASE_URL_FILE`, a new password for one, is found there when the old one no
//! longer works, so that no restart is needed.

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
        let used = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let failed = match Session::new(&used, connector) {
            Err(error) if self.source.is_file() => error,
            result => return result,
        };
        let Some(another) = self.another(&used, if is_refused(&failed) { LOOKS } else { 1 }) else {
            return Err(failed);
        };
        let session = Session::new(&another, connector)?;
        // Only what has worked is used from now on.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if target(&known) != target(&another) {
            log::info!("the login of before no longer works; what {} says now does", self.source.setting());
            *known = another;
        }
        Ok(session)
    }

    /// What the file says now, if that is not what has failed. One that is unusable at this moment counts as unchanged.
    fn another(&self, failed: &postgres::Config, looks: u32) -> Option<postgres::Config> {
        (0..looks).find_map(|look| {
            thread::sleep(PAUSE.saturating_mul(look.min(1)));
            let now = prepared(&self.source.database_url().ok()?, &self.options);
            (target(&now) != target(failed)).then_some(now)
        })
    }
}

/// Whether PostgreSQL refused the role or its password (class 28 of its error codes).
fn is_refused(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("28"))
}

/// Where a session is opened, and what PostgreSQL lets it in by.
fn target(config: &postgres::Config) -> impl PartialEq + use<> {
    let names = [config.get_user(), config.get_dbname()].map(|name| name.map(str::to_owned));
    (names, config.get_password().map(<[u8]>::to_owned), config.get_hosts().to_owned(), config.get_ports().to_owned())
}

/// The driver's settings for this URL; but for how the connection is protected, which is settled at the start.
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
