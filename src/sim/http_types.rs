//! HTTP requests and responses as plain values: the service's core reads and writes no sockets.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// A request as it arrived, not decoded.
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

/// A complete response, before a fault truncates it.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers, without `content-length`, which the body decides.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// How the response reaches the client.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// The complete response.
    Respond(HttpResponse),
    /// The connection is reset; the request was not applied.
    ResetBefore,
    /// The connection is reset; although the request was applied or refused.
    ResetAfter,
    /// The headers announce the whole body, of which only the first `keep` bytes are sent before
    /// the connection ends. The request was applied or refused.
    Truncate {
        /// The complete response.
        answer: HttpResponse,
        /// How many bytes of its body arrive; less than its length.
        keep: usize,
    },
}

/// The response to a request, with its delay.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The delay of the response. The request takes effect at once.
    pub delay: Duration,
    /// The response after the delay.
    pub delivery: Delivery,
}

impl Reply {
    /// The response, if it arrives completely.
    pub fn answer(&self) -> Option<&HttpResponse> {
        match &self.delivery {
            Delivery::Respond(answer) => Some(answer),
            Delivery::ResetBefore | Delivery::ResetAfter | Delivery::Truncate { .. } => None,
        }
    }
}
