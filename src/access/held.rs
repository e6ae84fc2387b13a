//! What users and user groups hold on the targets of a job: the data of a snapshot, and of what is
//! compared with one.

use crate::api::caller::Caller;
use crate::api::reading::{
    GrantedAccount, GrantedTarget, Listing, ReadError, Reader, projects_to_read,
};
use crate::api::transport::Transport;
use crate::model::{Grant, Grantee, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A target as granted to one user or user group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetKey {
    /// The bastion host.
    pub instance_id: String,
    /// The region of that instance.
    pub region: String,
    /// The user or user group.
    pub grantee: Grantee,
    /// The kind of the target.
    pub kind: Kind,
    /// The id of the target.
    pub target: String,
}

impl TargetKey {
    /// The target that a grant is on.
    pub fn of(grant: &Grant<'_>) -> Self {
        Self {
            instance_id: grant.instance_id.to_owned(),
            region: grant.region.to_owned(),
            grantee: Grantee { kind: grant.grantee.kind, id: grant.grantee.id.to_owned() },
            kind: grant.kind,
            target: grant.target.to_owned(),
        }
    }
}

/// What the lists of the API show about one target. They may hold inherited grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTarget {
    /// The target, and who holds it.
    pub key: TargetKey,
    /// Whether the target is listed as granted; `None`: not known.
    pub is_granted: Option<bool>,
    /// The authorized accounts that were read: ids, or names for a host group.
    pub accounts: BTreeSet<String>,
    /// Why something may be missing, if so.
    pub reason: Option<String>,
}

/// The targets of one kind on which the grants of one user or user group are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldScope {
    /// The bastion host.
    pub instance_id: String,
    /// The region of that instance.
    pub region: String,
    /// The user or user group.
    pub grantee: Grantee,
    /// The kind of the targets.
    pub kind: Kind,
    /// The targets, and for each whether its accounts are read, too.
    pub targets: BTreeMap<String, bool>,
}

impl HeldScope {
    /// The targets, each with whether its accounts are read, too.
    pub fn keys(&self) -> impl Iterator<Item = (TargetKey, bool)> {
        self.targets.iter().map(|(target, reads_accounts)| {
            let key = TargetKey {
                instance_id: self.instance_id.clone(),
                region: self.region.clone(),
                grantee: self.grantee.clone(),
                kind: self.kind,
                target: target.clone(),
            };
            (key, *reads_accounts)
        })
    }
}

/// The calls that reading takes, if there is one project and each list fits on one page: one for the
/// projects of each instance, one for each user or user group and kind, and one for each target
/// whose accounts are read.
pub fn calls(scopes: &[HeldScope]) -> usize {
    let instances: BTreeSet<&str> = scopes.iter().map(|scope| scope.instance_id.as_str()).collect();
    let accounts = scopes.iter().flat_map(|scope| scope.targets.values());
    instances.len() + scopes.len() + accounts.filter(|reads_accounts| **reads_accounts).count()
}

/// Reads what is held on these targets, with the fewest calls. Every target has an entry.
///
/// # Errors
///
/// The keys are refused. Anything else that cannot be read is part of the result.
pub async fn read_held<T: Transport>(
    caller: &Arc<Caller<T>>,
    mut scopes: Vec<HeldScope>,
) -> Result<Vec<HeldTarget>, ReadError> {
    let mut all = Vec::new();
    scopes.sort_by(|a, b| (&a.instance_id, &a.region).cmp(&(&b.instance_id, &b.region)));
    let is_same =
        |a: &HeldScope, b: &HeldScope| (&a.instance_id, &a.region) == (&b.instance_id, &b.region);
    for of_instance in scopes.chunk_by(is_same) {
        let Some(first) = of_instance.first() else { continue };
        let reader = Reader::new(Arc::clone(caller), &first.instance_id, &first.region);
        let projects = reader.projects().await?;
        if let Some(reason) = projects.reason() {
            tracing::warn!("targets in other projects may be missing in lists: {reason}");
        }
        let reader = reader.in_projects(projects_to_read(&projects));
        let read = |reader: Reader<T>, scope: HeldScope| async move {
            let listing = reader.granted_targets(&scope.grantee, scope.kind).await?;
            Ok::<_, ReadError>(listed(&scope, &listing))
        };
        let targets = reader.read_all(of_instance.to_vec(), read).await?;
        let read = |reader: Reader<T>, (mut held, reads_accounts): (HeldTarget, bool)| async move {
            if reads_accounts && held.is_granted == Some(true) {
                let TargetKey { grantee, kind, target, .. } = &held.key;
                let accounts = reader.granted_accounts(grantee, *kind, target).await?;
                held.add_accounts(&accounts);
            }
            Ok::<_, ReadError>(held)
        };
        all.extend(reader.read_all(targets.into_iter().flatten().collect(), read).await?);
    }
    Ok(all)
}

