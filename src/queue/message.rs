//! The messages in the stream: a row, or a unit of a job.
//!
//! Every message is validated like a row of an input file. An invalid message does not affect the
//! others.

use super::entry::Entry;
use crate::input::{Encoding, MAX_RECORD_BYTES, Options, Reader, RowContent, Source};
use crate::model::{Account, Grant, MAX_PER_LIST};
use crate::plan::GrantId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

/// The field of an entry that holds a unit of a job.
pub const UNIT_FIELD: &str = "_unit";

/// The field of an entry that holds a row as JSON.
const ROW_FIELD: &str = "row";

/// The longest row that is copied into its outcome, in bytes of JSON.
const MAX_ROW_JSON_BYTES: usize = 64 * 1024;

/// Why a message cannot be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageError {
    /// The error code.
    pub code: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl MessageError {
    fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// The content of an entry.
#[derive(Debug, Clone)]
pub enum Message {
    /// One row, as a line of JSON.
    Row(String),
    /// One request of a job.
    WorkUnit(Box<WorkUnit>),
}

/// One request of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkUnit {
    /// The job.
    pub job: String,
    /// Its grants, as the job numbers them: first and last of each range.
    pub grants: Vec<(GrantId, GrantId)>,
    /// The number of its attempt in the job's ledger.
    pub attempt: u64,
    /// The bastion host.
    pub instance_id: String,
    /// Its region.
    pub region: String,
    /// The user who loses access, if it is a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user group that loses access, if it is a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_group: Option<String>,
    /// The kind of all its targets.
    pub kind: String,
    /// The targets with their accounts, in the order of the grants.
    pub targets: Vec<(String, UnitAccounts)>,
}

/// The accounts of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum UnitAccounts {
    /// `"*"`: the whole target.
    Whole(Wildcard),
    /// These accounts.
    Listed(Vec<String>),
}

/// The value for a whole target, `"*"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wildcard {
    /// The whole target.
    #[serde(rename = "*")]
    All,
}

impl WorkUnit {
    /// Its name: unique among the live units.
    pub fn name(&self) -> String {
        let ranges: Vec<String> =
            self.grants.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        format!("{} {}", self.job, ranges.join(","))
    }

    /// The number of its grants.
    pub fn size(&self) -> usize {
        let of = |accounts: &UnitAccounts| match accounts {
            UnitAccounts::Whole(_) => 1,
            UnitAccounts::Listed(accounts) => accounts.len(),
        };
        self.targets.iter().map(|(_, accounts)| of(accounts)).sum()
    }

    /// Its grants as lines of JSON, which are validated like other rows.
    fn lines(&self) -> String {
        let line = |target: &str, account: &str| {
            let mut row = serde_json::Map::new();
            let mut put = |name: &str, value: &str| drop(row.insert(name.into(), value.into()));
            put("instance_id", &self.instance_id);
            put("region", &self.region);
            put("user", self.user.as_deref().unwrap_or_default());
            put("user_group", self.user_group.as_deref().unwrap_or_default());
            put("kind", &self.kind);
            put("target", target);
            put("account", account);
            serde_json::Value::Object(row).to_string() + "\n"
        };
        let mut lines = String::new();
        for (target, accounts) in &self.targets {
            match accounts {
                UnitAccounts::Whole(_) => lines += &line(target, "*"),
                UnitAccounts::Listed(accounts) => {
                    for account in accounts {
                        lines += &line(target, account);
                    }
                }
            }
        }
        lines
    }

    /// Why it cannot be one request, if so.
    fn validation_error(&self) -> Option<&'static str> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let counted: Option<u64> = self
            .grants
            .iter()
            .map(|(first, last)| u64::from(*last).checked_sub(u64::from(*first)).map(|n| n + 1))
            .try_fold(0_u64, |sum, n| sum.checked_add(n?));
        let is_list = |accounts: &UnitAccounts| match accounts {
            UnitAccounts::Whole(_) => true,
            // An account called `*` would become the whole target.
            UnitAccounts::Listed(names) => {
                (1..=MAX_PER_LIST).contains(&names.len()) && !names.iter().any(|name| name == "*")
            }
        };
        let targets: Vec<&str> = self.targets.iter().map(|(target, _)| target.as_str()).collect();
        let row_json = (1..targets.len()).any(|at| targets[..at].contains(&targets[at]));
        if self.job.is_empty() || self.job.len() > 64 || !self.job.chars().all(is_name) {
            Some("the job's name is not one")
        } else if !(1..=MAX_PER_LIST).contains(&targets.len()) || row_json {
            Some("a unit names one to ten targets, none of them twice")
        } else if !self.targets.iter().all(|(_, accounts)| is_list(accounts)) {
            Some("a target has one to ten accounts, or is meant as a whole")
        } else if counted != Some(self.size() as u64) {
            Some("the numbers of its grants are not as many as its grants")
        } else {
            None
        }
    }
}

