//! The address of the service: the region's endpoint, or the configured one.

use super::transport::Reach;
use reqwest::Url;
use std::collections::HashMap;

/// Regions with an endpoint of their own, `bastionhost.REGION.aliyuncs.com`; the others share one.
///
/// Source: the endpoint list of the product's OpenAPI metadata.
const OWN_ENDPOINT: [&str; 15] = [
    "cn-zhangjiakou",
    "cn-huhehaote",
    "cn-hongkong",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "us-east-1",
    "us-west-1",
    "eu-west-1",
    "eu-central-1",
    "na-south-1",
];

/// A region or an endpoint that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The region's name is no valid part of a host name.
    #[error("region `{0}` is not the name of a region; expected something like `cn-hangzhou`")]
    Region(String),
    /// The URL is invalid.
    #[error("the endpoint is not a URL; expected something like `https://HOST` ({0})")]
    Url(String),
    /// The URL is more than scheme, host and port.
    #[error(
        "the endpoint must be only scheme, host and port, such as `https://HOST`, without a user name, path or query"
    )]
    Parts,
    /// Access keys and revocations would cross a network unencrypted.
    #[error("endpoint `{0}` is plain http, which is allowed to this machine only; use https")]
    PlainHttp(String),
}

/// The endpoint of a region.
pub fn of_region(region: &str) -> Result<Url, EndpointError> {
    let is_name = !region.is_empty()
        && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_name {
        return Err(EndpointError::Region(region.to_owned()));
    }
    let host = if OWN_ENDPOINT.contains(&region) {
        format!("https://bastionhost.{region}.aliyuncs.com/")
    } else {
        "https://yundun-bastionhost.aliyuncs.com/".to_owned()
    };
    Url::parse(&host).map_err(|error| EndpointError::Url(error.to_string()))
}

/// Parses `--endpoint`: `https://HOST[:PORT]`, or plain http to loopback; a bare host means https.
pub fn parse(text: &str) -> Result<Url, EndpointError> {
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&full).map_err(|error| EndpointError::Url(error.to_string()))?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.host_str().is_some();
    match url.scheme() {
        // It may contain a password, so it is not shown.
        _ if !bare => Err(EndpointError::Parts),
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(EndpointError::PlainHttp(text.to_owned())),
        _ => Err(EndpointError::Url("the scheme must be https".to_owned())),
    }
}

/// Whether the URL is of this machine: a loopback address or `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// The endpoints of all regions of a run.
#[derive(Debug, Clone)]
pub struct Endpoints {
    fixed: Option<Url>,
    by_region: HashMap<String, Url>,
}

impl Endpoints {
    /// One endpoint for all, or that of each of these regions.
    pub fn new<'a>(
        fixed: Option<Url>,
        regions: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, EndpointError> {
        let mut by_region = HashMap::new();
        for region in regions {
            if fixed.is_none() {
                by_region.insert(region.to_owned(), of_region(region)?);
            }
        }
        Ok(Self { fixed, by_region })
    }

    /// The endpoint of a region, if it was given at the start.
    pub fn of(&self, region: &str) -> Option<&Url> {
        self.fixed.as_ref().or_else(|| self.by_region.get(region))
    }

    /// Where requests are sent.
    pub fn reach(&self) -> Reach {
        match &self.fixed {
            Some(url) if is_loopback(url) && url.scheme() == "http" => Reach::LoopbackPlain,
            Some(url) if is_loopback(url) => Reach::Loopback,
            _ => Reach::Network,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_lead_to_their_endpoints() {
        let host = |region| of_region(region).unwrap().host_str().unwrap().to_owned();
        assert_eq!(host("cn-hangzhou"), "yundun-bastionhost.aliyuncs.com");
        assert_eq!(host("ap-southeast-1"), "bastionhost.ap-southeast-1.aliyuncs.com");
        assert!(of_region("evil.example/").is_err());
        assert!(of_region("").is_err());
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in
            ["https://h", "h:8443", "http://127.0.0.1:1", "http://[::1]:1/", "http://localhost"]
        {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://10.0.0.1",
            "http://h",
            "ftp://h",
            "https://h/x",
            "https://u:p@h",
            "https://h?x",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
