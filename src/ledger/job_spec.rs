//! What a job is, stored in its ledger as one JSON value.

use super::fingerprint::{self, Fingerprint};
use crate::input::Resolutions;
use crate::input_snapshot::Segment;
use crate::model::{Action, Status};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Whether it revokes or grants.
    #[serde(default, skip_serializing_if = "Action::is_detach")]
    pub action: Action,
    /// What makes it this job: another identity is another job.
    pub identity: JobIdentity,
    /// The options that shaped it, to explain a difference and to read its list again.
    pub options: JobOptions,
    /// Its size.
    pub size: JobSize,
    /// The inputs, in the order of their bytes in the copy.
    pub inputs: Vec<Segment>,
    /// The version of this tool that started it.
    pub version: String,
    /// The snapshot of what was granted before, if one was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotInfo>,
    /// The job whose revocations it undoes, for a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<RestoredJob>,
    /// The fingerprint of its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// How the plan was approved, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}

/// How a plan was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// The fingerprint of the plan was given on the command line.
    Fingerprint,
    /// The saved plan was signed by this key, as `ssh-keygen -l` shows it.
    Signature(String),
}

/// A snapshot of what was granted before a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    /// When reading began, in UTC.
    pub read_at: String,
    /// Targets that were read.
    pub targets: usize,
    /// Of these, the ones about which something may be missing.
    pub incomplete: usize,
}

/// A job that a restore undoes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredJob {
    /// Its outcome file, as it was named.
    pub outcome: String,
    /// SHA-256 of that file, in hexadecimal.
    pub outcome_sha256: String,
    /// The identity of the job.
    pub identity: JobIdentity,
    /// Rows and accounts that the run removed, or may have removed, and that are not granted again.
    pub left_out: usize,
}

impl RestoredJob {
    /// Whether both are restores of the same outcome.
    pub fn is_of_same_outcome(&self, other: &Self) -> bool {
        self.outcome_sha256 == other.outcome_sha256 && self.identity == other.identity
    }
}

/// The identity of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobIdentity {
    /// Where its requests are sent; `None` for the endpoint of each region.
    pub endpoint: Option<String>,
    /// The rows chosen by status. Two choices may plan the same requests.
    pub only: Option<Vec<Status>>,
    /// SHA-256 of the input, in hexadecimal.
    pub input_sha256: String,
    /// SHA-256 of the planned requests, in hexadecimal.
    pub plan_sha256: String,
}

/// Options that shape a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// `--instance-id`
    pub instance_id: Option<String>,
    /// `--region`
    pub region: String,
    /// `--map`: field and column.
    pub map: Vec<(String, String)>,
    /// `--encoding`
    pub encoding: Option<String>,
    /// `--skip-invalid`
    pub skip_invalid: bool,
    /// `--protect`, as an absolute path.
    pub protect: Option<String>,
    /// The content of that file, in base 64: the outcome and a resume do not depend on the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect_base64: Option<String>,
    /// `--skip-protected`
    pub skip_protected: bool,
    /// `--excel`
    pub excel: bool,
    /// The ids of the names in the list. A resume uses them and looks nothing up.
    #[serde(default, skip_serializing_if = "Resolutions::is_empty")]
    pub names: Resolutions,
    /// Guards of the run.
    #[serde(default, skip_serializing_if = "JobGuards::is_empty")]
    pub guards: JobGuards,
}

/// Guards of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobGuards {
    /// `--max-revocations`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_revocations: Option<usize>,
    /// `--max-users`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_users: Option<usize>,
    /// `--max-whole-targets`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_whole_targets: Option<usize>,
    /// `--expect-rows`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_rows: Option<usize>,
    /// `--canary`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<usize>,
    /// `--fail-over`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_over: Option<String>,
}

impl JobGuards {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl JobOptions {
    /// Stores the content of the file of `--protect`.
    pub fn set_protect_content(&mut self, content: Option<&[u8]>) {
        self.protect_base64 = content.map(|content| BASE64_STANDARD.encode(content));
    }

    /// The content of the file of `--protect`; an error if the text is no base 64.
    pub fn protect_content(&self) -> Result<Option<Vec<u8>>, base64::DecodeError> {
        self.protect_base64.as_ref().map(|text| BASE64_STANDARD.decode(text)).transpose()
    }

