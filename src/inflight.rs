//! What is running: a fair share for each analyst, and the ways in which a call is ended early.
//!
//! A call is cancelled in PostgreSQL when its client hangs up, when the analyst sends `notifications/cancelled` with its
//! id, and when the server stops.

use std::{
    collections::HashMap,
    net::TcpStream,
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use serde_json::Value;

use crate::{
    auth::Analyst,
    db::{self, Cancel, Reason},
    error::{Code, Failure},
};

/// How often the clients of running calls are looked at, and how often a cancel request is repeated.
const TICK: Duration = Duration::from_millis(200);
/// How many calls of an analyst may wait for a place; more are told at once that they are too many.
const MAX_WAITING: usize = 64;
/// No statement may run for so long: one that does is in code of PostgreSQL or an extension that cannot be interrupted.
const STUCK: Duration = Duration::from_secs(70);

/// The running calls.
pub struct InFlight {
    max_per_analyst: usize,
    calls: Mutex<Calls>,
    changed: Condvar,
}

#[derive(Default)]
struct Calls {
    next: u64,
    running: HashMap<u64, Call>,
    /// Who waits, once for each call.
    waiting: Vec<Analyst>,
}

struct Call {
    analyst: Analyst,
    id: Value,
    client: Arc<TcpStream>,
    cancel: Arc<Cancel>,
    started: Instant,
    told: bool,
}

/// A running call's place; given back when dropped.
pub struct Ticket {
    number: u64,
    calls: Arc<InFlight>,
    cancel: Arc<Cancel>,
}

impl Ticket {
    /// The call's cancel switch.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.calls.lock().running.remove(&self.number);
        self.calls.changed.notify_all();
    }
}

impl InFlight {
    /// Nothing is running yet. Starts the thread that looks after hang-ups.
    pub fn start(max_per_analyst: usize) -> std::io::Result<Arc<InFlight>> {
        let calls = Arc::new(InFlight { max_per_analyst, calls: Mutex::default(), changed: Condvar::new() });
        let watched = Arc::clone(&calls);
        thread::Builder::new().name("hang-up".to_owned()).spawn(move || watched.watch())?;
        Ok(calls)
    }

    /// A place for a call, as soon as the analyst has fewer than their share running. `id` is the JSON-RPC id and
    /// `client` the connection that waits for the answer.
    pub fn enter(
        self: &Arc<Self>,
        analyst: &Analyst,
        id: &Value,
        client: Arc<TcpStream>,
        started: Instant,
    ) -> Result<Ticket, Failure> {
        let mut calls = self.lock();
        while calls.running.values().filter(|call| call.analyst == *analyst).count() >= self.max_per_analyst {
            let left = db::BUSY_AFTER.saturating_sub(started.elapsed());
            if left.is_zero() || calls.waiting.iter().filter(|name| *name == analyst).count() >= MAX_WAITING {
                let message = format!("you have {} queries running, which is the most", self.max_per_analyst);
                return Err(
                    Failure::new(Code::Busy, message).hint("wait for one of them, or make them shorter, and try again")
                );
            }
            calls.waiting.push(analyst.clone());
            calls = self.changed.wait_timeout(calls, left).unwrap_or_else(PoisonError::into_inner).0;
            if let Some(place) = calls.waiting.iter().position(|name| name == analyst) {
                calls.waiting.swap_remove(place);
            }
        }
        let number = calls.next;
        calls.next = calls.next.wrapping_add(1);
        let cancel = Arc::new(Cancel::default());
        let call = Call {
            analyst: analyst.clone(),
            id: id.clone(),
            client,
            cancel: Arc::clone(&cancel),
            started,
            told: false,
        };
        calls.running.insert(number, call);
        self.changed.notify_all();
        Ok(Ticket { number, calls: Arc::clone(self), cancel })
    }

    /// Cancels the analyst's calls with this id. An analyst with two clients that use the same id loses both.
    pub fn cancel(&self, analyst: &Analyst, id: &Value) {
        self.request(Reason::Asked, |call| call.analyst == *analyst && call.id == *id);
    }

    /// Cancels everything.
    pub fn cancel_all(&self) {
        self.request(Reason::Shutdown, |_| true);
    }

    /// How many calls are running.
    pub fn count(&self) -> usize {
        self.lock().running.len()
    }

    fn request(&self, reason: Reason, which: impl Fn(&Call) -> bool) {
        let chosen: Vec<Arc<Cancel>> =
            self.lock().running.values().filter(|call| which(call)).map(|call| Arc::clone(&call.cancel)).collect();
        // Outside the lock: each request is a conversation with the database.
        for cancel in chosen {
            cancel.request(reason);
        }
    }

    /// Looks for clients that have left. For ever.
    fn watch(&self) {
        loop {
            let mut calls = self.lock();
            while calls.running.is_empty() {
                calls = self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner);
            }
            for call in calls.running.values_mut().filter(|call| !call.told && call.started.elapsed() > STUCK) {
                call.told = true;
                log::error!(
                    "a call of {} runs for over {STUCK:?} and ignores cancellation; look for mcp:{} in pg_stat_activity",
                    call.analyst.name(),
                    call.analyst.name()
                );
            }
            let watched: Vec<(Arc<TcpStream>, Arc<Cancel>)> =
                calls.running.values().map(|call| (Arc::clone(&call.client), Arc::clone(&call.cancel))).collect();
            drop(calls);
            let began = Instant::now();
            for (index, gone) in hung_up(&watched).into_iter().enumerate() {
                if let Some((_, cancel)) = watched.get(index) {
                    // A cancelled call that still runs is cancelled again: the request may have come between statements.
                    match cancel.requested() {
                        Some(reason) => cancel.request(reason),
                        None if gone => cancel.request(Reason::HangUp),
                        None => {}
                    }
                }
            }
            thread::sleep(TICK.saturating_sub(began.elapsed()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which clients have closed their side, waiting a tick for the first.
fn hung_up(watched: &[(Arc<TcpStream>, Arc<Cancel>)]) -> Vec<bool> {
    let flags = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    let mut polled: Vec<PollFd<'_>> =
        watched.iter().map(|(client, _)| PollFd::from_borrowed_fd(client.as_fd(), PollFlags::RDHUP)).collect();
    let timeout = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) => polled.iter().map(|fd| fd.revents().intersects(flags)).collect(),
        Err(Errno::INTR) => vec![false; watched.len()],
        Err(error) => {
            log::warn!("cannot watch for hang-ups: {error}");
            thread::sleep(TICK);
            vec![false; watched.len()]
        }
    }
}
