//! The database: a pool of sessions, and one way to read with them.
//!
//! In: a job that reads. Out: what it read, or a [`Failure`]. Each job runs in a transaction that is `READ ONLY`, has its
//! own time limits and is always rolled back. There is no `COMMIT` in this program. A session that is not provably as new
//! after a job is closed. Knows nothing of JSON.
//!
//! # What this does not stop
//! Whatever the role may do in a read-only transaction; the role's privileges are the boundary.

mod cancel;
mod session;
mod tls;

use std::{
    error::Error as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use r2d2::{ManageConnection, Pool, PooledConnection};
use r2d2_postgres::PostgresConnectionManager;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    config::{Config, ConfigError},
    error::{Code, Failure},
};

pub use cancel::{Cancel, Reason};
use session::Session;
pub use session::{Column, Flow, Reading};

/// How long a call waits for a place before it is told that all are taken.
pub const BUSY_AFTER: Duration = Duration::from_millis(2_500);
/// How long a call waits for a database that cannot be reached: a restart takes less.
const DOWN_AFTER: Duration = Duration::from_secs(8);
/// Somebody who has been waiting for this long is told at once when there is no free connection.
pub const PATIENCE: Duration = DOWN_AFTER;
/// How long PostgreSQL waits for a lock on a table before the statement fails.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// The pool, with the limits of its sessions.
pub struct Database {
    pool: Pool<Manager>,
    last_error: Arc<LastError>,
    pool_max: u32,
    settings: String,
}

impl Database {
    /// A pool for the configured database. Connects in the background: the database need not be up.
    pub fn new(config: &Config) -> Result<Database, ConfigError> {
        let mut dsn = config.database.config.clone();
        let tls = tls::connector(config.database.authorities.as_deref()).map_err(|error| ConfigError {
            setting: "DATABASE_URL".to_owned(),
            problem: format!("the certificates of sslrootcert cannot be used: {error}"),
        })?;
        if dsn.get_connect_timeout().is_none() {
            dsn.connect_timeout(Duration::from_secs(3));
        }
        if dsn.get_application_name().is_none() {
            dsn.application_name("analytics_mcp");
        }
        // A peer that vanished is noticed in about 25 s, also while its answer is awaited.
        dsn.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
        dsn.tcp_user_timeout(Duration::from_secs(25));
        let timeout = config.statement_timeout;
        dsn.options(&session::startup_options(timeout, LOCK_TIMEOUT));
        let manager = Manager { connections: PostgresConnectionManager::new(dsn, tls.clone()), tls };
        let last_error = Arc::new(LastError::default());
        let pool = Pool::builder()
            .max_size(config.pool_max)
            .min_idle(Some(1))
            .test_on_check_out(false) // the start of the transaction is the test
            .connection_timeout(Duration::from_secs(2))
            .error_handler(Box::new(Logged(Arc::clone(&last_error))))
            .build_unchecked(manager);
        Ok(Database {
            pool,
            last_error,
            pool_max: config.pool_max,
            settings: session::transaction_settings(timeout, LOCK_TIMEOUT),
        })
    }

    /// Runs a job in a read-only transaction. `who` appears as the session's `application_name`; letters, digits and
    /// `._-@` only. `started` is since when the caller has been waiting. As long as nothing of the analyst has run, a lost
    /// connection is replaced unnoticed.
    pub fn read<T>(
        &self,
        who: &str,
        cancel: &Cancel,
        started: Instant,
        mut job: impl FnMut(&mut Reading<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        loop {
            let mut pooled = self.checkout(cancel, started)?;
            let session: &mut Session = &mut pooled;
            match session.begin(&self.settings, who) {
                Ok(()) => {}
                Err(error) if session::is_lost(&error) && started.elapsed() < DOWN_AFTER => continue,
                Err(error) => return Err(session::failure(&error, None)),
            }
            let token = session.canceller();
            cancel.arm(token)?;
            let mut reading = session.reading();
            let result = job(&mut reading);
            let (lost, ran, doubt) = (reading.lost, reading.ran, reading.doubt);
            let result = session.end(cancel.disarm(), doubt, result);
            drop(pooled);
            match result {
                Err(_) if lost && !ran && started.elapsed() < DOWN_AFTER => {}
                result => return result,
            }
        }
    }

    /// How many connections are open, and how many of those are idle.
    pub fn connections(&self) -> (u32, u32) {
        let state = self.pool.state();
        (state.connections, state.idle_connections)
    }

    /// Why PostgreSQL refused the last login, if it did: a wrong password, role or database. For the operator.
    pub fn login_refused(&self) -> Option<String> {
        let last = self.last_error.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|error| error.login).map(|error| error.text.clone())
    }

    fn checkout(&self, cancel: &Cancel, started: Instant) -> Result<PooledConnection<Manager>, Failure> {
        loop {
            if let Some(reason) = cancel.requested() {
                return Err(reason.failure());
            }
            if let Ok(pooled) = self.pool.get_timeout(Duration::from_millis(250)) {
                // The login works, whatever was refused before.
                *self.last_error.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return Ok(pooled);
            }
            let reachable = self.pool.state().connections > 0;
            if reachable && started.elapsed() >= BUSY_AFTER {
                return Err(Failure::new(Code::Busy, format!("all {} database connections are busy", self.pool_max))
                    .hint("try again in a few seconds"));
            }
            // A refused login will be refused again; anything else may be a restart.
            if started.elapsed() >= DOWN_AFTER || (!reachable && self.login_refused().is_some()) {
                return Err(Failure::new(Code::Unavailable, "the database cannot be reached at the moment")
                    .hint("try again in a minute; if it lasts, tell the operator of this server"));
            }
        }
    }
}

/// Makes sessions; `r2d2` calls it in threads of its own.
struct Manager {
    connections: PostgresConnectionManager<MakeRustlsConnect>,
    /// Cancel requests travel on connections of their own, and in the same way.
    tls: MakeRustlsConnect,
}

impl ManageConnection for Manager {
    type Connection = Session;
    type Error = postgres::Error;

    fn connect(&self) -> Result<Session, postgres::Error> {
        Session::new(self.connections.connect()?, self.tls.clone())
    }

    fn is_valid(&self, session: &mut Session) -> Result<(), postgres::Error> {
        session.probe()
    }

    /// A session that did not come back clean is never given out again, even when a panic brought it back.
    fn has_broken(&self, session: &mut Session) -> bool {
        session.is_tainted()
    }
}

/// Why connecting failed last. The driver's messages hold no password.
#[derive(Debug, Default)]
struct LastError(Mutex<Option<ConnectError>>);

#[derive(Debug)]
struct ConnectError {
    at: Instant,
    text: String,
    /// PostgreSQL refused the role, its password or the database.
    login: bool,
}

/// Logs why connecting fails, once per reason and minute.
#[derive(Debug)]
struct Logged(Arc<LastError>);

impl r2d2::HandleError<postgres::Error> for Logged {
    fn handle_error(&self, error: postgres::Error) {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        if text.contains("unsupported startup parameter") {
            text.push_str("; if that is PgBouncer, it needs: ignore_startup_parameters = options");
        }
        let login = error.code().is_some_and(|code| ["28", "3D"].iter().any(|class| code.code().starts_with(class)));
        let mut last = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().filter(|old| old.text == text && old.at.elapsed() < Duration::from_secs(60));
        let at = known.map_or_else(Instant::now, |old| old.at);
        if known.is_none() {
            log::warn!("cannot connect to the database: {text}");
        }
        *last = Some(ConnectError { at, text, login });
    }
}
