//! The fingerprint of a plan: twelve characters that two people can compare.

use super::JobSpec;
use super::job_spec::{JobGuards, JobIdentity};
use crate::input::{NameQuery, Resolution};
use crate::model::Action;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// Crockford's base 32: no `I`, `L`, `O` and `U`.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of a fingerprint, without the hyphens: 60 bits.
const LENGTH: usize = 12;

/// Characters between two hyphens.
const GROUP: usize = 4;

/// Precedes the digested text, so that no other digest of this tool can be equal.
const CONTEXT: &str = "bastion-revoke plan, version 1\n";

/// The fingerprint of a plan, such as `7K3M-Q9TX-2B4D`: the first 60 bits of a SHA-256 digest, in
/// Crockford's base 32.
///
/// Equal fingerprints mean the same input, requests, endpoint, guards, resolved ids, and the same
/// options that shape a plan. Names of files, and options that only shape how requests are sent,
/// are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

/// The text is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the fingerprint of a plan, 12 letters and digits such as 7K3M-Q9TX-2B4D")]
pub struct InvalidFingerprint;

impl Fingerprint {
    fn of_digest(digest: &[u8]) -> Self {
        let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let character = |at: usize| char::from(ALPHABET[(bits >> (59 - 5 * at) & 31) as usize]);
        Self::grouped(&(0..LENGTH).map(character).collect::<Vec<char>>())
    }

    fn grouped(characters: &[char]) -> Self {
        let groups: Vec<String> =
            characters.chunks(GROUP).map(|group| group.iter().collect()).collect();
        Self(groups.join("-"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    /// Case, hyphens and blanks do not matter; `O` is read as 0, `I` and `L` as 1.
    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let significant = text.chars().filter(|c| !matches!(c, '-' | ' '));
        let characters: Vec<char> = significant
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let is_valid = |c: &char| u8::try_from(*c).is_ok_and(|byte| ALPHABET.contains(&byte));
        if characters.len() == LENGTH && characters.iter().all(is_valid) {
            return Ok(Self::grouped(&characters));
        }
        Err(InvalidFingerprint)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;

    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

/// Everything that a plan is. New members are left out of the text where they have their default,
/// so that fingerprints of plans without them stay the same.
#[derive(Serialize)]
struct Digested<'a> {
    #[serde(skip_serializing_if = "Action::is_detach")]
    action: Action,
    identity: &'a JobIdentity,
    instance_id: &'a Option<String>,
    region: &'a str,
    map: &'a [(String, String)],
    encoding: &'a Option<String>,
    skip_invalid: bool,
    skip_protected: bool,
    protect: Option<String>,
    guards: &'a JobGuards,
    names: Vec<(&'a NameQuery, &'a str)>,
}

/// The fingerprint of a job whose digests are known.
pub(super) fn of_job(spec: &JobSpec) -> serde_json::Result<Fingerprint> {
    let options = &spec.options;
    let names = options.names.iter().filter_map(|(query, resolution)| match resolution {
        Resolution::Id(id) => Some((query, id.as_str())),
        _ => None,
    });
    let digested = Digested {
        action: spec.action,
        identity: &spec.identity,
        instance_id: &options.instance_id,
        region: &options.region,
        map: &options.map,
        encoding: &options.encoding,
        skip_invalid: options.skip_invalid,
        skip_protected: options.skip_protected,
        protect: options.protect_sha256(),
        guards: &options.guards,
        names: names.collect(),
    };
    let text = format!("{CONTEXT}{}", serde_json::to_string(&digested)?);
    Ok(Fingerprint::of_digest(&Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{NameKind, ObjectKind};

    #[test]
    fn a_fingerprint_is_read_as_people_write_it() {
        let expected = Fingerprint("7K3M-Q9TX-2B10".to_owned());
        for text in ["7K3M-Q9TX-2B10", "7k3mq9tx2blo", " 7K3M Q9TX 2BIO "] {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
        }
        for text in ["", "7K3M-Q9TX-2B4", "7K3M-Q9TX-2B4DD", "7K3M-Q9TX-2B4U", "7K3M-Q9TX-2B4目"] {
            assert_eq!(text.parse::<Fingerprint>(), Err(InvalidFingerprint), "{text}");
        }
    }

    #[test]
    fn a_fingerprint_is_the_beginning_of_a_digest() {
        let of = |bytes: &[u8]| Fingerprint::of_digest(bytes).to_string();
        assert_eq!(of(&[0; 32]), "0000-0000-0000");
        assert_eq!(of(&[255; 32]), "ZZZZ-ZZZZ-ZZZZ");
        assert_eq!(of(&[0x08, 0, 0, 0, 0, 0, 0, 0x1f]), "1000-0000-0001");
    }

    /// A saved plan that an earlier version has written is known again.
    #[test]
    fn the_fingerprint_of_a_plan_stays() {
        assert_eq!(of_job(&JobSpec::default()).unwrap().to_string(), "YDH7-144E-C85X");
    }

    #[test]
    fn whatever_shapes_a_plan_changes_the_fingerprint_and_nothing_else_does() {
        let job = JobSpec::default();
        let query = NameQuery {
            instance_id: "i".into(),
            region: "r".into(),
            object: ObjectKind::User,
            parent_id: String::new(),
            by: NameKind::Name,
            text: "lina".into(),
            protocol: String::new(),
        };
        let all_changes: [fn(&mut JobSpec); 13] = [
            |job| job.action = Action::Attach,
            |job| job.identity.endpoint = Some("http://127.0.0.1:1/".into()),
            |job| job.identity.only = Some(Vec::new()),
            |job| job.identity.input_sha256 = "00".into(),
            |job| job.identity.plan_sha256 = "00".into(),
            |job| job.options.instance_id = Some("i".into()),
            |job| job.options.region = "r".into(),
            |job| job.options.map = vec![("user".into(), "login".into())],
            |job| job.options.encoding = Some("utf-8".into()),
            |job| job.options.skip_invalid = true,
            |job| job.options.skip_protected = true,
            |job| job.options.protect_base64 = Some("AA==".into()),
            |job| job.options.guards.canary = Some(1),
        ];
        let mut seen = vec![of_job(&job).unwrap()];
        for apply in all_changes {
            let mut other = job.clone();
            apply(&mut other);
            seen.push(of_job(&other).unwrap());
        }
        let mut named = job.clone();
        named.options.names.insert(query.clone(), Resolution::Id("7".into()));
        seen.push(of_job(&named).unwrap());
        for (at, one) in seen.iter().enumerate() {
            assert!(!seen[..at].contains(one), "{at}");
        }
        let mut same = job;
        same.options.protect = Some("/elsewhere/protect.csv".into());
        same.options.excel = true;
        same.version = "9".into();
        same.options.names.insert(query, Resolution::Unknown("its text may change".into()));
        assert_eq!(of_job(&same).unwrap(), seen[0]);
    }
}
