//! Requests for the tests of this module, signed with the functions that the official vectors
//! check.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;

use super::http_types::HttpRequest;
use super::{ACCESS_KEY_ID, ACCESS_KEY_SECRET};
use crate::api::sign::{Acs3, Pair, form_encode, sha256_hex, v1_signature, v1_string_to_sign};

/// The time at which all test requests are signed.
pub(super) const NOW: &str = "2026-01-02T03:04:05Z";

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(super) fn get(query: &str) -> HttpRequest {
    HttpRequest {
        method: Method::GET,
        path: "/".to_owned(),
        query: query.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

pub(super) fn form(body: &str) -> HttpRequest {
    let mut request = get("");
    request.method = Method::POST;
    request.body = Bytes::copy_from_slice(body.as_bytes());
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers.insert("content-type", kind);
    request
}

pub(super) fn form_of(pairs: &[Pair<'_>]) -> HttpRequest {
    form(&form_encode(pairs.iter().copied()))
}

/// The parameters of a v1 request, all but the signature.
pub(super) fn v1_pairs(action: &str, nonce: &str, own: &[Pair<'_>]) -> Vec<(String, String)> {
    let common = [
        ("Action", action),
        ("Version", "2019-12-09"),
        ("Format", "JSON"),
        ("AccessKeyId", ACCESS_KEY_ID),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", nonce),
        ("Timestamp", NOW),
    ];
    let all = common.iter().chain(own);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A signed v1 request with everything in its form body.
pub(super) fn v1(pairs: &[(String, String)]) -> HttpRequest {
    let mut pairs: Vec<Pair<'_>> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let signature = v1_signature(ACCESS_KEY_SECRET, &v1_string_to_sign("POST", &pairs));
    pairs.push(("Signature", &signature));
    form_of(&pairs)
}

/// A signed ACS3 request.
pub(super) fn acs3(action: &str, nonce: &str, query: &str, body: &str) -> HttpRequest {
    let mut request = if body.is_empty() { get(query) } else { form(body) };
    request.method = Method::POST;
    let hash = sha256_hex(body.as_bytes());
    let headers = [
        ("host", "127.0.0.1"),
        ("x-acs-action", action),
        ("x-acs-version", "2019-12-09"),
        ("x-acs-date", NOW),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-content-sha256", &hash),
    ];
    let params = super::params::Params::parse(&request).unwrap();
    let pairs: Vec<Pair<'_>> = params.query.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let signed = Acs3 { method: "POST", query: &pairs, headers: &headers, body: body.as_bytes() };
    let authorization = signed.authorization(ACCESS_KEY_ID, ACCESS_KEY_SECRET);
    for (name, value) in headers.into_iter().chain([("authorization", authorization.as_str())]) {
        request
            .headers
            .insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    request
}
