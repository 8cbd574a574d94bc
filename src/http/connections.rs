//! The connections: accepting them, up to a limit, a thread for each, and closing them.
//!
//! At the limit, the connection that has waited longest for its client is closed to make room, so that idle clients, or hostile
//! ones that trickle a head or a body, cannot keep others out. A connection whose request is being answered is never closed.

use std::{
    collections::HashMap,
    io,
    net::{Shutdown, TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tiny_http::Method;

use super::{
    Exchange, Head, Reply,
    wire::{Wire, from_now},
};

/// Enough for the deepest recursion here (JSON of 128 levels, in a build without optimisation).
const STACK_BYTES: usize = 1 << 20;

/// The open connections.
pub struct Connections {
    max: usize,
    draining: AtomicBool,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    /// When a lack of threads or descriptors was last reported.
    warned: Option<Instant>,
    all: HashMap<u64, Connection>,
    /// No further request is awaited.
    ended: bool,
}

struct Connection {
    stream: Arc<TcpStream>,
    state: State,
    since: Instant,
}

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Between two requests, or sending a head.
    Idle,
    /// Sending a body, or receiving an answer: the client sets the pace, so the connection may have to make room.
    Transfer,
    /// Its request is being answered.
    Busy,
}

impl Connections {
    /// Room for `max` connections.
    pub fn new(max: usize) -> Arc<Connections> {
        Arc::new(Connections { max, draining: AtomicBool::new(false), open: Mutex::default() })
    }

    /// Accepts no more connections: `listener` is shut down, so that a proxy turns to another copy. On those that are open the
    /// next answer is the last. A second time does nothing.
    pub fn close(&self, listener: &TcpListener) {
        if self.draining.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Err(error) = rustix::net::shutdown(listener, rustix::net::Shutdown::Both) {
            log::warn!("cannot shut the listener down: {error}");
        }
    }

    /// Closes the connections that wait for a request, and those that are just being accepted.
    pub fn close_idle(&self) {
        let mut open = self.lock();
        open.ended = true;
        for connection in open.all.values().filter(|connection| connection.state == State::Idle) {
            let _ = connection.stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits until no connection is left, for at most `time`; false if some still are.
    pub fn drained(&self, time: Duration) -> bool {
        let deadline = from_now(time);
        while self.count() > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        self.count() == 0
    }

    /// How many connections are open.
    pub fn count(&self) -> usize {
        self.lock().all.len()
    }

    /// Closes one idle client, where threads or descriptors lack. Reported at most once a second, since strangers can cause it at
    /// will. False if no client is idle.
    fn make_room(&self, what: &str, error: &io::Error) -> bool {
        let mut open = self.lock();
        if open.warned.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
            open.warned = Some(Instant::now());
            log::warn!("{what}: {error}; an idle connection is closed to make room");
        }
        evict(&mut open)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection; `None` when all places are taken by requests that are being answered.
    fn enter(self: &Arc<Self>, stream: &Arc<TcpStream>) -> Option<Place> {
        let mut open = self.lock();
        // Accepted just before `close_idle`, which can no longer see it.
        if open.ended {
            let _ = stream.shutdown(Shutdown::Both);
        }
        while open.all.len() >= self.max {
            if !evict(&mut open) {
                return None;
            }
        }
        let id = open.next;
        open.next = open.next.wrapping_add(1);
        open.all.insert(id, Connection { stream: Arc::clone(stream), state: State::Idle, since: Instant::now() });
        Some(Place { id, connections: Arc::clone(self) })
    }
}

/// Closes the connection that has waited longest for its client. Its thread sees the end of the stream and ends.
fn evict(open: &mut Open) -> bool {
    let waiting = open.all.iter().filter(|(_, connection)| connection.state != State::Busy);
    let Some((_, id)) = waiting.map(|(id, connection)| (connection.since, *id)).min() else { return false };
    if let Some(connection) = open.all.remove(&id) {
        let _ = connection.stream.shutdown(Shutdown::Both);
    }
    true
}

/// A connection's place; released when dropped, however the connection ends.
pub(super) struct Place {
    id: u64,
    connections: Arc<Connections>,
}

impl Place {
    /// Records what the connection is doing now. False if it has been closed meanwhile, or should be.
    pub(super) fn enter(&self, state: State) -> bool {
        let draining = self.connections.draining.load(Ordering::SeqCst);
        match self.connections.lock().all.get_mut(&self.id) {
            Some(connection) => {
                // After an answer, the wait for the client is counted from when the answer began.
                if state != State::Idle {
                    connection.since = Instant::now();
                }
                connection.state = state;
                state != State::Idle || !draining
            }
            None => false,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().all.remove(&self.id);
    }
}

/// Accepts connections until [`Connections::close`], and answers each request with `handler`, in a thread for each
/// connection.
pub fn serve<H>(listener: &TcpListener, connections: &Arc<Connections>, handler: H)
where
    H: Fn(&mut Exchange<'_>) -> Reply + Clone + Send + 'static,
{
    loop {
        let accepted = listener.accept();
        if connections.draining.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                start(Arc::new(stream), connections, &handler);
            }
            Err(error) => {
                // Most likely out of file descriptors. Others get a moment to end.
                connections.make_room("cannot accept a connection", &error);
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// How often it is tried to make room where there may be no further thread, before a client is refused.
const TRIES: usize = 20;

fn start<H>(stream: Arc<TcpStream>, connections: &Arc<Connections>, handler: &H)
where
    H: Fn(&mut Exchange<'_>) -> Reply + Clone + Send + 'static,
{
    for _ in 0..TRIES {
        let Some(place) = connections.enter(&stream) else { break };
        let (mut wire, handler) = (Wire::new(Arc::clone(&stream)), handler.clone());
        let thread = thread::Builder::new().name("connection".to_owned()).stack_size(STACK_BYTES);
        let Err(error) = thread.spawn(move || converse(&mut wire, &place, &handler)) else { return };
        // Most likely the limit on the container's threads.
        if !connections.make_room("cannot start a thread for a connection", &error) {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = stream.set_nonblocking(true);
    let reply = Reply::refusal(503, "all connections are busy; try again").with("Retry-After", "1");
    let _ = Wire::new(stream).reply(&reply, false, false);
}

/// Request after request on one connection.
fn converse(wire: &mut Wire, place: &Place, handler: &impl Fn(&mut Exchange<'_>) -> Reply) {
    loop {
        let head = match wire.head() {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(refused) => {
                place.enter(State::Transfer);
                let _ = wire.reply(&Reply::refusal(refused.0, refused.1), false, false);
                return wire.linger();
            }
        };
        if !place.enter(State::Busy) {
            return;
        }
        match answer(wire, head, place, handler) {
            Ok(true) => {}
            Ok(false) => return wire.linger(),
            Err(_) => return,
        }
    }
}

/// Answers one request; true when the connection can carry another.
fn answer(
    wire: &mut Wire,
    head: Head,
    place: &Place,
    handler: &impl Fn(&mut Exchange<'_>) -> Reply,
) -> io::Result<bool> {
    let head_only = *head.method() == Method::Head;
    let (keep_alive, has_body) = (head.keep_alive, head.content_length > 0);
    let mut exchange = Exchange { head, wire, place, body_read: false, streaming: false };
    // A panic ends one request only: its database session is cleaned up by its own guards, and the client gets an answer.
    let reply = catch_unwind(AssertUnwindSafe(|| handler(&mut exchange)));
    let body_consumed = !has_body || exchange.body_read;
    let streaming = exchange.streaming;
    let reply = reply.unwrap_or_else(|_| Reply::refusal(500, "an internal error; the operator's log has more"));
    let keep_alive = keep_alive && body_consumed && !place.connections.draining.load(Ordering::SeqCst);
    place.enter(State::Transfer);
    if streaming {
        // The status was sent long ago: a client of an event stream finds an error in the JSON-RPC message.
        wire.write_event(&reply.body.slices(), true)?;
    } else {
        wire.reply(&reply, head_only, keep_alive)?;
    }
    Ok(keep_alive && place.enter(State::Idle))
}
