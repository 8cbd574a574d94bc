//! The database: a pool of sessions, and one way to read with them.
//!
//! In: a job that reads. Out: what it read, or a [`Failure`]. Each job runs in a transaction that is `READ ONLY`, has its
//! own time limits and is always rolled back; `check` alone lifts the first, to see that the privileges refuse, too. There is no
//! `COMMIT` in this program. A session that is not provably as new after a job is closed. Knows nothing of JSON.
//!
//! # What this does not stop
//! Whatever the role may do in a read-only transaction; the role's privileges are the boundary.

mod cancel;
mod ending;
mod failure;
mod login;
mod reading;
mod session;
mod tls;
mod transaction;
mod wire;

use std::{
    error::Error as _,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use r2d2::{ManageConnection, Pool, PooledConnection};

use crate::{
    config::{Config, ConfigError},
    error::{Code, Failure},
};

pub use cancel::{Cancel, Reason};
pub use ending::Ending;
use ending::Endings;
use failure::unreachable;
use login::Login;
pub use reading::{Prepared, Reading};
use session::Session;
pub use transaction::Caller;
use wire::{Connector, Limits};
pub use wire::{Flow, Row};

/// How long a call waits for a connection or a permit before it is refused as too many.
pub const BUSY_AFTER: Duration = Duration::from_millis(2_500);
/// How long a call waits for a database that cannot be reached: a restart takes less.
const DOWN_AFTER: Duration = Duration::from_secs(8);
/// A caller that has been waiting for this long is refused at once when there is no free connection.
pub const PATIENCE: Duration = DOWN_AFTER;
/// How long PostgreSQL waits for a lock on a table before the statement fails.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest message of PostgreSQL that is not a row, such as the columns of a statement.
const MAX_MESSAGE: usize = 2 << 20;
/// The longest row: one that fills an answer or a listing of the catalog, and its lengths.
const MAX_ROW: usize = (1 << 20) + (16 << 10);

/// The pool, with the limits of its sessions.
pub struct Database {
    pool: Pool<Manager>,
    endings: Arc<Endings>,
    last_error: Arc<LastError>,
    pool_max: u32,
    statement_timeout: Duration,
    settings: String,
}

impl Database {
    /// A pool for the configured database. Connects in the background: the database need not be up.
    pub fn new(config: &Config) -> Result<Database, ConfigError> {
        let tls = tls::connector(config.database.authorities.as_deref()).map_err(|error| ConfigError {
            setting: "DATABASE_URL".to_owned(),
            problem: format!("the certificates of sslrootcert cannot be used: {error}"),
        })?;
        let timeout = config.statement_timeout;
        let connector = Connector {
            tls,
            ssl_mode: config.database.config.get_ssl_mode(),
            limits: Limits { row: config.max_bytes.saturating_add(MAX_ROW), message: MAX_MESSAGE },
            deadline: Arc::default(),
            pipeline: Arc::default(),
        };
        let login = Login::new(config, transaction::startup_options(timeout, LOCK_TIMEOUT));
        let endings = Arc::<Endings>::default();
        let most_endings = usize::try_from(config.pool_max).unwrap_or(usize::MAX);
        let manager = Manager { login, connector, endings: Arc::clone(&endings), most_endings };
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
            endings,
            last_error,
            pool_max: config.pool_max,
            statement_timeout: timeout,
            settings: transaction::transaction_settings(timeout, LOCK_TIMEOUT),
        })
    }

    /// Runs a job in a read-only transaction. `started` is since when the caller has been waiting. As long as nothing of the
    /// analyst has run, a lost connection is replaced unnoticed. What `cancel` keeps is kept until PostgreSQL has ended the job's
    /// statements.
    pub fn read<T>(
        &self,
        caller: &Caller,
        cancel: &Arc<Cancel>,
        started: Instant,
        job: impl FnMut(Reading<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.read_within(self.statement_timeout, caller, cancel, started, job)
    }

    /// The same for statements that together must not run for longer than `limit`. PostgreSQL's own limit has to be set in the job.
    pub fn read_within<T>(
        &self,
        limit: Duration,
        caller: &Caller,
        cancel: &Arc<Cancel>,
        started: Instant,
        mut job: impl FnMut(Reading<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        loop {
            let mut pooled = self.checkout(cancel, started)?;
            // r2d2 gives out no slot that is empty.
            let Some(session) = pooled.as_mut() else { continue };
            let (result, again) = match session.begin(&self.settings, caller) {
                Ok(()) => {
                    cancel.arm(session.canceller())?;
                    let result = job(Reading::new(session, limit));
                    let again = session.may_run_again();
                    (session.finish(cancel.disarm(), result), again)
                }
                Err(error) => {
                    let again = session.is_late() || failure::is_lost(&error);
                    (Err(if again { unreachable() } else { failure::failure(&error, None) }), again)
                }
            };
            if session.is_tainted()
                && !session.is_closed()
                && let Some(session) = pooled.take()
            {
                self.endings.end(session, caller, Arc::clone(cancel));
            }
            drop(pooled);
            match result {
                Err(_) if again && started.elapsed() < DOWN_AFTER => {}
                result => return result,
            }
        }
    }

    /// Statements that PostgreSQL has not ended in time.
    pub fn stuck(&self) -> Vec<Ending> {
        self.endings.stuck()
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

    /// A session that is idle, or will be in a moment: the pool would open a new one for each call that finds none, and short
    /// calls end sooner than a new one is open.
    fn idle(&self) -> Option<PooledConnection<Manager>> {
        const PAUSE: Duration = Duration::from_millis(1);
        let tries = if self.pool.state().connections > 0 { 10 } else { 1 };
        (0..tries).find_map(|number| {
            thread::sleep(PAUSE.saturating_mul(u32::from(number > 0)));
            self.pool.try_get()
        })
    }

    fn checkout(&self, cancel: &Cancel, started: Instant) -> Result<PooledConnection<Manager>, Failure> {
        loop {
            if let Some(reason) = cancel.requested() {
                return Err(reason.failure());
            }
            if let Some(pooled) = self.idle().or_else(|| self.pool.get_timeout(Duration::from_millis(250)).ok()) {
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
                return Err(unreachable());
            }
        }
    }
}

/// Makes sessions; `r2d2` calls it in threads of its own.
struct Manager {
    login: Login,
    connector: Connector,
    endings: Arc<Endings>,
    most_endings: usize,
}

impl ManageConnection for Manager {
    /// Empty once its session has been taken out to be ended.
    type Connection = Option<Session>;
    type Error = NoSession;

    /// Sessions that are being ended count in PostgreSQL, too: together there are never more than twice as many as the pool may
    /// hold.
    fn connect(&self) -> Result<Option<Session>, NoSession> {
        if self.endings.count() > self.most_endings {
            return Err(NoSession::Endings);
        }
        self.login.session(&self.connector).map(Some).map_err(NoSession::Driver)
    }

    fn is_valid(&self, slot: &mut Option<Session>) -> Result<(), NoSession> {
        slot.as_mut().map_or(Ok(()), Session::probe).map_err(NoSession::Driver)
    }

    /// A session that did not come back clean is never given out again, even when a panic brought it back.
    fn has_broken(&self, slot: &mut Option<Session>) -> bool {
        slot.as_ref().is_none_or(Session::is_tainted)
    }
}

/// Why there is no new session.
#[derive(Debug)]
enum NoSession {
    Driver(postgres::Error),
    /// PostgreSQL has not ended as many as the pool may hold.
    Endings,
}

impl fmt::Display for NoSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoSession::Driver(error) => error.fmt(f),
            NoSession::Endings => f.write_str("too many sessions have been abandoned and still run in PostgreSQL"),
        }
    }
}

impl std::error::Error for NoSession {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            NoSession::Driver(error) => error.source(),
            NoSession::Endings => None,
        }
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

impl r2d2::HandleError<NoSession> for Logged {
    fn handle_error(&self, error: NoSession) {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        if text.contains("unsupported startup parameter") {
            text.push_str("; if that is PgBouncer, it needs: ignore_startup_parameters = options");
        }
        let code = match &error {
            NoSession::Driver(error) => error.code(),
            NoSession::Endings => None,
        };
        let login = code.is_some_and(|code| ["28", "3D"].iter().any(|class| code.code().starts_with(class)));
        let mut last = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().filter(|old| old.text == text && old.at.elapsed() < Duration::from_secs(60));
        let at = known.map_or_else(Instant::now, |old| old.at);
        if known.is_none() {
            log::warn!("cannot connect to the database: {text}");
        }
        *last = Some(ConnectError { at, text, login });
    }
}
