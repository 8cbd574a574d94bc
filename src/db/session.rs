//! One session: how it is opened, and how a transaction begins and ends in it.
//!
//! The simple query protocol, which can run several statements, is used here and in [`super::wire::Pipeline`] only, and only with
//! the texts of [`super::transaction`]. An analyst's text goes through the extended protocol. On a direct connection the texts
//! that begin and end a transaction travel with the first and the last statement in it; a call is two round trips then.

use std::{sync::Arc, time::Duration};

use postgres::{Client, Config, SimpleQueryMessage};

use super::{
    cancel::{Canceller, Reason},
    failure::is_cancel,
    transaction::{BEGIN, Caller, DIRECT, GRACE, end},
    wire::{Connector, Deadline, Pipeline},
};
use crate::error::{Code, Failure};

/// How long PostgreSQL may take to let the session in, and for each of the program's own short statements.
const PROMPT: Duration = Duration::from_secs(5);

/// A connection, and whether it is as new.
pub(super) struct Session {
    pub(super) client: Client,
    connector: Connector,
    pub(super) deadline: Arc<Deadline>,
    pub(super) pipeline: Arc<Pipeline>,
    /// PostgreSQL's process, or a pooler's number for it.
    process_id: u32,
    /// There is a pooler (PgBouncer) between us and PostgreSQL: each transaction may meet another of its processes.
    pub(super) pooled: bool,
    tainted: bool,
    /// The driver keeps prepared statements in it, by which it asks for types that it does not know.
    pub(super) keeps_statements: bool,
    pub(super) marks: Marks,
}

/// What a transaction has led to so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Marks {
    /// A text of the analyst has been sent.
    pub(super) ran: bool,
    /// The connection is gone.
    pub(super) lost: bool,
    /// The session must not be used again: it was sent a cancel request, or see [`super::Reading::prepare`].
    pub(super) doubt: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        // The driver waits for what PostgreSQL owes it; nothing of what it has asked may be held back any longer.
        self.pipeline.close();
    }
}

impl Session {
    /// Connects.
    #[expect(clippy::disallowed_methods, reason = "fixed text")]
    pub(super) fn new(config: &Config, connector: &Connector) -> Result<Session, postgres::Error> {
        let own = connector.with_deadline(PROMPT);
        let (deadline, pipeline) = (Arc::clone(&own.deadline), Arc::clone(&own.pipeline));
        let mut client = config.connect(own)?;
        deadline.set(PROMPT);
        let probe = format!("SELECT pg_catalog.current_setting('{DIRECT}', true), pg_catalog.pg_backend_pid()");
        let answer = client.simple_query(&probe)?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let field = |index: usize| row.and_then(|row| row.try_get(index).ok().flatten());
        let pooled = field(0) != Some("on");
        let process_id = field(1).and_then(|id| id.parse().ok()).unwrap_or_default();
        Ok(Session {
            client,
            connector: connector.clone(),
            deadline,
            pipeline,
            process_id,
            pooled,
            tainted: false,
            keeps_statements: false,
            marks: Marks::default(),
        })
    }

    pub(super) fn is_tainted(&self) -> bool {
        self.tainted || self.client.is_closed()
    }

    /// Whether the connection is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether PostgreSQL did not end the last statement in time.
    pub(super) fn is_late(&self) -> bool {
        self.deadline.passed()
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process_id
    }

    pub(super) fn canceller(&self) -> Canceller {
        Canceller {
            token: self.client.cancel_token(),
            connector: self.connector.clone(),
            deadline: Arc::clone(&self.deadline),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "fixed text")]
    pub(super) fn probe(&mut self) -> Result<(), postgres::Error> {
        self.deadline.set(PROMPT);
        self.client.simple_query("").map(drop)
    }

    /// Starts the read-only transaction. Until [`Session::finish`] has succeeded the session counts as tainted. `settings` are
    /// [`transaction_settings`]: what the start-up options have set cannot have changed on a direct connection, since every
    /// transaction is rolled back.
    #[expect(clippy::disallowed_methods, reason = "fixed text; a caller holds no quote")]
    pub(super) fn begin(&mut self, settings: &str, caller: &Caller) -> Result<(), postgres::Error> {
        self.tainted = true;
        let text = |start: &str| format!("{start} SET LOCAL application_name = '{caller}'");
        self.deadline.set(PROMPT);
        if self.pooled {
            self.client.batch_execute(&text(settings))
        } else {
            self.pipeline.begin(text(BEGIN));
            Ok(())
        }
    }

    /// The statements of the transaction together may run for `limit`.
    pub(super) fn allow(&mut self, limit: Duration) {
        let limit_and_grace = limit.saturating_add(GRACE);
        if self.pooled {
            self.deadline.set(limit_and_grace);
        } else {
            self.deadline.then(limit_and_grace);
        }
        self.marks = Marks::default();
    }

    /// Whether PostgreSQL may hold prepared statements in this session that must stay: the driver's, or those of other clients of a
    /// pooler.
    pub(super) fn shares_statements(&self) -> bool {
        self.keeps_statements || self.pooled
    }

    /// Whether PostgreSQL has started the transaction.
    pub(super) fn has_begun(&self) -> bool {
        self.pooled || self.pipeline.began()
    }

    /// Whether the connection was lost before PostgreSQL could have run anything of the analyst.
    pub(super) fn may_run_again(&self) -> bool {
        self.marks.lost && !(self.marks.ran && self.has_begun())
    }

    /// Rolls back and makes the session as new. It stays tainted when that fails, when it was sent a cancel request
    /// (`cancelled`: why, from outside), when the reading has left it in doubt, and when PostgreSQL is late. The result is passed
    /// through, but an error after a cancel request becomes the reason for the request.
    pub(super) fn finish<T>(&mut self, cancelled: Option<Reason>, result: Result<T, Failure>) -> Result<T, Failure> {
        let late = self.is_late();
        if cancelled.is_none() && !self.marks.doubt && !late && !self.client.is_closed() && self.roll_back() {
            self.tainted = false;
        }
        match (cancelled, result) {
            // A pooler may end a cancelled statement by closing the connection.
            (Some(reason), Err(failure)) if late || is_cancel(&failure) || failure.code == Code::Unavailable => {
                Err(reason.failure())
            }
            (_, result) => result,
        }
    }

    /// True when the session is as new.
    #[expect(clippy::disallowed_methods, reason = "fixed text")]
    fn roll_back(&mut self) -> bool {
        self.deadline.set(PROMPT);
        let untouched = self.pipeline.take_back();
        let clean = match self.pipeline.ended() {
            _ if untouched => Ok(true),
            Some(clean) => Ok(clean),
            // The end travels with a statement that has failed, or is still to come. Either way the answer to the next text
            // comes after it.
            None if self.pipeline.is_ending() => {
                self.client.simple_query("").map(|_| self.pipeline.ended() == Some(true))
            }
            None => self.client.simple_query(&end(self.shares_statements())).map(|_| true),
        };
        clean.unwrap_or_else(|error| {
            log::debug!("a session did not roll back and is closed: {error}");
            false
        })
    }

    /// Closes the connection once PostgreSQL has ended what it is doing, however long that takes.
    pub(super) fn end(self) {
        self.deadline.lift();
    }
}
