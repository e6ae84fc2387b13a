//! The address of the queue: `rediss://[USER@]HOST[:PORT]/STREAM[?db=N]`.

use crate::api::endpoint::is_loopback;
use reqwest::Url;
use std::fmt;

/// The default port of Redis.
const PORT: u16 = 6379;

/// The longest name of a stream, in bytes.
const MAX_STREAM_BYTES: usize = 256;

/// A Redis server, and the stream on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Host name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the connection is encrypted; plain ones go to this machine only.
    pub tls: bool,
    /// The user of Redis' access control list; `None` for `default`.
    pub user: Option<String>,
    /// The number of the database.
    pub db: i64,
    /// The name of the stream.
    pub stream: String,
}

/// An invalid address (exit 2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is not a URL of Redis.
    #[error("expected rediss://HOST/STREAM, such as rediss://redis.example:6379/revocations ({0})")]
    Url(String),
    /// Command lines with passwords are visible to every user of the machine.
    #[error(
        "a password does not belong into the address, where every user of this machine can read \
         it; set BASTION_REVOKE_REDIS_PASSWORD, or give --redis-password-file"
    )]
    Password,
    /// Rows would cross a network unencrypted.
    #[error("plain redis:// is allowed to this machine only; use rediss://")]
    Plain,
    /// The stream's name is missing or invalid.
    #[error(
        "the path must be the stream's name, such as /revocations: no slash, brace or control \
         character in it, and at most 256 bytes"
    )]
    Stream,
    /// An unknown parameter.
    #[error("the only parameter is ?db=N, the number of a database")]
    Parameter,
}

impl Address {
    /// Parses the value of `--queue`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|error| AddressError::Url(error.to_string()))?;
        if url.password().is_some() {
            return Err(AddressError::Password);
        }
        let tls = match url.scheme() {
            "rediss" => true,
            "redis" if is_loopback(&url) => false,
            "redis" => return Err(AddressError::Plain),
            _ => return Err(AddressError::Url("the scheme must be rediss".to_owned())),
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| AddressError::Url("it names no host".to_owned()))?;
        if url.fragment().is_some() {
            return Err(AddressError::Parameter);
        }
        let mut db = 0;
        for (name, value) in url.query_pairs() {
            db = match (&*name, value.parse::<u16>()) {
                ("db", Ok(number)) => i64::from(number),
                _ => return Err(AddressError::Parameter),
            };
        }
        let user = Some(decoded(url.username())?).filter(|user| !user.is_empty());
        let stream = decoded(url.path().strip_prefix('/').unwrap_or_default())?;
        // Braces would select another hash slot for the keys beside the stream.
        let is_bad = |c: char| c.is_control() || "{}/".contains(c);
        if stream.is_empty() || stream.len() > MAX_STREAM_BYTES || stream.contains(is_bad) {
            return Err(AddressError::Stream);
        }
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port().unwrap_or(PORT),
            tls,
            user,
            db,
            stream,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        write!(f, "{scheme}://{}:{}/{}", self.host, self.port, self.stream)
    }
}

/// Decodes percent-encoding.
fn decoded(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = [rest.next().unwrap_or(0), rest.next().unwrap_or(0)];
        let hex = std::str::from_utf8(&hex).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(hex.ok_or(AddressError::Stream)?);
    }
    String::from_utf8(bytes).map_err(|_| AddressError::Stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_stream() {
        let address = Address::parse("rediss://worker@redis.example/leavers%20of%20today?db=3");
        let address = address.unwrap();
        assert_eq!(
            (address.host.as_str(), address.port, address.tls),
            ("redis.example", 6379, true)
        );
        assert_eq!(address.user.as_deref(), Some("worker"));
        assert_eq!((address.stream.as_str(), address.db), ("leavers of today", 3));
        let local = Address::parse("redis://[::1]:7000/s").unwrap();
        assert_eq!((local.host.as_str(), local.port, local.tls), ("::1", 7000, false));
    }

    #[test]
    fn unsafe_and_unclear_addresses_are_refused_without_their_password() {
        let of = |text: &str| Address::parse(text).unwrap_err();
        assert_eq!(of("rediss://:hunter2@h/s"), AddressError::Password);
        assert!(!of("rediss://u:hunter2@h/s").to_string().contains("hunter2"));
        assert_eq!(of("redis://10.0.0.1/s"), AddressError::Plain);
        assert_eq!(of("redis://redis.example/s"), AddressError::Plain);
        for text in
            ["rediss://h", "rediss://h/", "rediss://h/a/b", "rediss://h/%7Ba%7D", "rediss://h/%00"]
        {
            assert_eq!(of(text), AddressError::Stream, "{text}");
        }
        assert_eq!(of("rediss://h/s?x=1"), AddressError::Parameter);
        assert_eq!(of("rediss://h/s?db=-1"), AddressError::Parameter);
        assert!(matches!(of("https://h/s"), AddressError::Url(_)));
        assert!(matches!(of("h/s"), AddressError::Url(_)));
    }
}
