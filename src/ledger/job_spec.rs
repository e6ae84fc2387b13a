//! What a job is, stored in its ledger as one JSON value.

use crate::input::Resolutions;
use crate::input_snapshot::Segment;
use crate::model::{Action, Status};
use serde::{Deserialize, Serialize};

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
    /// `--skip-protected`
    pub skip_protected: bool,
    /// `--excel`
    pub excel: bool,
    /// The ids of the names in the list. A resume uses them and looks nothing up.
    #[serde(default, skip_serializing_if = "Resolutions::is_empty")]
    pub names: Resolutions,
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

    /// The members that explain a difference, as text; in the same order for every job.
    fn explained(&self) -> [(&'static str, String); 14] {
        let (options, size) = (&self.options, &self.size);
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let map: Vec<String> =
            options.map.iter().map(|(field, column)| format!("{field}={column}")).collect();
        let only = self.identity.only.iter().flatten().map(|status| status.name());
        let inputs: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        [
            ("endpoint", self.identity.endpoint.clone().unwrap_or_else(|| "of the region".into())),
            ("only", only.collect::<Vec<_>>().join(",")),
            ("instance id", text(&options.instance_id)),
            ("region", options.region.clone()),
            ("map", map.join("; ")),
            ("encoding", text(&options.encoding)),
            ("skip invalid", options.skip_invalid.to_string()),
            ("protect", text(&options.protect)),
            ("skip protected", options.skip_protected.to_string()),
            ("excel", options.excel.to_string()),
            ("requests", size.requests.to_string()),
            ("grants", size.grants.to_string()),
            ("rows", size.rows.to_string()),
            ("input", inputs.join(", ")),
        ]
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
