//! Alibaba Cloud's two signatures, as pure functions of what is signed.
//!
//! Source: "Request structure and signature" of the RPC style (v1, HMAC-SHA1) and "V3 version of
//! the request body and signature mechanism" (`ACS3-HMAC-SHA256`). The vectors in
//! `tests/data/signing.json` were made by the official SDKs.

use crate::hex::hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A parameter or header as name and value, not yet encoded.
pub type Pair<'a> = (&'a str, &'a str);

/// A byte in percent-encoding: itself, or a `%` and upper-case hex.
#[derive(Clone, Copy)]
struct Encoded {
    bytes: [u8; 3],
    len: usize,
}

/// Every byte but `A-Za-z0-9-_.~` is encoded.
const ENCODED: [Encoded; 256] = {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = [Encoded { bytes: [b'%', 0, 0], len: 3 }; 256];
    let mut byte = 0_u8;
    loop {
        let entry = &mut encoded[byte as usize];
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            *entry = Encoded { bytes: [byte, 0, 0], len: 1 };
        } else {
            entry.bytes[1] = HEX[(byte >> 4) as usize];
            entry.bytes[2] = HEX[(byte & 15) as usize];
        }
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    encoded
};

/// Appends the bytes, percent-encoded.
fn encode_into(out: &mut Vec<u8>, bytes: &[u8]) {
    // Reserves the maximum length, so each byte is written without a check.
    let mut at = out.len();
    out.resize(at + 3 * bytes.len(), 0);
    for byte in bytes {
        let Encoded { bytes, len } = ENCODED[usize::from(*byte)];
        out[at..at + 3].copy_from_slice(&bytes);
        at += len;
    }
    out.truncate(at);
}

fn ascii(encoded: Vec<u8>) -> String {
    // Only ASCII is appended.
    String::from_utf8(encoded).unwrap_or_default()
}

/// `text`, with every byte but `A-Za-z0-9-_.~` percent-encoded in upper-case hex.
pub fn percent_encode(text: &str) -> String {
    let mut out = Vec::new();
    encode_into(&mut out, text.as_bytes());
    ascii(out)
}

/// Encoded parameters, to be sent and signed.
#[derive(Debug, Default)]
pub struct Form<'a> {
    /// `name=value&name=value`.
    encoded: Vec<u8>,
    /// Each pair, not encoded, and the end of its encoded text.
    pairs: Vec<(Pair<'a>, usize)>,
}

impl<'a> Form<'a> {
    /// Appends a parameter.
    pub fn push(&mut self, (name, value): Pair<'a>) {
        if !self.encoded.is_empty() {
            self.encoded.push(b'&');
        }
        encode_into(&mut self.encoded, name.as_bytes());
        self.encoded.push(b'=');
        encode_into(&mut self.encoded, value.as_bytes());
        self.pairs.push(((name, value), self.encoded.len()));
    }

    /// The form body or query, in the order of the calls.
    pub fn into_text(self) -> String {
        ascii(self.encoded)
    }

    /// Each pair with its encoded text.
    fn pairs(&self) -> impl Iterator<Item = (Pair<'a>, &[u8])> {
        let mut start = 0;
        self.pairs.iter().map(move |(pair, end)| {
            let encoded = &self.encoded[start..*end];
            start = end + 1;
            (*pair, encoded)
        })
    }
}

impl<'a> FromIterator<Pair<'a>> for Form<'a> {
    fn from_iter<I: IntoIterator<Item = Pair<'a>>>(pairs: I) -> Self {
        let mut form = Self::default();
        pairs.into_iter().for_each(|pair| form.push(pair));
        form
    }
}

/// The pairs as `name=value&name=value`, encoded, in the order given: a form body or a query.
pub fn form_encode<'a>(pairs: impl IntoIterator<Item = Pair<'a>>) -> String {
    pairs.into_iter().collect::<Form<'_>>().into_text()
}

