//! The stream between the driver and PostgreSQL. It takes no message longer than a limit, and waits no longer than a deadline.
//!
//! In: PostgreSQL's bytes, encrypted or not. Out: its messages (type, length, body: "Message Formats" in PostgreSQL's
//! documentation of the protocol), with three differences. An error is cut to its beginning, since PostgreSQL quotes whole
//! values in it. Notices are left out. And when the deadline has passed, the stream says itself what PostgreSQL should have
//! said: an error that ends the statement. Any other message that is too long ends the connection.
//!
//! The driver offers no hook for a plain connection. So it is always asked for TLS without negotiation
//! (`SslNegotiation::Direct`), which hands us the fresh socket; whether there is TLS on it is decided here, in the way of
//! libpq's `sslmode`.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use postgres::{
    Socket,
    config::SslMode,
    tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Sleep, sleep_until, timeout},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long the start of TLS may take, and the sending of a cancel request.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The most bytes of an error that are passed on.
const MAX_ERROR: usize = 16 << 10;
/// How many bytes are read at once.
const CHUNK: usize = 32 << 10;
/// How long the driver may wait on after it has been told that the deadline has passed.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The request for TLS: its length, then its code.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// What is said in place of PostgreSQL once the deadline has passed (SQLSTATE 57014, `query_canceled`).
const OVERDUE: &[u8] = b"SERROR\0VERROR\0C57014\0MPostgreSQL did not end the statement in time\0\0";

/// Until when PostgreSQL may keep its session waiting. Shared by the session, which sets it, and the stream, which keeps it.
#[derive(Default)]
pub(super) struct Deadline(Mutex<Until>);

#[derive(Default)]
struct Until {
    at: Option<Instant>,
    passed: bool,
    waiting: Option<Waker>,
}

impl Deadline {
    /// From now on PostgreSQL has so long.
    pub(super) fn set(&self, within: Duration) {
        let mut until = self.lock();
        (until.at, until.passed) = (Instant::now().checked_add(within), false);
    }

    /// PostgreSQL has no longer than this. Reaches a thread that waits already.
    pub(super) fn shorten(&self, within: Duration) {
        let mut until = self.lock();
        let earlier = Instant::now().checked_add(within);
        if !until.passed && until.at.is_none_or(|at| earlier.is_some_and(|earlier| earlier < at)) {
            until.at = earlier;
            if let Some(waiting) = until.waiting.take() {
                waiting.wake();
            }
        }
    }

    /// PostgreSQL may take as long as it likes: nobody waits any more.
    pub(super) fn lift(&self) {
        self.lock().at = None;
    }

    /// Whether PostgreSQL was late since the last [`Deadline::set`].
    pub(super) fn passed(&self) -> bool {
        self.lock().passed
    }

    fn lock(&self) -> MutexGuard<'_, Until> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the streams of one session: its own, and those of its cancel requests.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) tls: MakeRustlsConnect,
    pub(super) ssl_mode: SslMode,
    /// The longest message, in bytes.
    pub(super) max_message: usize,
    pub(super) deadline: Arc<Deadline>,
}

impl Connector {
    /// The same for a session of its own.
    pub(super) fn with_deadline(&self, within: Duration) -> Connector {
        let connector = Connector { deadline: Arc::default(), ..self.clone() };
        connector.deadline.set(within);
        connector
    }
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Wire;
    type TlsConnect = Host;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Host> {
        Ok(Host { connector: self.clone(), name: host.to_owned() })
    }
}

/// A host that is being connected to.
pub(super) struct Host {
    connector: Connector,
    name: String,
}

impl TlsConnect<Socket> for Host {
    type Stream = Wire;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Wire>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let begun = timeout(HANDSHAKE, begin(socket, &self)).await;
            let inner = begun.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"))??;
            Ok(Wire {
                inner,
                reader: Reader {
                    max_message: self.connector.max_message,
                    ready: Vec::new(),
                    state: State::Head(Vec::new()),
                },
                deadline: self.connector.deadline,
                timer: None,
                chunk: vec![0; CHUNK].into_boxed_slice(),
                unread: (0, 0),
            })
        })
    }
}

