//! Keys from the environment, as every Alibaba Cloud SDK reads them.

use super::{Credentials, CredentialsError, Secret};

const KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const KEY_SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
const TOKEN: &str = "ALIBABA_CLOUD_SECURITY_TOKEN";

/// Reads the three variables from a snapshot of the environment. A variable that is set to
/// nothing counts as not set; half a pair is broken, not absent.
pub fn from_environment(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Credentials, CredentialsError> {
    let read = |name: &'static str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(|value| {
                let fits = value.bytes().all(|byte| byte.is_ascii_graphic());
                let broken = CredentialsError::Broken {
                    variable: name,
                    what: "holds white space or other characters that no key has",
                };
                if fits { Ok(value) } else { Err(broken) }
            })
            .transpose()
    };
    let missing = |variable| CredentialsError::Broken { variable, what: "is not set" };
    match (read(KEY_ID)?, read(KEY_SECRET)?, read(TOKEN)?) {
        (None, None, _) => Err(CredentialsError::Absent),
        (None, Some(_), _) => Err(missing(KEY_ID)),
        (Some(_), None, _) => Err(missing(KEY_SECRET)),
        (Some(access_key_id), Some(secret), token) => Ok(Credentials {
            access_key_id,
            access_key_secret: Secret::new(secret),
            security_token: token.map(Secret::new),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
        from_environment(|name| {
            set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_pair_with_or_without_a_token_is_read() {
        let pair = [(KEY_ID, "testid"), (KEY_SECRET, "testsecret")];
        assert_eq!(read(&pair).unwrap().security_token, None);
        let all = [pair[0], pair[1], (TOKEN, "testtoken")];
        assert_eq!(read(&all).unwrap().security_token, Some(Secret::new("testtoken".to_owned())));
    }

    #[test]
    fn nothing_is_absent_and_half_a_pair_is_broken() {
        assert_eq!(read(&[]), Err(CredentialsError::Absent));
        assert_eq!(read(&[(KEY_ID, ""), (TOKEN, "t")]), Err(CredentialsError::Absent));
        for (set, missing) in [(KEY_ID, KEY_SECRET), (KEY_SECRET, KEY_ID)] {
            let error = read(&[(set, "test")]).unwrap_err();
            assert!(error.to_string().contains(missing), "{error}");
        }
    }

    #[test]
    fn a_key_with_a_line_break_is_broken_and_not_shown() {
        let error = read(&[(KEY_ID, "testid"), (KEY_SECRET, "testsecret\n")]).unwrap_err();
        assert!(!error.to_string().contains("testsecret"), "{error}");
    }
}
