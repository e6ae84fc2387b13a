//! The words of the house: what is revoked, from whom, and what became of it.
//!
//! Everything here is plain data. The types make a wrong request unrepresentable: a list of
//! accounts cannot be empty or longer than ten, a request cannot name a target twice, and "the
//! whole target" is a value of its own that no missing field can turn into.

use std::fmt;

/// Targets in one request, and accounts under one target: at most ten each.
///
/// Source: the pages of the three `Detach...AccountsFromUser` operations ("up to 10 host IDs and
/// up to 10 host account IDs for each host"); for databases the ten targets are only in the
/// API's metadata.
pub const MAX_PER_LIST: usize = 10;

/// What a user was given access to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// One host; its accounts are named by id.
    Host,
    /// A group of hosts; its accounts are named by account *name*.
    HostGroup,
    /// One database; its accounts are named by id.
    Database,
}

impl Kind {
    /// The name used in input files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::HostGroup => "host-group",
            Self::Database => "database",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who loses access: one user, or a user group as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GranteeKind {
    /// A single user (`UserId`).
    User,
    /// A user group (`UserGroupId`).
    UserGroup,
}

impl GranteeKind {
    /// The name used in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::UserGroup => "user group",
        }
    }
}

/// The holder of a grant. `S` is `&str` while rows stream by and `String` in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grantee<S = String> {
    /// A user or a user group.
    pub kind: GranteeKind,
    /// Its opaque id.
    pub id: S,
}

/// One account on a target, or the target as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Account<S = String> {
    /// The target and every account on it; written `*` in an input.
    Whole,
    /// One account: an id on hosts and databases, a name on host groups.
    Named(S),
}

/// What one valid input row asks to revoke, borrowed from the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant<'a> {
    /// The bastion host; empty when neither the row nor the settings name one.
    pub instance_id: &'a str,
    /// The region of that instance.
    pub region: &'a str,
    /// Who holds the grant.
    pub grantee: Grantee<&'a str>,
    /// What sort of target it is on.
    pub kind: Kind,
    /// The id of the target.
    pub target: &'a str,
    /// The account, or the whole target.
    pub account: Account<&'a str>,
}

/// One of the six API operations this tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    /// The kind of the targets.
    pub kind: Kind,
    /// Whether a user or a user group loses access.
    pub from: GranteeKind,
}

impl Operation {
    /// All six, in the order in which reports list them.
    pub const ALL: [Self; 6] = [
        Self { kind: Kind::Host, from: GranteeKind::User },
        Self { kind: Kind::HostGroup, from: GranteeKind::User },
        Self { kind: Kind::Database, from: GranteeKind::User },
        Self { kind: Kind::Host, from: GranteeKind::UserGroup },
        Self { kind: Kind::HostGroup, from: GranteeKind::UserGroup },
        Self { kind: Kind::Database, from: GranteeKind::UserGroup },
    ];

    /// The `Action` of the API.
    pub fn name(self) -> &'static str {
        match (self.kind, self.from) {
            (Kind::Host, GranteeKind::User) => "DetachHostAccountsFromUser",
            (Kind::HostGroup, GranteeKind::User) => "DetachHostGroupAccountsFromUser",
            (Kind::Database, GranteeKind::User) => "DetachDatabaseAccountsFromUser",
            (Kind::Host, GranteeKind::UserGroup) => "DetachHostAccountsFromUserGroup",
            (Kind::HostGroup, GranteeKind::UserGroup) => "DetachHostGroupAccountsFromUserGroup",
            (Kind::Database, GranteeKind::UserGroup) => "DetachDatabaseAccountsFromUserGroup",
        }
    }

    /// The operation with that `Action`, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// Its place in [`Operation::ALL`].
    pub fn index(self) -> usize {
        let kind = match self.kind {
            Kind::Host => 0,
            Kind::HostGroup => 1,
            Kind::Database => 2,
        };
        kind + if self.from == GranteeKind::User { 0 } else { 3 }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A list that is never empty and never longer than ten.
///
/// An empty account list would mean "the whole target" to the API, so this type is the only way
/// to write one down: promise 2, *no widening*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpToTen<T>(Vec<T>);

/// Why a list could not become an [`UpToTen`] or an [`Entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It held nothing.
    #[error("an empty list would mean everything to the API")]
    Empty,
    /// It held more than ten.
    #[error("a list of {0}, and the API takes at most ten")]
    TooLong(usize),
    /// It named a target twice.
    #[error("a target named twice in one request")]
    Repeated,
}

impl<T> UpToTen<T> {
    /// Takes one to ten values.
    pub fn new(values: Vec<T>) -> Result<Self, ListError> {
        match values.len() {
            0 => Err(ListError::Empty),
            1..=MAX_PER_LIST => Ok(Self(values)),
            more => Err(ListError::TooLong(more)),
        }
    }

    /// The values, at least one.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

/// An id or a name. Short ones, which is nearly all of them, are kept in place: a request holds
/// more than a hundred.
pub type Name = smol_str::SmolStr;

/// Which accounts of a target a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// The target and all its accounts.
    Whole,
    /// Exactly these.
    Listed(UpToTen<Name>),
}

/// One target of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The target's id.
    pub target: Name,
    /// What of it.
    pub accounts: Accounts,
}

impl Entry {
    /// How many grants this entry stands for: 1 for a whole target, else its accounts.
    pub fn grants(&self) -> usize {
        match &self.accounts {
            Accounts::Whole => 1,
            Accounts::Listed(accounts) => accounts.as_slice().len(),
        }
    }
}

/// The targets of a request: one to ten, none of them twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries(UpToTen<Entry>);