/// Asks for TLS where `sslmode` wants it, as libpq does.
async fn begin(mut socket: Socket, host: &Host) -> io::Result<Inner> {
    let mut connector = host.connector.clone();
    if connector.ssl_mode == SslMode::Disable {
        return Ok(Inner::Plain(socket));
    }
    socket.write_all(&SSL_REQUEST).await?;
    let mut answer = [0];
    socket.read_exact(&mut answer).await?;
    if answer != *b"S" {
        let required = connector.ssl_mode == SslMode::Require;
        return if required { Err(io::Error::other("server does not support TLS")) } else { Ok(Inner::Plain(socket)) };
    }
    let Ok(tls) = MakeTlsConnect::<Socket>::make_tls_connect(&mut connector.tls, &host.name);
    Ok(Inner::Encrypted(Box::new(tls.connect(socket).await?)))
}

enum Inner {
    Plain(Socket),
    Encrypted(Box<<MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>),
}

/// The stream that the driver reads and writes.
pub(super) struct Wire {
    inner: Inner,
    reader: Reader,
    deadline: Arc<Deadline>,
    timer: Option<Pin<Box<Sleep>>>,
    /// What was read last, and the part of it that has not been looked at.
    chunk: Box<[u8]>,
    unread: (usize, usize),
}

/// Goes through PostgreSQL's messages as they come in.
struct Reader {
    max_message: usize,
    /// What goes to the driver before anything else.
    ready: Vec<u8>,
    state: State,
}

/// Where in PostgreSQL's messages the stream is.
enum State {
    /// Between two messages, with the first bytes of the next one's type and length.
    Head(Vec<u8>),
    /// Inside a message that is passed on, so many bytes before its end.
    Pass(usize),
    /// Inside what is not passed on, so many bytes before its end.
    Skip(usize),
    /// At the beginning of an error that is too long: what has been seen of it, and how much is left.
    Cut(Vec<u8>, usize),
}

impl Reader {
    /// Moves bytes to the driver, as far as there is room for them. Out: how many of them are dealt with.
    fn deliver(&mut self, bytes: &[u8], buffer: &mut ReadBuf<'_>) -> io::Result<usize> {
        let mut unread = bytes;
        loop {
            let length = self.ready.len().min(buffer.remaining());
            if length > 0 {
                buffer.put_slice(self.ready.get(..length).unwrap_or_default());
                self.ready.drain(..length);
            }
            if unread.is_empty() || buffer.remaining() == 0 {
                return Ok(bytes.len().saturating_sub(unread.len()));
            }
            let used = match &mut self.state {
                State::Head(head) => {
                    let used = unread.len().min(5_usize.saturating_sub(head.len()));
                    head.extend_from_slice(unread.get(..used).unwrap_or_default());
                    if let &[kind, a, b, c, d] = head.as_slice() {
                        let length = u32::from_be_bytes([a, b, c, d]).checked_sub(4);
                        let body = length.and_then(|length| usize::try_from(length).ok());
                        let body = body.ok_or_else(|| invalid("PostgreSQL sent a message without a length"))?;
                        self.state = match kind {
                            b'N' => State::Skip(body),
                            b'E' if body > MAX_ERROR => State::Cut(Vec::new(), body),
                            _ if body > self.max_message => {
                                return Err(invalid(&format!("PostgreSQL sent a message of {body} bytes")));
                            }
                            _ => {
                                self.ready.extend_from_slice(&[kind, a, b, c, d]);
                                State::Pass(body)
                            }
                        };
                    }
                    used
                }
                State::Pass(left) => {
                    let used = unread.len().min(*left).min(buffer.remaining());
                    buffer.put_slice(unread.get(..used).unwrap_or_default());
                    *left = left.saturating_sub(used);
                    used
                }
                State::Skip(left) => {
                    let used = unread.len().min(*left);
                    *left = left.saturating_sub(used);
                    used
                }
                State::Cut(seen, left) => {
                    let used = unread.len().min(MAX_ERROR.saturating_sub(seen.len()));
                    seen.extend_from_slice(unread.get(..used).unwrap_or_default());
                    *left = left.saturating_sub(used);
                    if seen.len() >= MAX_ERROR {
                        self.ready = error_message(&shortened(seen));
                        self.state = State::Skip(*left);
                    }
                    used
                }
            };
            unread = unread.get(used..).unwrap_or_default();
            if matches!(self.state, State::Pass(0) | State::Skip(0)) {
                self.state = State::Head(Vec::new());
            }
        }
    }

