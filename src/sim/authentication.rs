//! Verifies the access key, the signature, the time and the version of a request.
//!
//! Both signatures are checked as the API documents them: v1 over query and form together, ACS3
//! over the query, the headers that the client lists, and the hash of the body.

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::api_error::{ApiError, Violation};
use super::http_types::HttpRequest;
use super::operation::{Spec, VERSION};
use super::params::Params;
use super::{ACCESS_KEY_ID, ACCESS_KEY_SECRET};
use crate::api::sign::{
    ACS3_ALGORITHM, Acs3, Pair, form_encode, sha256_hex, v1_signature, v1_string_to_sign,
};
use crate::clock::utc_seconds;

/// "The difference between the timestamp and the server's time must not exceed 15 minutes."
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// An ACS3 signature must cover these, or the request could be changed in transit.
const MUST_BE_SIGNED: [&str; 6] = [
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
];

/// The kind of signature of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignatureKind {
    /// HMAC-SHA1 over the parameters.
    #[serde(rename = "v1")]
    V1,
    /// `ACS3-HMAC-SHA256` over the query, headers and body.
    #[serde(rename = "acs3")]
    Acs3,
}

/// The authentication parameters of a request, from its headers (ACS3) or its parameters (v1),
/// before they are verified.
#[derive(Debug)]
pub(super) struct AuthParams<'a> {
    pub(super) kind: SignatureKind,
    pub(super) action: Option<&'a str>,
    pub(super) nonce: Option<&'a str>,
    version: Option<&'a str>,
    timestamp: Option<&'a str>,
}

impl<'a> AuthParams<'a> {
    pub(super) fn read(request: &'a HttpRequest, params: &'a Params) -> Self {
        if request.headers.contains_key("authorization") {
            let header = |name| request.header(name).filter(|value| !value.is_empty());
            Self {
                kind: SignatureKind::Acs3,
                action: header("x-acs-action"),
                nonce: header("x-acs-signature-nonce"),
                version: header("x-acs-version"),
                timestamp: header("x-acs-date"),
            }
        } else {
            Self {
                kind: SignatureKind::V1,
                action: params.get("Action"),
                nonce: params.get("SignatureNonce"),
                version: params.get("Version"),
                timestamp: params.get("Timestamp"),
            }
        }
    }

    /// Verifies the request and returns its operation and nonce.
    pub(super) fn verify(
        &self,
        now: Timestamp,
        request: &HttpRequest,
        params: &Params,
    ) -> Result<(&'static Spec, &'a str), ApiError> {
        if request.method != Method::POST && request.method != Method::GET {
            let why = "This http method is not supported.";
            let error = ApiError::new(StatusCode::FORBIDDEN, "UnsupportedHTTPMethod", why);
            return Err(error.with_violation(Violation::Malformed));
        }
        if request.path != "/" {
            let why = "Specified api is not found, please check your url and method.";
            let error = ApiError::new(StatusCode::NOT_FOUND, "InvalidApi.NotFound", why);
            return Err(error.with_violation(Violation::Malformed));
        }
        let operation = self.operation()?;
        self.check_time(now)?;
        match self.kind {
            SignatureKind::V1 => check_v1(request, params)?,
            SignatureKind::Acs3 => check_acs3(request, params)?,
        }
        let nonce = self.nonce.ok_or_else(|| ApiError::missing("SignatureNonce"))?;
        Ok((operation, nonce))
    }

    fn operation(&self) -> Result<&'static Spec, ApiError> {
        let version = self.version.ok_or_else(|| ApiError::missing("Version"))?;
        let spec = self.action.and_then(Spec::find);
        let is_known = match spec {
            Some(spec) => version == spec.version(),
            None => version == VERSION,
        };
        if !is_known {
            let why = "Specified parameter Version is not valid.";
            return Err(ApiError::bad("InvalidVersion", why).with_violation(Violation::Malformed));
        }
        self.action.ok_or_else(|| ApiError::missing("Action"))?;
        spec.ok_or_else(|| {
            let why = "Specified api is not found, please check your url and method.";
            let error = ApiError::new(StatusCode::NOT_FOUND, "InvalidAction.NotFound", why);
            error.with_violation(Violation::Malformed)
        })
    }

    fn check_time(&self, now: Timestamp) -> Result<(), ApiError> {
        let timestamp = self.timestamp.ok_or_else(|| ApiError::missing("Timestamp"))?;
        // The parser accepts more forms than the documented one, which formatting reproduces.
        let time: Timestamp = match timestamp.parse() {
            Ok(time) if utc_seconds(time) == timestamp => time,
            _ => {
                let why = "Specified time stamp or date value is not well formatted.";
                let error = ApiError::bad("InvalidTimeStamp.Format", why);
                return Err(error.with_violation(Violation::BadTimestamp));
            }
        };
        if now.duration_since(time).abs() > MAX_SKEW {
            let why = "Specified time stamp or date value is expired.";
            let error = ApiError::bad("InvalidTimeStamp.Expired", why);
            return Err(error.with_violation(Violation::BadTimestamp));
        }
        Ok(())
    }
}

