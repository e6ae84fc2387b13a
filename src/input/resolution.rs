//! Names in place of ids: what has to be looked up, and the answers.
//!
//! The reader does not look anything up. A row with a name whose answer is not in its
//! [`Resolutions`] comes back as [`super::RowContent::Unresolved`] with its [`NameQuery`]s;
//! `crate::resolve` answers them, and a further pass with these answers gives the grants. The answers
//! are stored with the run, so that the outcome and a resume use the same ids.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::problem_kind::ProblemKind;

/// A sort of object that has names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A user.
    User,
    /// A user group.
    UserGroup,
    /// A host.
    Host,
    /// A host group.
    HostGroup,
    /// A database.
    Database,
    /// An account on the host [`NameQuery::parent_id`].
    HostAccount,
    /// An account on the database [`NameQuery::parent_id`].
    DatabaseAccount,
}

impl ObjectKind {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::UserGroup => "user group",
            Self::Host => "host",
            Self::HostGroup => "host group",
            Self::Database => "database",
            Self::HostAccount => "account on the host",
            Self::DatabaseAccount => "account on the database",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The property that a name is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameKind {
    /// The login name of a user; the name of any other object.
    Name,
    /// The display name of a user.
    DisplayName,
    /// The private or public address of a host, the address of a database.
    Address,
}

/// One distinct name to look up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NameQuery {
    /// The bastion host; empty if neither the row nor the settings name one.
    pub instance_id: String,
    /// Its region.
    pub region: String,
    /// What is looked up.
    pub object: ObjectKind,
    /// The host or database of an account; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parent_id: String,
    /// The property.
    pub by: NameKind,
    /// Its value, without the blanks around it. The comparison is exact.
    pub text: String,
    /// The protocol of an account, for two accounts of one name; empty if the row gives none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub protocol: String,
}

impl fmt::Display for NameQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            NameKind::Name => "the name",
            NameKind::DisplayName => "the display name",
            NameKind::Address => "the address",
        };
        write!(f, "{}", self.object)?;
        if !self.parent_id.is_empty() {
            write!(f, " {}", super::shown(&self.parent_id))?;
        }
        write!(f, " with {by} \"{}\"", super::shown(&self.text))?;
        if !self.protocol.is_empty() {
            write!(f, " and the protocol {}", super::shown(&self.protocol))?;
        }
        Ok(())
    }
}

/// The answer to a [`NameQuery`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Exactly one object has the name, in a complete listing.
    Id(String),
    /// No object has it, in a complete listing. The text is what to do.
    Unknown(String),
    /// Several objects have it. The text names the candidates and what to do.
    Ambiguous(String),
    /// The listing is incomplete or could not be read. The text says why.
    NotChecked(String),
}

impl Resolution {
    /// The id, or the problem of the row and its remedy.
    pub(super) fn id(&self) -> Result<&str, (ProblemKind, &str)> {
        match self {
            Self::Id(id) => Ok(id),
            Self::Unknown(remedy) => Err((ProblemKind::UnknownName, remedy)),
            Self::Ambiguous(remedy) => Err((ProblemKind::AmbiguousName, remedy)),
            Self::NotChecked(remedy) => Err((ProblemKind::NameNotChecked, remedy)),
        }
    }
}

/// The answers of a run, by query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(NameQuery, Resolution)>", into = "Vec<(NameQuery, Resolution)>")]
pub struct Resolutions(BTreeMap<NameQuery, Resolution>);

impl Resolutions {
    /// The answer to a query, if there is one.
    pub fn get(&self, query: &NameQuery) -> Option<&Resolution> {
        self.0.get(query)
    }

    /// Records an answer.
    pub fn insert(&mut self, query: NameQuery, resolution: Resolution) {
        self.0.insert(query, resolution);
    }

    /// How many names have been looked up.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none has been looked up.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All answers, in the order of the queries.
    pub fn iter(&self) -> impl Iterator<Item = (&NameQuery, &Resolution)> {
        self.0.iter()
    }
}

impl From<Vec<(NameQuery, Resolution)>> for Resolutions {
    fn from(answers: Vec<(NameQuery, Resolution)>) -> Self {
        Self(answers.into_iter().collect())
    }
}

impl From<Resolutions> for Vec<(NameQuery, Resolution)> {
    fn from(resolutions: Resolutions) -> Self {
        resolutions.0.into_iter().collect()
    }
}

/// The known answers, and the queries of a row that have none.
pub(super) struct NameLookup<'a, 'q> {
    pub(super) known: &'a Resolutions,
    pub(super) instance_id: &'a str,
    pub(super) region: &'a str,
    pub(super) queries: &'q mut Vec<NameQuery>,
}
