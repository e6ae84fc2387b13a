//! Sends signed requests to the service, and returns its answers.

use super::response::MAX_BYTES;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Url};
use std::future::Future;
use std::time::Duration;

/// A signed `POST` to `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireRequest {
    /// Scheme, host and port.
    pub endpoint: Url,
    /// The query, encoded, without `?`.
    pub query: String,
    /// Headers besides `host` and `content-length`.
    pub headers: HeaderMap,
    /// The form body.
    pub body: String,
}

/// An answer, not yet decoded.
#[derive(Debug, Clone)]
pub struct WireAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed, at most [`MAX_BYTES`].
    pub body: Bytes,
}

/// Why there is no answer; the variants differ in whether the service may have acted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No connection was made, so nothing was sent.
    #[error("no connection: {0}")]
    NotSent(String),
    /// There are no usable keys, so nothing was signed or sent.
    #[error("{0}")]
    NoCredentials(String),
    /// It was sent, or may have been, and no complete answer arrived in time.
    #[error("no answer in time")]
    TimedOut,
    /// It was sent, or may have been, and the answer was lost.
    #[error("the answer was lost: {0}")]
    Lost(String),
}

/// The network as the engine sees it.
pub trait Transport: Send + Sync + 'static {
    /// Sends once: no retries, no redirects.
    fn send(
        &self,
        request: WireRequest,
    ) -> impl Future<Output = Result<WireAnswer, SendError>> + Send;
}

/// The destination of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Other machines, over TLS.
    Network,
    /// This machine, over TLS.
    Loopback,
    /// This machine, unencrypted.
    LoopbackPlain,
}

/// HTTP over TCP, with TLS to all other machines.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
}

/// The HTTP client could not be set up (exit 78).
#[derive(Debug, thiserror::Error)]
pub enum HttpSetupError {
    /// A file of certificates can't be used.
    #[error("--ca-file: {0}")]
    CaFile(String),
    /// The TLS library reported an error.
    #[error("the HTTP client can't be set up: {0}")]
    Client(String),
}

impl HttpTransport {
    /// Prepares connections. `timeout` is for one attempt, from connecting to the last byte of the
    /// answer; `ca_pem` is trusted in addition to the system's certificates.
    pub fn new(
        timeout: Duration,
        concurrency: usize,
        ca_pem: Option<&[u8]>,
        reach: Reach,
    ) -> Result<Self, HttpSetupError> {
        // An earlier caller in this process may have installed the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .timeout(timeout)
            // A failed connection is known not to be sent, so it must fail before the timeout of
            // the attempt.
            .connect_timeout(timeout.mul_f64(0.5))
            .pool_max_idle_per_host(concurrency)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .http1_only()
            .user_agent(concat!("bastion-revoke/", env!("CARGO_PKG_VERSION")));
        if reach != Reach::Network {
            // Loopback never goes through a proxy.
            builder = builder.no_proxy();
        }
        if let Some(pem) = ca_pem {
            let certificates = Certificate::from_pem_bundle(pem)
                .map_err(|error| HttpSetupError::CaFile(innermost(&error)))?;
            if certificates.is_empty() {
                return Err(HttpSetupError::CaFile("no PEM certificate in it".to_owned()));
            }
            builder = builder.tls_certs_merge(certificates);
        } else if reach == Reach::LoopbackPlain {
            // Without TLS no certificates are read; a rehearsal must work on a machine without any.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| HttpSetupError::Client(innermost(&error)))?;
        Ok(Self { client })
    }
}

impl Transport for HttpTransport {
    async fn send(&self, request: WireRequest) -> Result<WireAnswer, SendError> {
        let mut url = request.endpoint;
        if !request.query.is_empty() {
            url.set_query(Some(&request.query));
        }
        let sending = self.client.post(url).headers(request.headers).body(request.body).send();
        let mut response = sending.await.map_err(|error| lost(&error))?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(SendError::Lost(format!("it is longer than {MAX_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(WireAnswer { status, headers, body: body.freeze() })
    }
}

fn lost(error: &reqwest::Error) -> SendError {
    if error.is_connect() {
        SendError::NotSent(innermost(error))
    } else if error.is_timeout() {
        SendError::TimedOut
    } else {
        SendError::Lost(innermost(error))
    }
}

/// The innermost cause, which is the specific one: the outer ones repeat the address.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Headers from fixed names and values. A value that is not allowed in a header is left out.
pub fn headers<'a>(pairs: impl IntoIterator<Item = (&'static str, &'a str)>) -> HeaderMap {
    pairs
        .into_iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// The result of the transport for one HTTP answer with this body.
    async fn answer(encoding: &str, body: Vec<u8>) -> Result<WireAnswer, SendError> {
        exchange("200 OK", encoding, body).await
    }

    /// The result of the transport for an answer with this status line, headers and body.
    async fn exchange(status: &str, headers: &str, body: Vec<u8>) -> Result<WireAnswer, SendError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            // The client closes the connection if an answer is too long.
            let _ = stream.write_all(&body).await;
        });
        let timeout = Duration::from_secs(10);
        let transport = HttpTransport::new(timeout, 1, None, Reach::LoopbackPlain).unwrap();
        let request = WireRequest {
            endpoint: Url::parse(&format!("http://127.0.0.1:{port}")).unwrap(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: String::new(),
        };
        let answer = transport.send(request).await;
        server.await.unwrap();
        answer
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    const GZIP: &str = "Content-Encoding: gzip\r\n";

    #[tokio::test]
    async fn a_compressed_answer_is_decoded() {
        let plain = br#"{"RequestId":"R","Results":[]}"#;
        assert_eq!(answer("", plain.to_vec()).await.unwrap().body, plain.as_slice());
        assert_eq!(answer(GZIP, gzip(plain)).await.unwrap().body, plain.as_slice());
    }

    #[tokio::test]
    async fn the_limit_counts_decoded_bytes() {
        let at_limit = answer(GZIP, gzip(&vec![b' '; MAX_BYTES])).await;
        assert_eq!(at_limit.unwrap().body.len(), MAX_BYTES);
        let above = gzip(&vec![b' '; MAX_BYTES + 1]);
        assert!(above.len() < MAX_BYTES / 50, "it is short on the wire");
        let error = answer(GZIP, above).await.unwrap_err();
        assert!(matches!(&error, SendError::Lost(why) if why.contains("longer")), "{error}");
    }

    #[tokio::test]
    async fn a_compressed_answer_that_is_damaged_or_cut_is_lost() {
        let whole = gzip(&[b'x'; 5000]);
        let cut = whole[..whole.len() - 9].to_vec();
        for body in [b"{}".to_vec(), cut] {
            let error = answer(GZIP, body).await.unwrap_err();
            assert!(matches!(error, SendError::Lost(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let location = format!("Location: http://{}/\r\n", other.local_addr().unwrap());
        for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
            let answer = exchange(status, &location, Vec::new()).await.unwrap();
            assert_eq!(answer.status.to_string(), status[..3]);
        }
        let visitor = tokio::time::timeout(Duration::ZERO, other.accept()).await;
        assert!(visitor.is_err(), "a signed request was sent to another server");
    }
}
