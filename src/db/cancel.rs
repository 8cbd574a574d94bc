//! Ending a running statement from another thread.
//!
//! PostgreSQL's cancel request names a session, not a statement, arrives when it likes, and is delivered as two signals, of
//! which the second can hit a later statement. So a session that was sent one is never used again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use postgres::CancelToken;

use super::wire::{Connector, Deadline};
use crate::error::{Code, Failure};

/// How long a statement may go on after its session was sent a cancel request. Then nobody waits for it any longer.
const LAST_CALL: Duration = Duration::from_secs(5);
/// A cancel request that comes between two statements has no effect. So it is sent again, but not more often than this.
const AGAIN: Duration = Duration::from_secs(1);

/// Who wants the call to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The client closed its connection.
    HangUp,
    /// The client sent `notifications/cancelled`.
    Requested,
    /// The server is stopping.
    Shutdown,
}

impl Reason {
    /// What the client gets as an answer, if it is still there.
    pub fn failure(self) -> Failure {
        match self {
            Reason::HangUp => Failure::new(Code::Cancelled, "the client closed the connection"),
            Reason::Requested => Failure::new(Code::Cancelled, "the call was cancelled at the client's request"),
            Reason::Shutdown => {
                Failure::new(Code::Cancelled, "the server is restarting").hint("send the call again in a few seconds")
            }
        }
    }
}

/// By which a session's statement is cancelled: a request on a connection of its own.
#[derive(Clone)]
pub(super) struct Canceller {
    pub(super) token: CancelToken,
    pub(super) connector: Connector,
    pub(super) deadline: Arc<Deadline>,
}

impl Canceller {
    /// Sends the request from a thread of its own: it is a conversation with a database that may not answer. From here on
    /// the statement has only [`LAST_CALL`] left.
    pub(super) fn send(&self) {
        self.deadline.shorten(LAST_CALL);
        let (token, connector) = (self.token.clone(), self.connector.clone());
        let sender = thread::Builder::new().name("cancel".to_owned()).spawn(move || {
            if let Err(error) = token.cancel_query(connector) {
                log::warn!("cannot send a cancel request: {error}");
            }
        });
        if let Err(error) = sender {
            log::warn!("cannot start a thread for a cancel request: {error}");
        }
    }
}

/// A call's cancel switch, shared by the thread that runs it and those that may end it.
///
/// It also keeps what the call has taken for as long as PostgreSQL works for it, which may be longer than anybody waits.
#[derive(Default)]
pub struct Cancel {
    state: Mutex<State>,
    _kept: Option<Box<dyn Send + Sync>>,
}

#[derive(Default)]
struct State {
    reason: Option<Reason>,
    /// Present while a statement may be under way.
    session: Option<Canceller>,
    sent: Option<Instant>,
}

impl Cancel {
    /// A switch that keeps `kept` until the call has ended in PostgreSQL, too.
    pub fn keeping(kept: impl Send + Sync + 'static) -> Cancel {
        Cancel { state: Mutex::default(), _kept: Some(Box::new(kept)) }
    }

    /// Requests the end of the call. Never waits, and may be repeated.
    pub fn request(&self, reason: Reason) {
        let mut state = self.lock();
        state.reason.get_or_insert(reason);
        if let Some(session) = state.session.clone()
            && state.sent.is_none_or(|at| at.elapsed() >= AGAIN)
        {
            // Noted before it is sent: the session's thread must not miss it.
            state.sent = Some(Instant::now());
            drop(state);
            session.send();
        }
    }

    /// Whether its end has been requested.
    pub fn requested(&self) -> Option<Reason> {
        self.lock().reason
    }

    /// From here on a request reaches the session.
    pub(super) fn arm(&self, session: Canceller) -> Result<(), Failure> {
        let mut state = self.lock();
        if let Some(reason) = state.reason {
            return Err(reason.failure());
        }
        state.session = Some(session);
        Ok(())
    }

    /// From here on no request is sent to the session. Out: why one has been sent.
    pub(super) fn disarm(&self) -> Option<Reason> {
        let mut state = self.lock();
        state.session = None;
        state.reason.filter(|_| state.sent.is_some())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
