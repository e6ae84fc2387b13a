//! The HTTP endpoints of a worker: a live page at `/`, `/healthz`, `/readyz` and `/metrics`.

use crate::exit::{Exit, Failure};
use crate::queue::metrics::Metrics;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// The default port.
const PORT: u16 = 9464;
/// The maximum number of connections: monitoring needs few.
const MAX_CONNECTIONS: usize = 32;
/// The timeout for the header of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

const PLAIN: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// The page at `/`: one file, which reads `/metrics` and nothing else.
const LIVE_PAGE: &str = include_str!("live_page.html");
/// The permissions of the page.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
                              style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
                              base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Listening {
    /// Its address.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the server; `None` for the default address, or any free port if that is taken.
pub async fn start(
    address: Option<SocketAddr>,
    metrics: Arc<Metrics>,
) -> Result<Listening, Failure> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let listener = match address {
        Some(address) => TcpListener::bind(address).await,
        None => match TcpListener::bind(usual).await {
            // Another worker on this machine has the usual port.
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
            bound => bound,
        },
    };
    let shown = address.unwrap_or(usual);
    let failure = |error| Failure::new(Exit::Configuration, format!("--listen {shown}: {error}"));
    let listener = listener.map_err(failure)?;
    let address = listener.local_addr().map_err(failure)?;
    Ok(Listening { address, task: tokio::spawn(serve(listener, metrics)) })
}

async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, or the client disconnected at once.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                std::future::ready(Ok::<_, Infallible>(answer(&request, &metrics)))
            });
            let connection = http1::Builder::new()
                .timer(hyper_util::rt::TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), answer);
            let _ = connection.await;
            drop(permit);
        });
    }
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET\n".to_owned());
    }
    match request.uri().path() {
        "/" => {
            let mut page = response(StatusCode::OK, HTML, LIVE_PAGE.to_owned());
            let policy = header::HeaderValue::from_static(CONTENT_POLICY);
            page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            page
        }
        "/healthz" => response(StatusCode::OK, PLAIN, "ok\n".to_owned()),
        "/readyz" if metrics.is_ready() => response(StatusCode::OK, PLAIN, "ready\n".to_owned()),
        "/readyz" => response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, "not ready\n".to_owned()),
        "/metrics" => response(StatusCode::OK, PROMETHEUS, metrics.text()),
        _ => {
            let known = "only /, /healthz, /readyz and /metrics\n".to_owned();
            response(StatusCode::NOT_FOUND, PLAIN, known)
        }
    }
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    let no_sniff = header::HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, no_sniff);
    response
}