/// Reads an entry. The second value is its row as JSON for its outcome.
pub fn read(entry: &Entry) -> (Result<Message, MessageError>, String) {
    let bytes: usize = entry.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_RECORD_BYTES {
        let message = format!("{bytes} bytes, and a row has at most 1 MiB; see the dead copy");
        return (Err(MessageError::new("too_long", message)), String::new());
    }
    let of_unit =
        |(name, value): &(Vec<u8>, Vec<u8>)| (name == UNIT_FIELD.as_bytes()).then(|| value.clone());
    if let Some(unit) = entry.fields.iter().find_map(of_unit) {
        return (read_unit(&unit, entry.fields.len()), String::new());
    }
    let line = row_line(&entry.fields);
    let row_json =
        match &line {
            Ok(line) => line.clone(),
            Err(_) => json_object(entry.fields.iter().map(|(name, value)| {
                (String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            })),
        };
    let row_json = if row_json.len() > MAX_ROW_JSON_BYTES { String::new() } else { row_json };
    (line.map(Message::Row), row_json)
}

fn read_unit(json: &[u8], fields: usize) -> Result<Message, MessageError> {
    let unit: WorkUnit = serde_json::from_slice(json).map_err(|error| {
        MessageError::new("bad_unit", format!("the unit can't be read: {error}"))
    })?;
    match unit.validation_error() {
        _ if fields != 1 => Err(MessageError::new("bad_unit", "a unit is an entry's only field")),
        Some(reason) => Err(MessageError::new("bad_unit", reason)),
        None => Ok(Message::WorkUnit(Box::new(unit))),
    }
}

/// The fields of a row as one line of JSON, merged with the members of a `row` field.
fn row_line(fields: &[(Vec<u8>, Vec<u8>)]) -> Result<String, MessageError> {
    let mut row = None;
    let mut own = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            let name = String::from_utf8_lossy(name);
            let message = format!("field {}: not UTF-8", crate::input::shown(&name));
            return Err(MessageError::new("broken_character", message));
        };
        match (name, row) {
            (ROW_FIELD, None) => row = Some(value),
            (ROW_FIELD, Some(_)) => {
                return Err(MessageError::new("repeated_member", "two fields called row"));
            }
            _ => own.push((name, value)),
        }
    }
    let own = json_object(own.into_iter().map(|(name, value)| (name.into(), value.into())));
    let Some(row) = row else { return Ok(own) };
    let raw: &RawValue = serde_json::from_str(row)
        .map_err(|error| MessageError::new("bad_json", format!("field row: not JSON: {error}")))?;
    // JSON allows line ends between tokens only, where they are blanks.
    let row = raw.get().replace(['\n', '\r'], " ");
    let Some(inner) = row.trim_start().strip_prefix('{') else {
        return Err(MessageError::new("not_an_object", "field row: not a JSON object; write one"));
    };
    let comma = if own == "{}" || inner.trim_start().starts_with('}') { "" } else { "," };
    // The reader rejects a member that occurs in both.
    Ok(format!("{}{comma}{inner}", &own[..own.len() - 1]))
}

fn json_object<'t>(
    fields: impl Iterator<Item = (std::borrow::Cow<'t, str>, std::borrow::Cow<'t, str>)>,
) -> String {
    let members: Vec<String> = fields
        .map(|(name, value)| {
            let text = |text: &str| serde_json::Value::from(text).to_string();
            format!("{}:{}", text(&name), text(&value))
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Reads the grants of a message, each validated like a row of a file.
pub fn grants(
    message: &Message,
    options: &Options,
    mut take: impl FnMut(&Grant<'_>) -> Result<(), MessageError>,
) -> Result<(), MessageError> {
    let lines = match message {
        Message::Row(line) => line.clone(),
        Message::WorkUnit(unit) => unit.lines(),
    };
    let options = match message {
        Message::Row(_) => Options { encoding: Some(Encoding::Utf8), ..options.clone() },
        // The options of the job were applied when it was planned.
        Message::WorkUnit(_) => Options { encoding: Some(Encoding::Utf8), ..Options::default() },
    };
    let mut reader =
        Reader::new(vec![Source::memory("message", lines.as_bytes())], Arc::new(options));
    let mut read = 0;
    while let Some(row) =
        reader.next().map_err(|error| MessageError::new("damaged", error.to_string()))?
    {
        read += 1;
        match row.content {
            RowContent::Grant(grant) if grant.instance_id.is_empty() => {
                return Err(MessageError::new(
                    "blank_instance",
                    "no instance ID: add a field instance_id, or start the workers with --instance-id",
                ));
            }
            RowContent::Grant(grant) => {
                debug_assert!(matches!(grant.account, Account::Whole | Account::Named(_)));
                take(&grant)?;
            }
            // Only a fed-back outcome file has such rows.
            RowContent::Carried(_) => {
                return Err(MessageError::new("damaged", "it is not a row to carry out"));
            }
            // The options of a worker have no names to look up.
            RowContent::Unresolved(_) => {
                return Err(MessageError::new("damaged", "it names objects by name"));
            }
            RowContent::Invalid(problems) => {
                let code = problems.first().map_or("invalid", |problem| problem.kind.code());
                let all: Vec<String> =
                    problems.iter().map(crate::input::Problem::message).collect();
                return Err(MessageError::new(code, all.join("; ")));
            }
        }
    }
    let expected = match message {
        Message::Row(_) => 1,
        Message::WorkUnit(unit) => unit.size(),
    };
    if read == expected {
        Ok(())
    } else {
        Err(MessageError::new("damaged", "it is not the rows it should be"))
    }
}
