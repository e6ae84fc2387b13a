//! A snapshot of the environment, and its keys.

use super::error::SourceError;
use super::keys::SourceKeys;
use super::secret::Secret;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

const KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const KEY_SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
const TOKEN: &str = "ALIBABA_CLOUD_SECURITY_TOKEN";

/// The environment's variables when the program started. Never prints.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// A variable. A blank one counts as not set; one that is not Unicode is an error.
    pub(super) fn get(&self, name: &'static str) -> Result<Option<&str>, SourceError> {
        match self.0.get(OsStr::new(name)) {
            Some(value) => match value.to_str() {
                Some(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
                None => Err(SourceError::broken(format!("{name} is not Unicode"))),
            },
            None => Ok(None),
        }
    }

    /// Whether a variable is set to `true`, in any case.
    pub(super) fn is_true(&self, name: &'static str) -> bool {
        matches!(self.get(name), Ok(Some(text)) if text.eq_ignore_ascii_case("true"))
    }

    /// A variable by name, for settings outside the chain; a blank one counts as not set.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name))?.to_str().filter(|text| !text.is_empty())
    }

    /// Everything, for a child process.
    pub(super) fn all(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter()
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

/// Reads the three variables. Half a pair is an error.
pub(super) fn keys(environment: &Environment) -> Result<SourceKeys, SourceError> {
    // Not trimmed: white space within a key is a mistake to report.
    let read = |name: &'static str| {
        environment.get(name).map(|_| environment.text(name).unwrap_or_default().to_owned())
    };
    let (id, secret, token) = (read(KEY_ID)?, read(KEY_SECRET)?, read(TOKEN)?);
    let missing = |name| Err(SourceError::broken(format!("{name} is not set")));
    match (id.is_empty(), secret.is_empty()) {
        (true, true) => Err(SourceError::absent(format!("{KEY_ID} is not set"))),
        (true, false) => missing(KEY_ID),
        (false, true) => missing(KEY_SECRET),
        (false, false) => {
            let token = Some(Secret::new(token));
            SourceKeys::keys("ALIBABA_CLOUD_...", id, Secret::new(secret), token)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::credentials::testing::{absent, broken};

    fn read(set: &[(&str, &str)]) -> Result<SourceKeys, SourceError> {
        keys(&set.iter().copied().collect())
    }

    #[test]
    fn a_pair_with_or_without_a_token_is_read() {
        let pair = [(KEY_ID, "testid"), (KEY_SECRET, "testsecret")];
        assert_eq!(read(&pair).unwrap().credentials.security_token, None);
        let all = [pair[0], pair[1], (TOKEN, "testtoken")];
        let token = Some(Secret::new("testtoken".to_owned()));
        assert_eq!(read(&all).unwrap().credentials.security_token, token);
    }

    #[test]
    fn nothing_is_absent_and_half_a_pair_is_broken() {
        absent(read(&[]));
        absent(read(&[(KEY_ID, ""), (TOKEN, "t")]));
        for (set, missing) in [(KEY_ID, KEY_SECRET), (KEY_SECRET, KEY_ID)] {
            assert!(broken(read(&[(set, "test")])).contains(missing));
        }
    }

    #[test]
    fn a_key_with_a_line_break_is_broken_and_not_shown() {
        let why = broken(read(&[(KEY_ID, "testid"), (KEY_SECRET, "testsecret\n")]));
        assert!(why.contains("white space") && !why.contains("testsecret"), "{why}");
    }

    #[test]
    fn a_snapshot_does_not_print() {
        let environment: Environment = [(KEY_SECRET, "testsecret")].into_iter().collect();
        assert_eq!(format!("{environment:?}"), "Environment(1 variables)");
    }
}
