//! Ending a running statement from another thread.
//!
//! PostgreSQL's cancel request names a session, not a statement, and arrives when it likes. So a request is only sent
//! while a statement of the call is under way, and a session that was sent one is closed unless the statement's own end
//! shows that the request has been used up.

use std::sync::{Mutex, MutexGuard, PoisonError};

use postgres::CancelToken;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Code, Failure};

/// Who wants the call to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The client closed its connection.
    HangUp,
    /// The client sent `notifications/cancelled`.
    Asked,
    /// The server is stopping.
    Shutdown,
}

impl Reason {
    /// What the client is told, if it is still there.
    pub fn failure(self) -> Failure {
        match self {
            Reason::HangUp => Failure::new(Code::Cancelled, "the client closed the connection"),
            Reason::Asked => Failure::new(Code::Cancelled, "the call was cancelled as the client asked"),
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
    pub(super) tls: MakeRustlsConnect,
}

impl Canceller {
    pub(super) fn send(&self) -> Result<(), postgres::Error> {
        self.token.cancel_query(self.tls.clone())
    }
}

/// A call's cancel switch, shared by the thread that runs it and those that may end it.
#[derive(Default)]
pub struct Cancel(Mutex<State>);

#[derive(Default)]
struct State {
    reason: Option<Reason>,
    /// Present while a statement may be under way.
    session: Option<Canceller>,
    sent: bool,
}

impl Cancel {
    /// Asks for the end of the call. May be repeated: a request that arrives between two statements has no effect.
    pub fn request(&self, reason: Reason) {
        let mut state = self.lock();
        state.reason.get_or_insert(reason);
        // Sent under the lock: `disarm` waits, so the request cannot reach the session's next call unnoticed.
        if let Some(session) = &state.session {
            if let Err(error) = session.send() {
                log::warn!("cannot send a cancel request: {error}");
            }
            state.sent = true;
        }
    }

    /// Whether somebody asked.
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

    /// From here on a request no longer reaches the session. Tells whether one has been sent.
    pub(super) fn disarm(&self) -> Option<Reason> {
        let mut state = self.lock();
        state.session = None;
        state.reason.filter(|_| state.sent)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
