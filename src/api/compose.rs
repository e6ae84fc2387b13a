//! A request as it is sent: common and own parameters, signed with one of the two schemes.

use super::credentials::Credentials;
use super::operation::Parameter;
use super::sign::{self, Acs3, Form, Pair, Scheme};
use super::transport::{WireRequest, headers};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use std::time::Duration;

/// The number and delay of a repeated request, as the SDKs report them to the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repeat {
    /// Earlier attempts.
    pub attempts: u32,
    /// The delay before this one.
    pub delay: Duration,
}

/// A longer query is not safe: libraries accept 64 KiB, servers and proxies often only 8.
const MAX_QUERY_BYTES: usize = 8 * 1024;

const FORM_TYPE: &str = "application/x-www-form-urlencoded";
const ACCEPT: &str = "application/json";

/// The parts of an attempt. Nonce and timestamp are used once.
pub(super) struct Attempt<'a> {
    pub(super) scheme: Scheme,
    pub(super) endpoint: &'a Url,
    pub(super) action: &'a str,
    pub(super) parameters: &'a [Parameter<'a>],
    pub(super) repeat: Repeat,
    pub(super) credentials: &'a Credentials,
    pub(super) timestamp: String,
    pub(super) nonce: String,
}

impl Attempt<'_> {
    /// The signed request, and the text that was signed.
    pub(super) fn compose(&self) -> (WireRequest, String) {
        let own = self.parameters.iter().map(|(name, value)| (&**name, &**value));
        match self.scheme {
            Scheme::V1 => self.v1(own.collect()),
            Scheme::Acs3 => self.acs3(&own.collect::<Vec<Pair<'_>>>()),
        }
    }

    fn v1<'a>(&'a self, mut body: Form<'a>) -> (WireRequest, String) {
        let common = [
            ("AccessKeyId", self.credentials.access_key_id.as_str()),
            ("Action", self.action),
            // Documents disagree on the default, so it is always sent.
            ("Format", "JSON"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", &self.nonce),
            ("SignatureVersion", "1.0"),
            ("Timestamp", &self.timestamp),
            ("Version", super::VERSION),
        ];
        let mut query = Form::from_iter(common);
        if let Some(token) = &self.credentials.security_token {
            // In the body: proxies log queries.
            body.push(("SecurityToken", token.expose()));
        }
        let string_to_sign = sign::v1_string_to_sign_of("POST", &[&query, &body]);
        let secret = self.credentials.access_key_secret.expose();
        let signature = sign::v1_signature(secret, &string_to_sign);
        query.push(("Signature", &signature));
        let mut headers = headers([("content-type", FORM_TYPE), ("accept", ACCEPT)]);
        headers.extend(self.repeated().iter().map(|(name, value)| header(name, value)));
        let endpoint = self.endpoint.clone();
        let wire =
            WireRequest { endpoint, query: query.into_text(), headers, body: body.into_text() };
        (wire, string_to_sign)
    }

    /// Signs like the current SDKs: parameters in the query, the rest in headers, which are all
    /// signed. Parameters that are too long for a query are sent as a form, whose hash is signed.
    fn acs3(&self, own: &[Pair<'_>]) -> (WireRequest, String) {
        let encoded = sign::form_encode(own.iter().copied());
        let is_long = encoded.len() > MAX_QUERY_BYTES;
        let (query, body) =
            if is_long { (String::new(), encoded) } else { (encoded, String::new()) };
        let hash = sign::sha256_hex(body.as_bytes());
        let host = host(self.endpoint);
        let repeated = self.repeated();
        let mut all = vec![
            ("accept", ACCEPT),
            ("host", host.as_str()),
            ("x-acs-action", self.action),
            ("x-acs-content-sha256", hash.as_str()),
            ("x-acs-date", self.timestamp.as_str()),
            ("x-acs-signature-nonce", self.nonce.as_str()),
            ("x-acs-version", super::VERSION),
        ];
        all.extend(repeated.iter().map(|(name, value)| (*name, value.as_str())));
        if is_long {
            all.push(("content-type", FORM_TYPE));
        }
        if let Some(token) = &self.credentials.security_token {
            all.push(("x-acs-accesskey-id", self.credentials.access_key_id.as_str()));
            all.push(("x-acs-security-token", token.expose()));
        }
        let signed = Acs3 {
            method: "POST",
            query: if is_long { &[] } else { own },
            headers: &all,
            body: body.as_bytes(),
        };
        let string_to_sign = signed.string_to_sign();
        let secret = self.credentials.access_key_secret.expose();
        let signature = sign::acs3_signature(secret, &string_to_sign);
        let authorization = signed.authorization_with(&self.credentials.access_key_id, &signature);
        let sent = all.iter().filter(|(name, _)| *name != "host");
        let mut headers: HeaderMap = sent.map(|(name, value)| header(name, value)).collect();
        headers.extend([header("authorization", &authorization)]);
        let endpoint = self.endpoint.clone();
        (WireRequest { endpoint, query, headers, body }, string_to_sign)
    }

    fn repeated(&self) -> Vec<(&'static str, String)> {
        let Repeat { attempts, delay } = self.repeat;
        if attempts == 0 {
            return Vec::new();
        }
        vec![
            ("x-acs-retry-attempts", attempts.to_string()),
            ("x-acs-retry-delay", delay.as_millis().to_string()),
        ]
    }
}

/// A sensitive header: HTTP libraries log headers that are not marked so.
fn header(name: &'static str, value: &str) -> (HeaderName, HeaderValue) {
    // Keys, tokens and names have no control characters: the sources of keys refuse them.
    let mut header = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(matches!(name, "authorization" | "x-acs-security-token"));
    (HeaderName::from_static(name), header)
}

/// The `host` header as HTTP libraries send it: with the port unless it is the scheme's default.
fn host(endpoint: &Url) -> String {
    let host = endpoint.host_str().unwrap_or_default();
    match endpoint.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