/// The targets of a scope, by the list of all targets, and whether the accounts of each are read.
fn listed(scope: &HeldScope, listing: &Listing<GrantedTarget>) -> Vec<(HeldTarget, bool)> {
    let granted: BTreeSet<&str> = listing.items().iter().map(|item| item.id.as_str()).collect();
    let held = |(key, reads_accounts): (TargetKey, bool)| {
        let is_listed = granted.contains(key.target.as_str());
        let is_granted = (is_listed || listing.complete().is_some()).then_some(is_listed);
        let reason = listing.reason().filter(|_| is_granted.is_none()).map(str::to_owned);
        (HeldTarget { key, is_granted, accounts: BTreeSet::new(), reason }, reads_accounts)
    };
    scope.keys().map(held).collect()
}

impl HeldTarget {
    /// Adds the authorized accounts of a listing. An account that the listing does not call
    /// authorized or not makes it incomplete.
    fn add_accounts(&mut self, listing: &Listing<GrantedAccount>) {
        let items = listing.items();
        let authorized = items.iter().filter(|account| account.is_authorized == Some(true));
        self.accounts.extend(authorized.map(|account| account.id.clone()));
        let unclear = items.iter().find(|account| account.is_authorized.is_none());
        self.reason = listing.reason().map(str::to_owned).or_else(|| {
            unclear.map(|account| format!("account {}: IsAuthorized cannot be read", account.id))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GranteeKind;

    fn scope(targets: &[&str]) -> HeldScope {
        HeldScope {
            instance_id: "i".to_owned(),
            region: "r".to_owned(),
            grantee: Grantee { kind: GranteeKind::User, id: "7".to_owned() },
            kind: Kind::Host,
            targets: targets.iter().map(|target| ((*target).to_owned(), true)).collect(),
        }
    }

    fn target(id: &str) -> GrantedTarget {
        GrantedTarget {
            kind: Kind::Host,
            id: id.to_owned(),
            name: String::new(),
            private_address: String::new(),
            public_address: String::new(),
            project_id: String::new(),
        }
    }

    #[test]
    fn only_a_complete_list_says_that_a_target_is_not_granted() {
        let complete = listed(&scope(&["1", "2"]), &Listing::Complete(vec![target("1")]));
        let is_granted = |listed: &[(HeldTarget, bool)]| -> Vec<Option<bool>> {
            listed.iter().map(|(held, _)| held.is_granted).collect()
        };
        assert_eq!(is_granted(&complete), [Some(true), Some(false)]);
        let (items, reason) = (vec![target("1")], "page 2 is empty".to_owned());
        let incomplete = listed(&scope(&["1", "2"]), &Listing::Incomplete { items, reason });
        assert_eq!(is_granted(&incomplete), [Some(true), None]);
        assert_eq!(incomplete[0].0.reason, None);
        assert_eq!(incomplete[1].0.reason.as_deref(), Some("page 2 is empty"));
        let unread = listed(&scope(&["1"]), &Listing::NotChecked("NoPermission".to_owned()));
        assert_eq!(is_granted(&unread), [None]);
    }

    #[test]
    fn one_call_is_counted_for_each_list() {
        let mut two = vec![scope(&["1", "2", "3"]), scope(&["4"])];
        assert_eq!(calls(&two), 7);
        two[1].targets.insert("4".to_owned(), false);
        assert_eq!(calls(&two), 6);
    }
}