    /// SHA-256 of the content of the file of `--protect`, in hexadecimal.
    pub(super) fn protect_sha256(&self) -> Option<String> {
        let text = self.protect_base64.as_ref()?;
        let content = BASE64_STANDARD.decode(text).unwrap_or_else(|_| text.clone().into_bytes());
        Some(crate::hex::hex(&Sha256::digest(content)))
    }
}

/// The size of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSize {
    /// Planned requests.
    pub requests: usize,
    /// Distinct grants.
    pub grants: usize,
    /// Input rows.
    pub rows: usize,
}

impl JobSpec {
    /// Computes the fingerprint of the plan; the digests must be known.
    pub fn compute_fingerprint(&self) -> serde_json::Result<Fingerprint> {
        fingerprint::of_job(self)
    }

    /// Whether its list has names that were looked up.
    pub fn has_names(&self) -> bool {
        !self.options.names.is_empty()
    }

    /// The differences between this job and another, each as a phrase; empty for equal ones.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut all = Vec::new();
        let digests = [
            ("the input's content", &self.identity.input_sha256, &other.identity.input_sha256),
            ("the planned requests", &self.identity.plan_sha256, &other.identity.plan_sha256),
        ];
        all.extend(digests.iter().filter(|(_, a, b)| a != b).map(|(what, ..)| (*what).to_owned()));
        let (then, now) = (self.explained(), other.explained());
        for ((name, then), (_, now)) in then.iter().zip(&now).filter(|((_, a), (_, b))| a != b) {
            all.push(format!("{name} (then `{then}`, now `{now}`)"));
        }
        all
    }

    /// The options that shape the plan, by the name of the option, as text; in the same order for
    /// every job.
    pub fn shaping_options(&self) -> Vec<(&'static str, String)> {
        let (options, guards) = (&self.options, &self.options.guards);
        let number = |value: &Option<usize>| value.map(|n| n.to_string()).unwrap_or_default();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let map: Vec<String> =
            options.map.iter().map(|(field, column)| format!("{field}={column}")).collect();
        let only = self.identity.only.iter().flatten().map(|status| status.name());
        vec![
            ("endpoint", self.identity.endpoint.clone().unwrap_or_else(|| "of the region".into())),
            ("only", only.collect::<Vec<_>>().join(",")),
            ("instance-id", text(&options.instance_id)),
            ("region", options.region.clone()),
            ("map", map.join("; ")),
            ("encoding", text(&options.encoding)),
            ("skip-invalid", options.skip_invalid.to_string()),
            ("protect", self.protect_text()),
            ("skip-protected", options.skip_protected.to_string()),
            ("max-revocations", number(&guards.max_revocations)),
            ("max-users", number(&guards.max_users)),
            ("max-whole-targets", number(&guards.max_whole_targets)),
            ("expect-rows", number(&guards.expect_rows)),
            ("canary", number(&guards.canary)),
            ("fail-over", text(&guards.fail_over)),
        ]
    }

    /// The content of the file of `--protect`, as the beginning of its digest.
    fn protect_text(&self) -> String {
        let sha256 = self.options.protect_sha256();
        sha256.map(|sha256| format!("a file with SHA-256 {}", &sha256[..16])).unwrap_or_default()
    }

    /// The members that explain a difference, as text; in the same order for every job.
    fn explained(&self) -> Vec<(&'static str, String)> {
        let size = &self.size;
        let inputs: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        let mut all = self.shaping_options();
        all.extend([
            ("excel", self.options.excel.to_string()),
            ("requests", size.requests.to_string()),
            ("grants", size.grants.to_string()),
            ("rows", size.rows.to_string()),
            ("input", inputs.join(", ")),
        ]);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_back_from_its_json() {
        let spec = JobSpec {
            identity: JobIdentity {
                only: Some(vec![Status::Failed, Status::AlreadyAbsent]),
                ..JobIdentity::default()
            },
            options: JobOptions { map: vec![("user".into(), "a; b".into())], ..Default::default() },
            inputs: vec![Segment { name: "list.csv".into(), len: 7 }],
            ..JobSpec::default()
        };
        let json = serde_json::to_string(&spec).unwrap();
        assert!(json.contains("already_absent"), "{json}");
        assert_eq!(serde_json::from_str::<JobSpec>(&json).unwrap(), spec);
    }

    #[test]
    fn every_difference_is_named() {
        let one = JobSpec::default();
        assert!(one.differences(&one).is_empty());
        let mut other = one.clone();
        other.options.region = "cn-beijing".into();
        other.identity.plan_sha256 = "00".into();
        other.size.rows = 3;
        let differences = one.differences(&other).join(", ");
        assert_eq!(
            differences,
            "the planned requests, region (then ``, now `cn-beijing`), rows (then `0`, now `3`)"
        );
    }
}
