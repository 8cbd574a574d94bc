//! The stream between the driver and PostgreSQL. It takes no message longer than a limit, and waits no longer than a deadline.
//!
//! In: PostgreSQL's bytes, encrypted or not. Out: its messages (type, length, body: "Message Formats" in PostgreSQL's
//! documentation of the protocol), with these differences. An error is cut to its beginning, since PostgreSQL quotes whole
//! values in it. Notices are left out. Of a row that is too long only the length is passed on. When the deadline has passed
//! comes an error, as PostgreSQL should have sent by then. Any other message that is too long ends the connection. And texts of the
//! program's own travel with the driver's messages ([`pipeline`]).
//!
//! The driver offers no hook for a plain connection. So it always opens its connections as if for TLS without negotiation
//! (`SslNegotiation::Direct`), which hands us the fresh socket; whether there is TLS on it is decided here, in the way of
//! libpq's `sslmode`.

mod deadline;
mod incoming;
mod pipeline;
mod rows;

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
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

pub(super) use deadline::Deadline;
use incoming::Incoming;
pub(super) use incoming::Limits;
use pipeline::Outgoing;
pub(super) use pipeline::Pipeline;
pub use rows::{Flow, Row};

/// How long the start of TLS may take, and the sending of a cancel request.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How many bytes are read at once.
const CHUNK: usize = 32 << 10;
/// How long the driver may go on waiting after the deadline has passed.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The request for TLS: its length, then its code.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// What is said in place of PostgreSQL once the deadline has passed (SQLSTATE 57014, `query_canceled`).
const OVERDUE: &[u8] = b"SERROR\0VERROR\0C57014\0MPostgreSQL did not end the statement in time\0\0";

/// Makes the streams of one session: its own, and those of its cancel requests.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) tls: MakeRustlsConnect,
    pub(super) ssl_mode: SslMode,
    pub(super) limits: Limits,
    pub(super) deadline: Arc<Deadline>,
    pub(super) pipeline: Arc<Pipeline>,
}

impl Connector {
    /// The same for a session of its own.
    pub(super) fn with_deadline(&self, within: Duration) -> Connector {
        let connector = Connector { deadline: Arc::default(), pipeline: Arc::default(), ..self.clone() };
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
            // Of several hosts each has its time.
            self.connector.deadline.set(HANDSHAKE);
            let begun = timeout(HANDSHAKE, begin(socket, &self)).await;
            let inner = begun.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"))??;
            Ok(Wire {
                inner,
                incoming: Incoming::new(self.connector.limits),
                outgoing: Outgoing::default(),
                deadline: self.connector.deadline,
                pipeline: self.connector.pipeline,
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
    incoming: Incoming,
    outgoing: Outgoing,
    deadline: Arc<Deadline>,
    pipeline: Arc<Pipeline>,
    timer: Option<Pin<Box<Sleep>>>,
    /// What was read last, and the part of it that has not been looked at.
    chunk: Box<[u8]>,
    unread: (usize, usize),
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
                if late || !self.incoming.is_between_messages() {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "PostgreSQL does not answer")));
                }
                until.at = Instant::now().checked_add(LAST_WORDS);
                self.incoming.inject(OVERDUE);
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
            // If the receiver of a row panics, nothing is read twice.
            let (start, end) = std::mem::take(&mut wire.unread);
            let used = wire.incoming.deliver(unread, buffer, (&wire.pipeline, &wire.deadline))?;
            wire.unread = (start.saturating_add(used), end);
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
    /// Takes everything; it goes out with the flush that the driver lets follow.
    fn poll_write(mut self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = &mut *self;
        wire.outgoing.take(bytes, &wire.pipeline);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        if wire.outgoing.broken {
            let what = "the driver's messages are not as expected";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what)));
        }
        if !wire.outgoing.urgent && !wire.pipeline.is_closing() {
            return Poll::Ready(Ok(()));
        }
        while let Some(unsent) = wire.outgoing.bytes.get(wire.outgoing.sent..).filter(|unsent| !unsent.is_empty()) {
            let sent = ready!(match &mut wire.inner {
                Inner::Plain(socket) => Pin::new(socket).poll_write(context, unsent),
                Inner::Encrypted(stream) => Pin::new(stream.as_mut()).poll_write(context, unsent),
            })?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            wire.outgoing.sent = wire.outgoing.sent.saturating_add(sent);
        }
        wire.outgoing.bytes.clear();
        (wire.outgoing.sent, wire.outgoing.urgent) = (0, false);
        match &mut wire.inner {
            Inner::Plain(socket) => Pin::new(socket).poll_flush(context),
            Inner::Encrypted(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.urgent = true;
        ready!(self.as_mut().poll_flush(context))?;
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