impl Entries {
    /// Takes one to ten entries with different targets.
    pub fn new(entries: Vec<Entry>) -> Result<Self, ListError> {
        let entries = UpToTen::new(entries)?;
        let slice = entries.as_slice();
        let repeated = slice
            .iter()
            .enumerate()
            .any(|(at, entry)| slice[..at].iter().any(|before| before.target == entry.target));
        if repeated { Err(ListError::Repeated) } else { Ok(Self(entries)) }
    }

    /// The entries, in the order in which they are sent.
    pub fn as_slice(&self) -> &[Entry] {
        self.0.as_slice()
    }
}

/// One call of the API, ready to be sent any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The bastion host.
    pub instance_id: String,
    /// The region of that instance.
    pub region: String,
    /// Who loses access.
    pub grantee: Grantee,
    /// The kind of all its targets.
    pub kind: Kind,
    /// What is revoked.
    pub entries: Entries,
}

impl Request {
    /// The operation that carries it.
    pub fn operation(&self) -> Operation {
        Operation { kind: self.kind, from: self.grantee.kind }
    }

    /// How many grants it revokes, 1 to 100.
    pub fn grants(&self) -> usize {
        self.entries.as_slice().iter().map(Entry::grants).sum()
    }

    /// Its grants as (target, account), entry by entry: the order in which a plan numbers them
    /// and in which an answer's items are reported.
    pub fn items(&self) -> impl Iterator<Item = (&str, Account<&str>)> {
        self.entries.as_slice().iter().flat_map(|entry| {
            let accounts: &[Name] = match &entry.accounts {
                Accounts::Whole => &[],
                Accounts::Listed(accounts) => accounts.as_slice(),
            };
            let whole = accounts.is_empty().then_some(Account::Whole);
            let named = accounts.iter().map(|account| Account::Named(account.as_str()));
            whole.into_iter().chain(named).map(|account| (entry.target.as_str(), account))
        })
    }
}

/// The status of a row.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The API said OK.
    Revoked,
    /// The API says that it was revoked before.
    AlreadyAbsent,
    /// The API knows no such object: gone, or a typo.
    NotFound,
    /// The API refused this item, or a request that held it alone.
    Failed,
    /// It may have been applied: nothing trustworthy says which.
    Unknown,
    /// Never sent: the row is wrong.
    Invalid,
    /// Never sent: the row is guarded.
    Protected,
    /// Known not to be applied, and not refused for itself.
    Unprocessed,
}

impl Status {
    /// All of them, in the order in which summaries list them.
    pub const ALL: [Self; 8] = [
        Self::Revoked,
        Self::AlreadyAbsent,
        Self::NotFound,
        Self::Failed,
        Self::Unknown,
        Self::Invalid,
        Self::Protected,
        Self::Unprocessed,
    ];

    /// The word in the outcome's `status` column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::AlreadyAbsent => "already_absent",
            Self::NotFound => "not_found",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Invalid => "invalid",
            Self::Protected => "protected",
            Self::Unprocessed => "unprocessed",
        }
    }

    /// Whether the access named is known to be gone.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Revoked | Self::AlreadyAbsent)
    }
}

impl std::str::FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.name() == word).ok_or(UnknownStatus)
    }
}

/// A word that is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected revoked, already_absent, not_found, failed, unknown, invalid, protected or \
     unprocessed"
)]
pub struct UnknownStatus;

/// The columns of an outcome behind the input's own.
pub const OUTCOME_COLUMNS: [&str; 7] = [
    STATUS_COLUMN,
    "code",
    MESSAGE_COLUMN,
    "request_id",
    "attempts",
    "finished_at",
    "duplicate_of",
];

/// The columns of an outcome, between the input's own and [`OUTCOME_COLUMNS`], that hold the ids of
/// names. Only the outcome of a list with names has them.
pub const RESOLVED_COLUMNS: [&str; 3] = ["resolved_user", "resolved_target", "resolved_account"];

/// What every message of a rehearsal begins with, so that its outcome is never taken for real.
pub const REHEARSAL: &str = "rehearsal:";

/// The column of an outcome that says more than its code.
pub const MESSAGE_COLUMN: &str = "message";

/// The column of an outcome that says what became of a row.
pub const STATUS_COLUMN: &str = "status";

/// The column of an outcome for spreadsheets: in a row that holds [`TEXT_MARK`] there, every cell
/// that begins with that sign has it in front only so that a spreadsheet takes it for text.
///
/// A tool that drops the sign from other cells drops it here too, so that nothing is taken away
/// twice.
pub const TEXT_MARK_COLUMN: &str = "text_mark";

/// What stands before a cell that a spreadsheet must take for text.
pub const TEXT_MARK: char = '\'';

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(target: &str) -> Entry {
        Entry { target: target.into(), accounts: Accounts::Whole }
    }

    #[test]
    fn a_list_is_never_empty_and_never_over_ten() {
        assert_eq!(UpToTen::<u8>::new(vec![]), Err(ListError::Empty));
        assert!(UpToTen::new(vec![0; 10]).is_ok());
        assert_eq!(UpToTen::new(vec![0; 11]), Err(ListError::TooLong(11)));
    }

    #[test]
    fn a_request_names_no_target_twice() {
        assert!(Entries::new(vec![entry("1"), entry("2")]).is_ok());
        assert_eq!(Entries::new(vec![entry("1"), entry("1")]), Err(ListError::Repeated));
    }

    #[test]
    fn every_operation_is_found_by_its_name_and_place() {
        for (at, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(Operation::from_name(operation.name()), Some(operation));
            assert_eq!(operation.index(), at);
        }
    }
}
