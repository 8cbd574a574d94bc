//! Sessions that nobody uses any more and that PostgreSQL has not ended yet.
//!
//! Most are gone in milliseconds. A few are stuck: their statement is in code that looks for no interrupt. Each waits in a
//! thread of its own, since the driver can only wait, and keeps what its call has taken until PostgreSQL is done with it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{cancel::Cancel, session::Session, transaction::Caller};

/// Enough for the driver, which waits there and does nothing else.
const STACK_BYTES: usize = 256 << 10;

/// A session that has not ended by then counts as stuck, whyever it was given up.
const PROMPTLY: Duration = Duration::from_secs(10);

/// A session that is being ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Whose call it served.
    pub caller: Caller,
    /// PostgreSQL's process; behind a pooler, the pooler's number for it.
    pub process_id: u32,
    /// Since when nobody waits for it.
    pub since: Instant,
    /// It did not end in time. Otherwise it merely could not serve another call.
    pub stuck: bool,
}

impl Ending {
    /// For how long it has gone on.
    pub fn lasted(&self) -> Duration {
        self.since.elapsed()
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Endings(Mutex<Sessions>);

#[derive(Default)]
struct Sessions {
    next: u64,
    all: BTreeMap<u64, Ending>,
}

impl Endings {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.lock().all.len()
    }

    /// Those that did not end in time.
    pub(super) fn stuck(&self) -> Vec<Ending> {
        let stuck = |ending: &&Ending| ending.stuck || ending.lasted() > PROMPTLY;
        self.lock().all.values().filter(stuck).cloned().collect()
    }

    /// Waits for the end of a session, elsewhere. `kept` is kept until then.
    pub(super) fn end(self: &Arc<Self>, session: Session, caller: &Caller, kept: Arc<Cancel>) {
        let ending = Ending {
            caller: caller.clone(),
            process_id: session.process_id(),
            since: Instant::now(),
            stuck: session.is_late(),
        };
        if ending.stuck {
            log::error!(
                "PostgreSQL process {id} goes on with a statement of {caller} past its limit. If it does not end by itself: \
                 SELECT pg_terminate_backend({id}), as superuser; if that does not end it, only kill -9 does, which restarts PostgreSQL for everybody",
                id = ending.process_id
            );
        }
        let mut sessions = self.lock();
        let number = sessions.next;
        sessions.next = number.wrapping_add(1);
        sessions.all.insert(number, ending);
        drop(sessions);
        let endings = Arc::clone(self);
        let wait = move || {
            session.end();
            if let Some(ending) = endings.lock().all.remove(&number).filter(|ending| ending.stuck) {
                log::info!("PostgreSQL process {} has ended after {:?} more", ending.process_id, ending.lasted());
            }
            drop(kept);
        };
        // Without a thread the session ends here and now, as what cannot be started is dropped.
        if let Err(error) = thread::Builder::new().name("ending".to_owned()).stack_size(STACK_BYTES).spawn(wait) {
            log::warn!("cannot start a thread for the end of a session: {error}");
            self.lock().all.remove(&number);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
