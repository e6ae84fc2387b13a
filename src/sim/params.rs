//! The parameters of a request, decoded from its query and its form body.

use super::api_error::{ApiError, Violation};
use super::http_types::HttpRequest;

/// Names and values in the order in which they arrived.
pub(super) type Pairs = Vec<(String, String)>;

/// Query and form body apart, because ACS3 signs the query alone and v1 signs both together.
#[derive(Debug, Default)]
pub(super) struct Params {
    pub(super) query: Pairs,
    pub(super) form: Pairs,
}

impl Params {
    /// Decodes both. A body counts only as a form; any other type of content holds no parameters.
    pub(super) fn parse(request: &HttpRequest) -> Result<Self, ApiError> {
        let unreadable = || ApiError::invalid(Violation::Malformed, "A parameter is not UTF-8.");
        let query = decode_pairs(request.query.as_bytes()).ok_or_else(unreadable)?;
        let is_form = request
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let form = if is_form { decode_pairs(&request.body) } else { Some(Pairs::new()) };
        Ok(Self { query, form: form.ok_or_else(unreadable)? })
    }

    /// Both merged: a name that both hold counts once, with the form's value. The older SDK sends
    /// `RegionId` in both and signs it once.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let in_form = |name: &str| self.form.iter().any(|(known, _)| known == name);
        let query = self.query.iter().filter(move |(name, _)| !in_form(name));
        query.chain(&self.form).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of that name, if it isn't blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// The value, or the error that the API names after the parameter.
    pub(super) fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::missing(name))
    }

    /// A name that occurs twice in the query or in the form, or in both with different values. The
    /// API does not document which value counts, so the client can't know what it revokes.
    pub(super) fn repeated(&self) -> Option<&str> {
        let differs = |(name, value): &&(String, String)| {
            self.form.iter().any(|(known, other)| known == name && other != value)
        };
        let in_both = self.query.iter().find(differs).map(|(name, _)| name.as_str());
        in_both.or_else(|| twice(&self.query)).or_else(|| twice(&self.form))
    }
}

fn twice(pairs: &Pairs) -> Option<&str> {
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// `name=value&name=value`; `None` if a decoded part is not UTF-8.
fn decode_pairs(text: &[u8]) -> Option<Pairs> {
    let parts = text.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
    let decode = |part: &[u8]| {
        let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        Some((decode_text(&part[..at])?, decode_text(part.get(at + 1..).unwrap_or_default())?))
    };
    parts.map(decode).collect()
}

/// Decodes percent-encoding; `+` is a blank, as in forms and in the SDKs' queries.
fn decode_text(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = if first == b'%' { after.get(..2).and_then(hex_byte) } else { None };
        rest = if escaped.is_some() { &after[2..] } else { after };
        out.push(escaped.unwrap_or(if first == b'+' { b' ' } else { first }));
    }
    String::from_utf8(out).ok()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    // `from_str_radix` would accept a sign.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::testing::{form, get};

    #[test]
    fn blanks_and_bytes_are_decoded() {
        let params = Params::parse(&get("a=x+y%20z&b=%E4%B8%AD&c&d=%2B%zz")).unwrap();
        let pairs: Vec<_> = params.iter().collect();
        assert_eq!(pairs, [("a", "x y z"), ("b", "中"), ("c", ""), ("d", "+%zz")]);
    }

    #[test]
    fn query_and_form_are_merged() {
        let mut request = form("UserId=1");
        request.query = "Action=A".to_owned();
        let params = Params::parse(&request).unwrap();
        assert_eq!((params.get("Action"), params.get("UserId")), (Some("A"), Some("1")));
        assert_eq!(params.require("InstanceId").unwrap_err().code, "MissingInstanceId");
    }

    #[test]
    fn a_blank_value_is_a_missing_one() {
        assert_eq!(Params::parse(&get("UserId=")).unwrap().get("UserId"), None);
    }

    #[test]
    fn a_body_of_another_type_holds_no_parameters() {
        let mut request = form("UserId=1");
        request.headers.clear();
        assert_eq!(Params::parse(&request).unwrap().get("UserId"), None);
    }

    #[test]
    fn a_name_given_twice_is_noticed() {
        let repeated = |query: &str, body: &str| {
            let mut request = form(body);
            request.query = query.to_owned();
            Params::parse(&request).unwrap().repeated().map(str::to_owned)
        };
        let user = Some("UserId".to_owned());
        assert_eq!(repeated("UserId=2", "UserId=1"), user);
        assert_eq!(repeated("UserId=1&A=1&UserId=1", ""), user);
        assert_eq!(repeated("", "UserId=1&A=1&UserId=1"), user);
        assert_eq!(repeated("A=1", "UserId=1&User=2"), None);
    }

    #[test]
    fn the_same_in_query_and_form_counts_once() {
        let mut request = form("RegionId=r");
        request.query = "RegionId=r&A=1".to_owned();
        let params = Params::parse(&request).unwrap();
        assert_eq!(params.repeated(), None);
        assert_eq!(params.iter().collect::<Vec<_>>(), [("A", "1"), ("RegionId", "r")]);
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        let error = Params::parse(&get("a=%FF")).unwrap_err();
        assert_eq!(error.code, "InvalidParameter");
        assert_eq!(error.violation, Some(Violation::Malformed));
    }
}