    /// Whether the driver has whole messages only.
    fn is_between_messages(&self) -> bool {
        matches!(&self.state, State::Head(head) if head.is_empty()) && self.ready.is_empty()
    }
}

impl Wire {
    /// Waits for the deadline. Once it has passed, the driver gets an error that ends its statement; if it waits on all the
    /// same, or is inside a message, the connection ends.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut until = self.deadline.lock();
            let Some(at) = until.at else {
                until.waiting = None;
                return Poll::Pending;
            };
            if Instant::now() >= at {
                let late = std::mem::replace(&mut until.passed, true);
                if late || !self.reader.is_between_messages() {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "PostgreSQL does not answer")));
                }
                until.at = Instant::now().checked_add(LAST_WORDS);
                self.reader.ready = error_message(OVERDUE);
                return Poll::Ready(Ok(()));
            }
            if !until.waiting.as_ref().is_some_and(|waiting| waiting.will_wake(context.waker())) {
                until.waiting = Some(context.waker().clone());
            }
            drop(until);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at.into())));
            if timer.deadline().into_std() != at {
                timer.as_mut().reset(at.into());
            }
            ready!(timer.as_mut().poll(context));
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        let before = buffer.filled().len();
        loop {
            let unread = wire.chunk.get(wire.unread.0..wire.unread.1).unwrap_or_default();
            wire.unread.0 = wire.unread.0.saturating_add(wire.reader.deliver(unread, buffer)?);
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let mut read = ReadBuf::new(&mut wire.chunk);
            let polled = match &mut wire.inner {
                Inner::Plain(socket) => Pin::new(socket).poll_read(context, &mut read),
                Inner::Encrypted(stream) => Pin::new(stream.as_mut()).poll_read(context, &mut read),
            };
            let length = read.filled().len();
            wire.unread = (0, length);
            match polled {
                Poll::Ready(Ok(())) if length == 0 => return Poll::Ready(Ok(())), // the end of the stream
                Poll::Ready(result) => result?,
                Poll::Pending => ready!(wire.poll_overdue(context))?,
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Inner::Encrypted(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(socket) => Pin::new(socket).poll_flush(context),
            Inner::Encrypted(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Inner::Encrypted(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

impl TlsStream for Wire {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.inner {
            Inner::Plain(_) => ChannelBinding::none(),
            Inner::Encrypted(stream) => stream.channel_binding(),
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// An ErrorResponse with these fields.
fn error_message(fields: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fields.len().saturating_add(4)).unwrap_or(u32::MAX);
    [b"E", length.to_be_bytes().as_slice(), fields].concat()
}

/// The fields of an error, of which only the beginning is there: those that are whole, and the beginning of the last one.
fn shortened(beginning: &[u8]) -> Vec<u8> {
    let mut fields = beginning.to_vec();
    let open = fields.iter().rposition(|byte| *byte == 0).map_or(0, |end| end.saturating_add(1));
    // PostgreSQL sends UTF-8, and the driver insists on it: no character is cut in two.
    let valid =
        std::str::from_utf8(fields.get(open..).unwrap_or_default()).map_or_else(|error| error.valid_up_to(), str::len);
    fields.truncate(open.saturating_add(valid));
    if valid > 0 {
        fields.extend_from_slice("…\0".as_bytes());
    }
    fields.push(0);
    fields
}

#[cfg(test)]
#[path = "../../tests/unit/db/wire.rs"]
mod tests;