fn check_key(key: &str) -> Result<(), ApiError> {
    if key == ACCESS_KEY_ID {
        return Ok(());
    }
    let why = "Specified access key is not found.";
    let error = ApiError::new(StatusCode::NOT_FOUND, "InvalidAccessKeyId.NotFound", why);
    Err(error.with_violation(Violation::UnknownKey))
}

/// The SDKs parse this message for the string to sign.
fn mismatch(string_to_sign: &str) -> ApiError {
    let message = format!(
        "Specified signature is not matched with our calculation. \
         server string to sign is:{string_to_sign}"
    );
    ApiError::bad("SignatureDoesNotMatch", message).with_violation(Violation::BadSignature)
}

fn incomplete(why: &str) -> ApiError {
    let message =
        format!("The request signature does not conform to Alibaba Cloud standards. {why}");
    ApiError::bad("IncompleteSignature", message).with_violation(Violation::BadSignature)
}

fn check_v1(request: &HttpRequest, params: &Params) -> Result<(), ApiError> {
    check_key(params.require("AccessKeyId")?)?;
    if params.require("SignatureMethod")? != "HMAC-SHA1" {
        return Err(incomplete("SignatureMethod must be HMAC-SHA1."));
    }
    if params.require("SignatureVersion")? != "1.0" {
        return Err(incomplete("SignatureVersion must be 1.0."));
    }
    let signature = params.get("Signature").ok_or_else(|| incomplete("There is no Signature."))?;
    let signed: Vec<Pair<'_>> = params.iter().filter(|(name, _)| *name != "Signature").collect();
    let string_to_sign = v1_string_to_sign(request.method.as_str(), &signed);
    if v1_signature(ACCESS_KEY_SECRET, &string_to_sign) == signature {
        Ok(())
    } else {
        Err(mismatch(&string_to_sign))
    }
}

/// `ACS3-HMAC-SHA256 Credential=KEY,SignedHeaders=a;b,Signature=HEX`
fn check_acs3(request: &HttpRequest, params: &Params) -> Result<(), ApiError> {
    let authorization = request.header("authorization").unwrap_or_default();
    let fields = authorization.strip_prefix(ACS3_ALGORITHM);
    let fields = fields.ok_or_else(|| incomplete("Authorization names another algorithm."))?;
    let field = |name: &str| {
        let parts = fields.split(',').map(str::trim);
        let value = parts.into_iter().find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        value.ok_or_else(|| incomplete(&format!("Authorization has no {name}.")))
    };
    check_key(field("Credential")?)?;
    let names: Vec<&str> = field("SignedHeaders")?.split(';').collect();
    // Anyone could insert a token that is not signed.
    let token = request.headers.contains_key("x-acs-security-token");
    let also = token.then_some("x-acs-security-token");
    if let Some(name) = MUST_BE_SIGNED.into_iter().chain(also).find(|name| !names.contains(name)) {
        return Err(incomplete(&format!("{name} is not signed.")));
    }
    let value = |name| {
        let value = request.header(name).map(|value| (name, value));
        value.ok_or_else(|| incomplete(&format!("{name} is signed but missing.")))
    };
    let mut headers: Vec<Pair<'_>> =
        names.iter().map(|name| value(*name)).collect::<Result<_, _>>()?;
    let hash = sha256_hex(&request.body);
    if value("x-acs-content-sha256")?.1 != hash {
        return Err(incomplete("x-acs-content-sha256 is not the hash of the body."));
    }
    headers.sort_unstable();
    let query: Vec<Pair<'_>> =
        params.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let signed = Acs3 {
        method: request.method.as_str(),
        query: &query,
        headers: &headers,
        body: &request.body,
    };
    if signed.signature(ACCESS_KEY_SECRET) == field("Signature")? {
        Ok(())
    } else {
        Err(mismatch(&acs3_string_to_sign(&signed)))
    }
}