/// The pairs of all forms, sorted bytewise by name (`Databases.10.` precedes `Databases.2.`).
fn canonical_query(forms: &[&Form<'_>]) -> Vec<u8> {
    let mut sorted: Vec<(Pair<'_>, &[u8])> = forms.iter().flat_map(|form| form.pairs()).collect();
    sorted.sort_unstable_by_key(|(pair, _)| *pair);
    let mut canonical = Vec::with_capacity(forms.iter().map(|form| form.encoded.len() + 1).sum());
    for (at, (_, encoded)) in sorted.into_iter().enumerate() {
        if at > 0 {
            canonical.push(b'&');
        }
        canonical.extend_from_slice(encoded);
    }
    canonical
}

/// The v1 string to sign: `METHOD&%2F&` and the encoded canonical query.
///
/// `parameters` are those of the query and of the form body together, without `Signature`.
pub fn v1_string_to_sign(method: &str, parameters: &[Pair<'_>]) -> String {
    v1_string_to_sign_of(method, &[&parameters.iter().copied().collect()])
}

/// The same for forms that are already encoded.
pub fn v1_string_to_sign_of(method: &str, forms: &[&Form<'_>]) -> String {
    let canonical = canonical_query(forms);
    let mut out = Vec::with_capacity(method.len() + 5 + 3 * canonical.len());
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"&%2F&");
    encode_into(&mut out, &canonical);
    ascii(out)
}

/// The v1 signature: Base64 of HMAC-SHA1 under the secret and a `&`.
pub fn v1_signature(secret: &str, string_to_sign: &str) -> String {
    let key = zeroize::Zeroizing::new(format!("{secret}&"));
    let mut mac = keyed::<Hmac<Sha1>>(key.as_bytes());
    mac.update(string_to_sign.as_bytes());
    BASE64.encode(mac.finalize().into_bytes())
}

/// The name of the ACS3 algorithm in the `Authorization` header.
pub const ACS3_ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// How requests are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// HMAC-SHA1 over the parameters.
    #[default]
    V1,
    /// `ACS3-HMAC-SHA256` over query, headers and body.
    Acs3,
}

/// The signed parts of an ACS3 request with the path `/`.
#[derive(Debug, Clone, Copy)]
pub struct Acs3<'a> {
    /// `POST` or `GET`.
    pub method: &'a str,
    /// The query's parameters, not encoded.
    pub query: &'a [Pair<'a>],
    /// The headers to sign, names in lower case.
    pub headers: &'a [Pair<'a>],
    /// The body.
    pub body: &'a [u8],
}

impl Acs3<'_> {
    /// The signed headers' names, sorted and joined by `;`.
    pub fn signed_headers(&self) -> String {
        let mut names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.join(";")
    }

    /// The string to sign: the algorithm, and the hash of the canonical request.
    pub fn string_to_sign(&self) -> String {
        let mut headers = self.headers.to_vec();
        headers.sort_unstable();
        let query = ascii(canonical_query(&[&self.query.iter().copied().collect()]));
        let mut canonical = format!("{}\n/\n{query}\n", self.method);
        for (name, value) in headers {
            canonical.push_str(name);
            canonical.push(':');
            canonical.push_str(value.trim());
            canonical.push('\n');
        }
        canonical.push('\n');
        canonical.push_str(&self.signed_headers());
        canonical.push('\n');
        canonical.push_str(&sha256_hex(self.body));
        format!("{ACS3_ALGORITHM}\n{}", sha256_hex(canonical.as_bytes()))
    }

    /// The signature under `secret`, in lower-case hex.
    pub fn signature(&self, secret: &str) -> String {
        acs3_signature(secret, &self.string_to_sign())
    }

    /// The whole `Authorization` header.
    pub fn authorization(&self, access_key_id: &str, secret: &str) -> String {
        self.authorization_with(access_key_id, &self.signature(secret))
    }

    /// The same, with an existing signature.
    pub(super) fn authorization_with(&self, access_key_id: &str, signature: &str) -> String {
        format!(
            "{ACS3_ALGORITHM} Credential={access_key_id},SignedHeaders={},Signature={signature}",
            self.signed_headers(),
        )
    }
}

/// The ACS3 signature: HMAC-SHA256 under the secret, in lower-case hex.
pub(super) fn acs3_signature(secret: &str, string_to_sign: &str) -> String {
    let mut mac = keyed::<Hmac<Sha256>>(secret.as_bytes());
    mac.update(string_to_sign.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// SHA-256 in lower-case hex, the format of `x-acs-content-sha256`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn pairs(object: &Value) -> Vec<(&str, &str)> {
        let members = object.as_object().expect("an object");
        members.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
    }

    #[test]
    fn the_documented_v1_example_is_reproduced() {
        let parameters = [
            ("AccessKeyId", "testid"),
            ("Action", "DescribeRegions"),
            ("Format", "XML"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
            ("SignatureVersion", "1.0"),
            ("Timestamp", "2016-02-23T12:46:24Z"),
            ("Version", "2014-05-26"),
        ];
        let signature = v1_signature("testsecret", &v1_string_to_sign("GET", &parameters));
        assert_eq!(signature, "OLeaidS1JvxuMvnyHOwuJ+uX5qY=");
    }

    #[test]
    fn every_signature_of_the_official_sdks_is_reproduced() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/data/signing.json"))
            .expect("the vectors are JSON");
        let (mut v1, mut acs3) = (0, 0);
        for vector in vectors.as_array().expect("a list") {
            let text = |name: &str| vector[name].as_str().expect(name);
            match text("scheme") {
                "v1" => {
                    let to_sign = v1_string_to_sign(text("method"), &pairs(&vector["parameters"]));
                    assert_eq!(to_sign, text("string_to_sign"));
                    assert_eq!(v1_signature(text("secret"), &to_sign), text("signature"));
                    v1 += 1;
                }
                ACS3_ALGORITHM => {
                    let signed = Acs3 {
                        method: text("method"),
                        query: &pairs(&vector["query"]),
                        headers: &pairs(&vector["headers"]),
                        body: text("body").as_bytes(),
                    };
                    let key = text("access_key_id");
                    assert_eq!(signed.authorization(key, text("secret")), text("authorization"));
                    acs3 += 1;
                }
                other => panic!("a scheme this test does not know: {other}"),
            }
        }
        assert_eq!((v1, acs3), (30, 30));
    }
}
