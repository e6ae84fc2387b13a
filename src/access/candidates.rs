//! Whom `who` asks about a target, and what that costs.

use super::target_access::Unread;
use crate::api::reading::{
    HostGroup, Listing, Project, ReadError, Reader, Rule, User, UserFilter, UserGroup,
};
use crate::api::transport::Transport;
use crate::model::Kind;

/// Who may have a grant on a target, and what else may give access to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// The users of the instance.
    pub users: Listing<User>,
    /// Its user groups.
    pub user_groups: Listing<UserGroup>,
    /// Its authorization rules.
    pub rules: Listing<Rule>,
    /// Its host groups, which may contain the target; none for a host group.
    pub host_groups: Listing<HostGroup>,
    /// Its projects.
    pub projects: Listing<Project>,
}

/// Reads the candidates: a few lists.
///
/// # Errors
///
/// The keys are refused. Anything else that cannot be read is part of the result.
pub async fn candidates<T: Transport>(
    reader: &Reader<T>,
    kind: Kind,
    projects: Listing<Project>,
) -> Result<Candidates, ReadError> {
    let host_groups = async {
        match kind {
            Kind::HostGroup => Ok(Listing::Complete(Vec::new())),
            Kind::Host | Kind::Database => reader.host_groups("").await,
        }
    };
    let (users, user_groups, rules, host_groups) = tokio::try_join!(
        reader.users(UserFilter::default()),
        reader.user_groups(""),
        reader.rules(),
        host_groups,
    )?;
    Ok(Candidates { users, user_groups, rules, host_groups, projects })
}

/// The fewest calls that a reading takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Users whose list is read.
    pub users: usize,
    /// User groups whose list is read.
    pub user_groups: usize,
    /// Rules that are read.
    pub rules: usize,
    /// Host groups whose members are read.
    pub host_groups: usize,
    /// Calls for each of the lists: one, and one for each further project.
    pub calls_each: usize,
}

impl Cost {
    /// The cost of asking these candidates, with that many projects to read by themselves.
    pub fn of(candidates: &Candidates, projects: usize) -> Self {
        Self {
            users: candidates.users.items().len(),
            user_groups: candidates.user_groups.items().len(),
            rules: candidates.rules.items().len(),
            host_groups: candidates.host_groups.items().len(),
            calls_each: 1 + projects,
        }
    }

    /// Calls at least. The members of user groups, the accounts and further pages come on top.
    pub fn calls(&self) -> u64 {
        let lists = self.users + self.user_groups + self.host_groups;
        (lists * self.calls_each + self.rules) as u64
    }
}

impl Candidates {
    /// What is missing from these lists.
    pub(super) fn unread(&self) -> Vec<Unread> {
        let reasons = [
            ("users", self.users.reason()),
            ("user groups", self.user_groups.reason()),
            ("authorization rules", self.rules.reason()),
            ("host groups", self.host_groups.reason()),
            ("projects besides the default one", self.projects.reason()),
        ];
        let unread = reasons.into_iter().filter_map(|(what, reason)| {
            Some(Unread { what, id: String::new(), reason: reason?.to_owned() })
        });
        unread.collect()
    }
}