/// The part of the message about an ACS3 signature: the string to sign and the hashed request.
fn acs3_string_to_sign(signed: &Acs3<'_>) -> String {
    let mut query = signed.query.to_vec();
    query.sort_unstable();
    let mut headers = String::new();
    for (name, value) in signed.headers {
        headers.extend([name, ":", value.trim(), "\n"]);
    }
    let canonical = format!(
        "{}\n/\n{}\n{headers}\n{}\n{}",
        signed.method,
        form_encode(query),
        signed.signed_headers(),
        sha256_hex(signed.body)
    );
    let hash = sha256_hex(canonical.as_bytes());
    format!("{ACS3_ALGORITHM}\n{hash}, server canonicalized request is:{canonical}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{NOW, acs3, form_of, now, v1, v1_pairs};

    const ACTION: &str = "DetachHostAccountsFromUser";

    fn verify(request: &HttpRequest) -> Result<&'static str, ApiError> {
        let params = Params::parse(request).unwrap();
        AuthParams::read(request, &params)
            .verify(now(), request, &params)
            .map(|(spec, _)| spec.name)
    }

    fn refused(request: &HttpRequest) -> (u16, String) {
        let error = verify(request).unwrap_err();
        (error.status.as_u16(), error.code)
    }

    /// A v1 request with one parameter replaced or removed before it is signed.
    fn v1_with(name: &str, value: &str) -> HttpRequest {
        let mut pairs = v1_pairs(ACTION, "n-1", &[]);
        pairs.retain(|(known, _)| known != name);
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        v1(&pairs)
    }

    #[test]
    fn both_signatures_are_accepted() {
        assert_eq!(verify(&v1_with("UserId", "中 文+*~")), Ok(ACTION));
        let request = acs3(ACTION, "n-1", "UserId=%E4%B8%AD%20b&A=1", "");
        assert_eq!(verify(&request), Ok(ACTION));
        let request = acs3(ACTION, "n-1", "", "UserId=1");
        assert_eq!(verify(&request), Ok(ACTION));
    }

    #[test]
    fn the_error_of_a_wrong_secret_contains_the_string_to_sign() {
        let mut pairs = v1_pairs(ACTION, "n-1", &[("UserId", "1")]);
        let borrowed: Vec<Pair<'_>> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let string_to_sign = v1_string_to_sign("POST", &borrowed);
        let signature = v1_signature("another", &string_to_sign);
        pairs.push(("Signature".to_owned(), signature));
        let request =
            form_of(&pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>());
        let error = verify(&request).unwrap_err();
        assert_eq!((error.status.as_u16(), error.code.as_str()), (400, "SignatureDoesNotMatch"));
        assert_eq!(error.message.split(':').nth(1), Some(string_to_sign.as_str()));
    }

    #[test]
    fn a_change_in_transit_breaks_either_signature() {
        let mut request = v1_with("UserId", "1");
        request.body =
            String::from_utf8_lossy(&request.body).replace("UserId=1", "UserId=2").into();
        assert_eq!(refused(&request), (400, "SignatureDoesNotMatch".to_owned()));
        let mut request = acs3(ACTION, "n-1", "UserId=1", "");
        request.query = "UserId=2".to_owned();
        let error = verify(&request).unwrap_err();
        assert_eq!(error.code, "SignatureDoesNotMatch");
        assert!(error.message.contains("server string to sign is:ACS3-HMAC-SHA256\n"));
        let mut request = acs3(ACTION, "n-1", "", "UserId=1");
        request.body = "UserId=2".into();
        assert_eq!(refused(&request), (400, "IncompleteSignature".to_owned()));
    }

    #[test]
    fn the_string_to_sign_shown_for_acs3_is_the_one_signed() {
        use hmac::{Hmac, KeyInit, Mac};
        let headers = [("host", "h"), ("x-acs-action", "a")];
        let query = [("b", "2"), ("a", "1 ")];
        let signed = Acs3 { method: "GET", query: &query, headers: &headers, body: b"x" };
        let shown = acs3_string_to_sign(&signed);
        let (string_to_sign, _) = shown.split_once(", ").unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"s").unwrap();
        mac.update(string_to_sign.as_bytes());
        assert_eq!(crate::hex::hex(&mac.finalize().into_bytes()), signed.signature("s"));
    }

    #[test]
    fn another_key_is_not_found() {
        let not_found = (404, "InvalidAccessKeyId.NotFound".to_owned());
        assert_eq!(refused(&v1_with("AccessKeyId", "another")), not_found);
        let mut request = acs3(ACTION, "n-1", "", "");
        let header = request.header("authorization").unwrap().replace("testid", "another");
        request.headers.insert("authorization", header.parse().unwrap());
        assert_eq!(refused(&request), not_found);
    }

    #[test]
    fn fifteen_minutes_are_the_limit_both_ways() {
        for (time, accepted) in [
            ("2026-01-02T02:49:05Z", true),
            ("2026-01-02T02:49:04Z", false),
            ("2026-01-02T03:19:05Z", true),
            ("2026-01-02T03:19:06Z", false),
        ] {
            let answer = verify(&v1_with("Timestamp", time)).map_err(|error| error.code);
            let expected =
                if accepted { Ok(()) } else { Err("InvalidTimeStamp.Expired".to_owned()) };
            assert_eq!(answer.map(|_| ()), expected, "{time} at {NOW}");
        }
        for time in ["2026-01-02 03:04:05Z", "2026-01-02T03:04:05+00:00", "yesterday"] {
            assert_eq!(refused(&v1_with("Timestamp", time)).1, "InvalidTimeStamp.Format", "{time}");
        }
    }

    #[test]
    fn missing_and_unknown_parameters_are_named() {
        for (name, value, status, code) in [
            ("Action", "", 400, "MissingAction"),
            ("Action", "DetachAll", 404, "InvalidAction.NotFound"),
            ("Version", "", 400, "MissingVersion"),
            ("Version", "2019-12-08", 400, "InvalidVersion"),
            ("Timestamp", "", 400, "MissingTimestamp"),
            ("SignatureNonce", "", 400, "MissingSignatureNonce"),
            ("AccessKeyId", "", 400, "MissingAccessKeyId"),
            ("SignatureMethod", "HMAC-SHA256", 400, "IncompleteSignature"),
            ("SignatureVersion", "2.0", 400, "IncompleteSignature"),
        ] {
            assert_eq!(refused(&v1_with(name, value)), (status, code.to_owned()), "{name}");
        }
        let pairs = v1_pairs(ACTION, "n-1", &[]);
        let unsigned =
            form_of(&pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>());
        assert_eq!(refused(&unsigned), (400, "IncompleteSignature".to_owned()));
    }

    #[test]
    fn acs3_must_sign_every_required_header() {
        for name in MUST_BE_SIGNED {
            let mut request = acs3(ACTION, "n-1", "", "");
            let header = request.header("authorization").unwrap();
            let cut = header.replace(&format!("{name};"), "").replace(&format!(";{name},"), ",");
            request.headers.insert("authorization", cut.parse().unwrap());
            assert_eq!(refused(&request), (400, "IncompleteSignature".to_owned()), "{name}");
        }
        let mut request = acs3(ACTION, "n-1", "", "");
        request.headers.insert("x-acs-security-token", "token".parse().unwrap());
        assert_eq!(refused(&request), (400, "IncompleteSignature".to_owned()));
        let mut request = acs3(ACTION, "n-1", "", "");
        request.headers.insert("authorization", "Basic dGVzdA==".parse().unwrap());
        assert_eq!(refused(&request), (400, "IncompleteSignature".to_owned()));
    }

    #[test]
    fn other_methods_and_paths_are_refused() {
        let mut request = v1_with("UserId", "1");
        request.method = Method::PUT;
        assert_eq!(refused(&request), (403, "UnsupportedHTTPMethod".to_owned()));
        let mut request = v1_with("UserId", "1");
        request.path = "/other".to_owned();
        assert_eq!(refused(&request), (404, "InvalidApi.NotFound".to_owned()));
    }
}
