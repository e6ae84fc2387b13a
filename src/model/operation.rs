//! What a job does with grants, and the API operations that do it.

use super::{GranteeKind, Kind, MAX_PER_LIST, Status};
use std::fmt;

/// What a job does with its grants.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Revokes them: the `Detach` operations.
    #[default]
    Detach,
    /// Grants them: the `Attach` operations.
    Attach,
}

impl Action {
    /// Whether it revokes.
    pub fn is_detach(&self) -> bool {
        *self == Self::Detach
    }

    /// The status of a grant that the API applied.
    pub fn done(self) -> Status {
        self.status(Status::Revoked)
    }

    /// What a result code means, given what it means for a revocation.
    pub fn status(self, of_detach: Status) -> Status {
        match (self, of_detach) {
            (Self::Attach, Status::Revoked) => Status::Restored,
            (Self::Attach, Status::AlreadyAbsent) => Status::AlreadyPresent,
            (_, status) => status,
        }
    }

    /// The statuses of its grants, in the order in which summaries list them.
    pub fn statuses(self) -> [Status; 8] {
        [
            Status::Revoked,
            Status::AlreadyAbsent,
            Status::NotFound,
            Status::Failed,
            Status::Unknown,
            Status::Invalid,
            Status::Protected,
            Status::Unprocessed,
        ]
        .map(|status| self.status(status))
    }
}

/// One of the API operations that change grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    /// What it does with the grants.
    pub action: Action,
    /// The kind of the targets.
    pub kind: Kind,
    /// Whether a user or a user group loses or gets access.
    pub from: GranteeKind,
}

impl Operation {
    /// The six `Detach` operations, in the order in which reports list them.
    pub const ALL: [Self; 6] = Self::of(Action::Detach);

    /// The six operations of an action, in the order in which reports list them.
    pub const fn of(action: Action) -> [Self; 6] {
        [
            Self { action, kind: Kind::Host, from: GranteeKind::User },
            Self { action, kind: Kind::HostGroup, from: GranteeKind::User },
            Self { action, kind: Kind::Database, from: GranteeKind::User },
            Self { action, kind: Kind::Host, from: GranteeKind::UserGroup },
            Self { action, kind: Kind::HostGroup, from: GranteeKind::UserGroup },
            Self { action, kind: Kind::Database, from: GranteeKind::UserGroup },
        ]
    }

    /// The `Action` of the API.
    pub fn name(self) -> &'static str {
        use Action::{Attach, Detach};
        use GranteeKind::{User, UserGroup};
        use Kind::{Database, Host, HostGroup};
        match (self.action, self.kind, self.from) {
            (Detach, Host, User) => "DetachHostAccountsFromUser",
            (Detach, HostGroup, User) => "DetachHostGroupAccountsFromUser",
            (Detach, Database, User) => "DetachDatabaseAccountsFromUser",
            (Detach, Host, UserGroup) => "DetachHostAccountsFromUserGroup",
            (Detach, HostGroup, UserGroup) => "DetachHostGroupAccountsFromUserGroup",
            (Detach, Database, UserGroup) => "DetachDatabaseAccountsFromUserGroup",
            (Attach, Host, User) => "AttachHostAccountsToUser",
            (Attach, HostGroup, User) => "AttachHostGroupAccountsToUser",
            (Attach, Database, User) => "AttachDatabaseAccountsToUser",
            (Attach, Host, UserGroup) => "AttachHostAccountsToUserGroup",
            (Attach, HostGroup, UserGroup) => "AttachHostGroupAccountsToUserGroup",
            (Attach, Database, UserGroup) => "AttachDatabaseAccountsToUserGroup",
        }
    }

    /// The operation with that `Action`, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Action::Detach, Action::Attach].into_iter().flat_map(Self::of);
        all.into_iter().find(|operation| operation.name() == name)
    }

    /// Its place among the operations of its action.
    pub fn index(self) -> usize {
        let kind = match self.kind {
            Kind::Host => 0,
            Kind::HostGroup => 1,
            Kind::Database => 2,
        };
        kind + if self.from == GranteeKind::User { 0 } else { 3 }
    }

    /// The most accounts of one target in a request. Source: the parameter tables of the SDK, which
    /// state nine only for `AttachHostAccountsToUser`.
    pub const fn max_accounts(self) -> usize {
        match (self.action, self.kind, self.from) {
            (Action::Attach, Kind::Host, GranteeKind::User) => 9,
            _ => MAX_PER_LIST,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_name_and_place() {
        for action in [Action::Detach, Action::Attach] {
            for (at, operation) in Operation::of(action).into_iter().enumerate() {
                assert_eq!(Operation::from_name(operation.name()), Some(operation));
                assert_eq!(operation.index(), at);
            }
        }
    }

    #[test]
    fn each_action_has_its_own_words_for_success() {
        assert_eq!(Action::Detach.done(), Status::Revoked);
        assert_eq!(Action::Attach.done(), Status::Restored);
        let both = [Action::Detach, Action::Attach].map(Action::statuses);
        let different: Vec<_> = both[0].iter().zip(both[1]).filter(|(a, b)| *a != b).collect();
        assert_eq!(different.len(), 2, "{different:?}");
        assert!(Status::ALL.iter().all(|status| both.iter().any(|own| own.contains(status))));
    }
}
