//! Whether a query would run now: for load balancers and for whoever watches the server.

use std::{
    sync::{Arc, Mutex, TryLockError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    app::AppState,
    db::{self, Caller, Cancel, Flow},
    error::Code,
    statement::Statement,
};

/// How long a verdict is reused, so that nobody can put load on the database by asking for it.
const VALID: Duration = Duration::from_secs(1);
/// How long the database may take.
const PROMPT: Duration = Duration::from_secs(2);

/// The last verdict.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Verdict)>>);

/// Or why no query would run.
type Verdict = Result<(), Code>;

impl Readiness {
    /// Whether the database answers, and its role is suitable. A database that is merely busy counts as ready, or a load balancer
    /// would remove the last copy when it is needed most.
    pub(crate) fn verdict(&self, app: &AppState) -> Verdict {
        // One caller looks for all. A database that hangs keeps that one waiting, but must not keep many.
        let mut tries = 0..100;
        let mut known = loop {
            match self.0.try_lock() {
                Ok(known) => break known,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if tries.next().is_some() => thread::sleep(Duration::from_millis(10)),
                Err(TryLockError::WouldBlock) => return Err(Code::Unavailable),
            }
        };
        if let Some((at, verdict)) = *known
            && at.elapsed() < VALID
        {
            return verdict;
        }
        let verdict = look(app);
        *known = Some((Instant::now(), verdict));
        verdict
    }
}

fn look(app: &AppState) -> Verdict {
    // Without patience: as if the caller had been waiting for long.
    let started = Instant::now().checked_sub(db::PATIENCE).unwrap_or_else(Instant::now);
    let cancel = Arc::<Cancel>::default();
    let known = app.role_check.ensure(&app.database, &cancel, started);
    let answered = known.and_then(|_| {
        let answers = Statement::own("SELECT 'ready'");
        app.database.read_within(PROMPT, &Caller::Server("readyz"), &cancel, started, |reading| {
            reading.run_last(&answers, &[], (), |(), _| Flow::More)
        })
    });
    match answered {
        Err(failure) if failure.code != Code::Busy => Err(failure.code),
        _ => Ok(()),
    }
}
