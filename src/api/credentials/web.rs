//! Requests keys from a service over HTTP: once, without redirects, with a short timeout.

use super::context::Context;
use super::error::SourceError;
use crate::api::endpoint::is_loopback;
use crate::api::transport::innermost;
use http::{HeaderMap, Method};
use reqwest::{Certificate, Url};
use std::time::Duration;
use zeroize::Zeroizing;

/// An answer with keys has about 2 KB; a larger one is a mistake.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// The request.
pub(super) struct HttpRequest {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<String>,
    /// For connecting, and again for the answer.
    pub(super) timeout: Duration,
}

/// The answer; erased from memory when dropped.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// No connection was made.
    Unreachable(String),
    /// There was a connection, and no complete answer.
    Failed(String),
    /// The address is not allowed, or the client can't be set up.
    Unusable(String),
}

impl NoAnswer {
    pub(super) fn why(self) -> String {
        let (Self::Unreachable(why) | Self::Failed(why) | Self::Unusable(why)) = self;
        why
    }
}

/// The metadata service's address: link-local, and served over plain http only.
const METADATA_HOST: &str = "100.100.100.200";

/// Parses an address from the settings: scheme, host and port. Plain http is allowed to this
/// machine and to the metadata service only.
pub fn parse_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "that is not a URL such as `https://HOST`")?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare {
        return Err("that must be only scheme, host and port, such as `https://HOST`".to_owned());
    }
    permit(&url).map(|()| url)
}

/// Refuses to send or fetch keys unencrypted across a network.
pub(super) fn permit(url: &Url) -> Result<(), String> {
    let is_near = is_loopback(url) || url.host_str() == Some(METADATA_HOST);
    match url.scheme() {
        "https" if url.host_str().is_some() => Ok(()),
        "http" if is_near => Ok(()),
        "http" => Err(format!(
            "{} is plain http, which is allowed to this machine and to {METADATA_HOST} only: \
             use https",
            origin(url)
        )),
        _ => Err("the scheme must be https".to_owned()),
    }
}

/// Scheme, host and port: the rest of an address may contain a secret.
pub(super) fn origin(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Sends the request once.
pub(super) async fn ask(context: &Context<'_>, question: HttpRequest) -> Result<Answer, NoAnswer> {
    permit(&question.url).map_err(NoAnswer::Unusable)?;
    let client = client(context, &question).map_err(NoAnswer::Unusable)?;
    let HttpRequest { method, url, headers, body, .. } = question;
    let mut request = client.request(method, url).headers(headers);
    if !body.is_empty() {
        request = request.body(body.to_string());
    }
    let mut response = request.send().await.map_err(|error| silence(&error))?;
    let status = response.status().as_u16();
    // Allocated at full size: a growing buffer would leave copies in memory.
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    while let Some(chunk) = response.chunk().await.map_err(|error| silence(&error))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(NoAnswer::Failed(format!("the answer is longer than {MAX_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

/// A client for one request: keys are requested once an hour, so no connection is kept.
fn client(context: &Context<'_>, question: &HttpRequest) -> Result<reqwest::Client, String> {
    // An earlier caller in this process may have installed the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(question.timeout)
        .timeout(question.timeout * 2)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .user_agent(concat!("bastion-revoke/", env!("CARGO_PKG_VERSION")));
    if is_loopback(&question.url) || question.url.host_str() == Some(METADATA_HOST) {
        builder = builder.no_proxy();
    }
    if question.url.scheme() == "http" {
        // Without TLS no certificates are read; a machine may have none.
        builder = builder.tls_certs_only([]);
    } else if let Some(pem) = &context.settings.ca_pem {
        let certificates = Certificate::from_pem_bundle(pem).map_err(|error| innermost(&error))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| innermost(&error))
}

fn silence(error: &reqwest::Error) -> NoAnswer {
    if error.is_connect() {
        NoAnswer::Unreachable(format!("no connection ({})", innermost(error)))
    } else if error.is_timeout() {
        NoAnswer::Failed("no answer in time".to_owned())
    } else {
        NoAnswer::Failed(format!("the answer was lost ({})", innermost(error)))
    }
}

/// Parses JSON. Errors give only the position: the text may contain a secret.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    place: &str,
    bytes: &[u8],
) -> Result<T, SourceError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        let what = if error.is_data() { "JSON of another form" } else { "not JSON" };
        let (line, column) = (error.line(), error.column());
        SourceError::broken(format!("{place} is {what} (line {line}, column {column})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_and_for_metadata_only() {
        for good in [
            "https://sts.example",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://100.100.100.200",
        ] {
            assert!(parse_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://sts.example",
            "http://100.100.100.201",
            "https://h/x",
            "https://u:p@h",
            "ftp://127.0.0.1",
            "sts.example",
            "",
        ] {
            assert!(parse_address(bad).is_err(), "{bad}");
        }
        let why = permit(&Url::parse("http://u:testsecret@h/testsecret").unwrap()).unwrap_err();
        assert!(why.contains("http://h is plain http") && !why.contains("testsecret"), "{why}");
    }

    #[test]
    fn json_that_can_not_be_read_is_not_repeated() {
        for text in ["{\"a\": \"testsecret\"}", "testsecret"] {
            let error = json::<u32>("it", text.as_bytes()).unwrap_err();
            assert!(!format!("{error:?}").contains("testsecret"));
        }
    }
}
