//! Options of `who`.

use super::shared::{ConfigurationArgs, InstanceArgs, RequestArgs};
use super::values::id;
use crate::model::Kind;
use clap::{ArgGroup, Args, ValueHint};
use std::path::PathBuf;

/// `who`
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("one_target").required(true))]
pub struct WhoArgs {
    /// host:ID, host-group:ID or database:ID
    #[arg(value_name = "TARGET", value_parser = TargetId::new, group = "one_target")]
    pub target: Option<TargetId>,
    /// Name of a host; exactly one host must have it
    #[arg(long, value_name = "NAME", group = "one_target", help_heading = "Target by name")]
    pub host: Option<String>,
    /// Address of a host
    #[arg(long, value_name = "ADDRESS", group = "one_target", help_heading = "Target by name")]
    pub host_address: Option<String>,
    /// Name of a host group
    #[arg(long, value_name = "NAME", group = "one_target", help_heading = "Target by name")]
    pub host_group: Option<String>,
    /// Name of a database
    #[arg(long, value_name = "NAME", group = "one_target", help_heading = "Target by name")]
    pub database: Option<String>,
    /// Address of a database
    #[arg(long, value_name = "ADDRESS", group = "one_target", help_heading = "Target by name")]
    pub database_address: Option<String>,
    /// Read the accounts on the target, too; one more call for each user and group that has it
    #[arg(long)]
    pub accounts: bool,
    /// Write the grants as an input list
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub out: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
    /// Do not ask before the lists are read
    #[arg(long)]
    pub yes: bool,
    /// The instance.
    #[command(flatten)]
    pub instance: InstanceArgs,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// How the calls are sent.
    #[command(flatten)]
    pub requests: RequestArgs,
}

/// A target by its kind and id: `host:17`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetId {
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
}

impl TargetId {
    /// Reads `host:ID`, `host-group:ID` or `database:ID`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let kinds = [Kind::Host, Kind::HostGroup, Kind::Database];
        let (kind, written) = text.trim().split_once(':').unwrap_or_default();
        let kind = kinds.into_iter().find(|known| known.name() == kind);
        match (kind, id(written)) {
            (Some(kind), Ok(id)) if id != "*" => Ok(Self { kind, id }),
            _ => Err(
                "expected host:ID, host-group:ID or database:ID, such as host:1027; names have \
                      options of their own, such as --host NAME"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_a_kind_and_one_id() {
        let host = TargetId { kind: Kind::Host, id: "007".to_owned() };
        assert_eq!(TargetId::new(" host:007"), Ok(host));
        assert_eq!(TargetId::new("host-group:3").map(|one| one.kind), Ok(Kind::HostGroup));
        for text in ["17", "host", "host:", "host:*", "hosts:1", "host:1 2", ":1", ""] {
            assert!(TargetId::new(text).is_err(), "{text}");
        }
    }
}
