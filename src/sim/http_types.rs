//! What crosses the wire, as plain values: the service's core neither reads nor writes sockets.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// A request as it arrived, nothing decoded yet.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The HTTP method.
    pub method: Method,
    /// The path, `/` for every operation.
    pub path: String,
    /// The query without its question mark, still percent-encoded.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl HttpRequest {
    /// A header's value; nothing if it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer in full, as the service meant it.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers, without `content-length`, which the body decides.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// What the client gets to see.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// The answer as it is.
    Respond(HttpResponse),
    /// The connection is reset; the request was not applied.
    ResetBefore,
    /// The connection is reset; the request was applied, or refused, all the same.
    ResetAfter,
    /// The auth announces the whole body, of which only the first `keep` bytes are sent before
    /// the connection ends. The request was applied, or refused, all the same.
    Truncate {
        /// The answer as it was meant.
        answer: HttpResponse,
        /// How many bytes of its body arrive; less than its length.
        keep: usize,
    },
}

/// What the service does about a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// How long the client waits for it. Its effect, if it has one, came at once.
    pub delay: Duration,
    /// What comes then.
    pub delivery: Delivery,
}

impl Reply {
    /// The answer that arrives in full, if one does.
    pub fn answer(&self) -> Option<&HttpResponse> {
        match &self.delivery {
            Delivery::Respond(answer) => Some(answer),
            Delivery::ResetBefore | Delivery::ResetAfter | Delivery::Truncate { .. } => None,
        }
    }
}
