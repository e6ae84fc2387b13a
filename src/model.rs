//! The shared vocabulary: what is revoked, from whom, and with what result.
//!
//! All types are plain data, and a wrong request can't be represented: a list of accounts can't be
//! empty or longer than ten, a request can't name a target twice, and "the whole target" is a value
//! of its own that no missing field can turn into.

mod operation;

pub use operation::{Action, Operation};

use std::fmt;

/// Targets in one request, and accounts under one target: at most ten each.
///
/// Source: the pages of the three `Detach...AccountsFromUser` operations ("up to 10 host IDs and
/// up to 10 host account IDs for each host"); for databases the ten targets are only in the
/// API's metadata.
pub const MAX_PER_LIST: usize = 10;

/// What a user was given access to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
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

/// Who loses access: one user, or a user group.
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

/// The holder of a grant. `S` is `&str` in rows and `String` in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grantee<S = String> {
    /// A user or a user group.
    pub kind: GranteeKind,
    /// Its opaque id.
    pub id: S,
}

/// One account on a target, or the whole target.
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
    /// The bastion host; empty if neither the row nor the settings name one.
    pub instance_id: &'a str,
    /// The region of that instance.
    pub region: &'a str,
    /// Who holds the grant.
    pub grantee: Grantee<&'a str>,
    /// The kind of the target.
    pub kind: Kind,
    /// The id of the target.
    pub target: &'a str,
    /// The account, or the whole target.
    pub account: Account<&'a str>,
}

/// A list with one to ten elements.
///
/// An empty account list would mean "the whole target" to the API. This type is the only way to
/// represent a list in a request: promise 2, *no widening*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpToTen<T>(Vec<T>);

/// Why a list could not become an [`UpToTen`] or an [`Entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It was empty.
    #[error("an empty list would mean everything to the API")]
    Empty,
    /// It had more than ten elements.
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

    /// The values; at least one.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

/// An id or a name. Short ones, which are nearly all, are stored inline: a request holds more than
/// a hundred.
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
    /// Its accounts, or all of it.
    pub accounts: Accounts,
}

impl Entry {
    /// The number of grants in this entry: 1 for a whole target, else its accounts.
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

    /// The entries, in sending order.
    pub fn as_slice(&self) -> &[Entry] {
        self.0.as_slice()
    }
}

/// One call of the API; it can be sent any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whether its grants are revoked or granted.
    pub action: Action,
    /// The bastion host.
    pub instance_id: String,
    /// The region of that instance.
    pub region: String,
    /// Who loses or gets access.
    pub grantee: Grantee,
    /// The kind of all its targets.
    pub kind: Kind,
    /// What is revoked or granted.
    pub entries: Entries,
}

impl Request {
    /// The operation of the request.
    pub fn operation(&self) -> Operation {
        Operation { action: self.action, kind: self.kind, from: self.grantee.kind }
    }

    /// The number of grants it names, 1 to 100.
    pub fn grants(&self) -> usize {
        self.entries.as_slice().iter().map(Entry::grants).sum()
    }

    /// Its grants as (target, account), entry by entry: the order in which a plan numbers them and
    /// in which the items of an answer are reported.
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
    /// The API reported success.
    Revoked,
    /// The API reported that it was revoked before.
    AlreadyAbsent,
    /// The API found no such object: it was deleted, or the id is mistyped.
    NotFound,
    /// The API refused this item, or a request that contained only this item.
    Failed,
    /// It may have been applied; no trustworthy answer says which.
    Unknown,
    /// Never sent: the row is wrong.
    Invalid,
    /// Never sent: the row is protected.
    Protected,
    /// Known not to be applied, and not refused for itself.
    Unprocessed,
    /// The API granted it again.
    Restored,
    /// The API says that it is granted.
    AlreadyPresent,
}

impl Status {
    /// All statuses, in the order of summaries.
    pub const ALL: [Self; 10] = [
        Self::Revoked,
        Self::AlreadyAbsent,
        Self::NotFound,
        Self::Failed,
        Self::Unknown,
        Self::Invalid,
        Self::Protected,
        Self::Unprocessed,
        Self::Restored,
        Self::AlreadyPresent,
    ];

    /// The value in the outcome's `status` column.
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
            Self::Restored => "restored",
            Self::AlreadyPresent => "already_present",
        }
    }

    /// Whether the access is known to be gone.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Revoked | Self::AlreadyAbsent)
    }

    /// Whether the API applied it, in this attempt.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Revoked | Self::Restored)
    }

    /// Whether it is as the job wants it.
    pub fn is_success(self) -> bool {
        self.is_gone() || matches!(self, Self::Restored | Self::AlreadyPresent)
    }
}

impl std::str::FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.name() == word).ok_or(UnknownStatus)
    }
}

/// Not the name of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected revoked, already_absent, not_found, failed, unknown, invalid, protected, \
     unprocessed, restored or already_present"
)]
pub struct UnknownStatus;

/// The columns of an outcome after the input's own.
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

/// The columns that `verify` adds behind all others of an outcome.
pub const VERIFIED_COLUMNS: [&str; 3] = ["verified", "verified_at", "verified_note"];

/// The columns of a restore's outcome, before [`OUTCOME_COLUMNS`], that say whether the lists show
/// the grant, and when they were read.
pub const CONFIRMED_COLUMNS: [&str; 2] = ["confirmed", "confirmed_at"];

/// The start of every message of a rehearsal, which distinguishes its outcome from a real one.
pub const REHEARSAL: &str = "rehearsal:";

/// The column of an outcome that explains its code.
pub const MESSAGE_COLUMN: &str = "message";

/// The column of an outcome with the status of a row.
pub const STATUS_COLUMN: &str = "status";

/// The column of an outcome for spreadsheets. If a row has [`TEXT_MARK`] in this column, every cell
/// of the row that starts with this sign has it only to make a spreadsheet treat the cell as text.
///
/// A tool that removes the sign from other cells removes it here too, so it is not removed twice.
pub const TEXT_MARK_COLUMN: &str = "text_mark";

/// Precedes a cell that a spreadsheet must treat as text.
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
}
