//! The service on a socket: HTTP/1.1 with keep-alive, on loopback only.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::audit::Audit;
use super::http_types::{Delivery, HttpRequest, HttpResponse};
use super::service::Service;
use super::world::World;
use crate::clock::WallClock;

/// The maximum number of open connections; the next one waits.
const MAX_CONNECTIONS: usize = 4096;

/// A full request of the API has about 117 KB; a larger one is a mistake.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Binds `port` of 127.0.0.1, or any free one for 0.
pub async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// A service that answers on a port of this process until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    service: Arc<Mutex<Service>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts the service on a free port of 127.0.0.1. Needs a tokio runtime.
    pub async fn start(service: Service, clock: Arc<dyn WallClock>) -> io::Result<Self> {
        Self::start_on(bind(0).await?, service, clock)
    }

    /// Starts the service on a socket that listens already.
    pub fn start_on(
        listener: TcpListener,
        service: Service,
        clock: Arc<dyn WallClock>,
    ) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let service = Arc::new(Mutex::new(service));
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            // An error means that the sender was dropped: that stops the service as well.
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve(listener, Arc::clone(&service), clock, shutdown));
        Ok(Self { addr, service, stop: Some(stop), task })
    }

    /// The address on which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The endpoint for a client: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The audit so far.
    pub fn audit(&self) -> Audit {
        lock(&self.service).audit()
    }

    /// A copy of the world as it is now, if there is one.
    pub fn world(&self) -> Option<World> {
        lock(&self.service).world().cloned()
    }

    /// Ends every connection and returns once the port is free.
    pub async fn stop(mut self) {
        self.stop.take();
        // The task ends by itself or was aborted; both are fine.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers on a socket until `shutdown` is ready, then ends every connection.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Mutex<Service>>,
    clock: Arc<dyn WallClock>,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = std::pin::pin!(shutdown);
    // Dropping the set aborts what is in it.
    let mut connections = JoinSet::new();
    loop {
        let is_full = connections.len() >= MAX_CONNECTIONS;
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if !is_full => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&service), Arc::clone(&clock)));
                }
                // Out of descriptors, or a client that disconnected: the next accept can succeed.
                Err(error) => {
                    tracing::warn!(%error, "the simulated service could not accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            },
        }
    }
}

async fn connection(stream: TcpStream, service: Arc<Mutex<Service>>, clock: Arc<dyn WallClock>) {
    // A response is written at once; waiting for more data would only delay it.
    let _ = stream.set_nodelay(true);
    let doomed = Arc::new(AtomicBool::new(false));
    let socket = Socket { stream, doomed: Arc::clone(&doomed) };
    let handle = service_fn(move |request| {
        handle(request, Arc::clone(&service), Arc::clone(&clock), Arc::clone(&doomed))
    });
    // Clients disconnect and faults cut connections: neither is an error of the service.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), handle).await;
}

/// The connection is to be cut instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
struct Cut;

async fn handle(
    request: Request<Incoming>,
    service: Arc<Mutex<Service>>,
    clock: Arc<dyn WallClock>,
    doomed: Arc<AtomicBool>,
) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        // The client disconnected, or its body is too long.
        return Err(Cut);
    };
    let request = HttpRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.to_bytes(),
    };
    let reply = lock(&service).handle(clock.now(), &request);
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    match reply.delivery {
        Delivery::Respond(answer) => Ok(respond(answer, usize::MAX)),
        Delivery::Truncate { answer, keep } => Ok(respond(answer, keep)),
        Delivery::ResetBefore | Delivery::ResetAfter => {
            doomed.store(true, Ordering::Release);
            Err(Cut)
        }
    }
}

fn respond(answer: HttpResponse, keep: usize) -> Response<Body> {
    let announced = answer.body.len() as u64;
    let is_cut = keep < answer.body.len();
    let sent = answer.body.slice(..keep.min(answer.body.len()));
    let body = Body { announced, sent: Some(sent), is_cut, has_flushed: false };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

fn lock(service: &Mutex<Service>) -> MutexGuard<'_, Service> {
    // A panic in another request leaves wrong counts at worst; the audit stays readable.
    service.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body that may be shorter than its `content-length`.
struct Body {
    announced: u64,
    sent: Option<Bytes>,
    is_cut: bool,
    has_flushed: bool,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(sent) = self.sent.take() {
            return Poll::Ready(Some(Ok(Frame::data(sent))));
        }
        if !self.is_cut {
            return Poll::Ready(None);
        }
        if !self.has_flushed {
            // hyper flushes its buffer when a body isn't ready. An error now would discard the
            // first half, and the client would get no answer at all.
            self.has_flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Cut)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

/// A socket that resets its connection when dropped, if a fault asks for it.
struct Socket {
    stream: TcpStream,
    doomed: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Acquire) {
            // Without lingering the kernel sends RST instead of an orderly end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
