//! Reads what users reach, and what else could give them access.

use super::step::{OnStep, Step};
use crate::api::reading::{
    GrantedAccount, GrantedTarget, Listing, Lookup, Membership, Project, PublicKey, ReadError,
    Reader, Rule, RuleDetail, User, UserFilter, projects_to_read,
};
use crate::api::transport::Transport;
use crate::model::{Grantee, GranteeKind, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of targets, in the order of the list.
pub(super) const KINDS: [Kind; 3] = [Kind::Host, Kind::HostGroup, Kind::Database];

/// What a list of grants names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Each target as a whole.
    Whole,
    /// Each target as a whole, and each authorized account on it. One call more for each target.
    Accounts,
}

/// What one user reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAccess {
    /// The id.
    pub id: String,
    /// The user. An unknown user may have empty lists, so that they mean nothing then.
    pub user: Lookup<User>,
    /// The targets in the user's lists, by kind. Whether these lists hold inherited grants is not
    /// documented.
    pub targets: Vec<Listing<GrantedTarget>>,
    /// The accounts on each of the targets, if they were read.
    pub accounts: BTreeMap<(Kind, String), Listing<GrantedAccount>>,
    /// The user groups.
    pub memberships: Listing<Membership>,
    /// The public keys.
    pub public_keys: Listing<PublicKey>,
}

impl UserAccess {
    /// All targets that were read.
    pub fn all_targets(&self) -> impl Iterator<Item = &GrantedTarget> {
        self.targets.iter().flat_map(Listing::items)
    }
}

/// What one user group reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupAccess {
    /// The targets in the group's lists, by kind.
    pub targets: Vec<Listing<GrantedTarget>>,
}

/// An authorization rule with its members and targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleAccess {
    /// Its state and dates.
    pub rule: Rule,
    /// Its members and targets.
    pub detail: Lookup<RuleDetail>,
}

/// Everything that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The users that were asked for.
    pub users: Vec<UserAccess>,
    /// Their user groups, by id.
    pub groups: BTreeMap<String, GroupAccess>,
    /// All authorization rules of the instance, and why some may be missing.
    pub rules: (Vec<RuleAccess>, Option<String>),
    /// All users of the instance, to find other users of the same person.
    pub all_users: Listing<User>,
    /// The projects of the instance.
    pub projects: Listing<Project>,
}

/// Users that are read at the same time: enough to keep the rate, and few enough that the number of
/// users done shows the progress.
pub(super) const USERS_AT_ONCE: usize = 8;
impl Survey {
    /// A survey of nothing, to which routes can be added.
    pub(super) fn empty() -> Self {
        let not_read = || "not read".to_owned();
        Self {
            users: Vec::new(),
            groups: BTreeMap::new(),
            rules: (Vec::new(), Some(RULES_NOT_READ.to_owned())),
            all_users: Listing::NotChecked(not_read()),
            projects: Listing::NotChecked(not_read()),
        }
    }
}

/// Reads what these users reach. The reader bounds the rate and the calls in flight.
///
/// # Errors
///
/// The keys are refused. Anything else that cannot be read is part of the result.
pub async fn survey<T: Transport>(
    reader: &Reader<T>,
    user_ids: Vec<String>,
    scope: Scope,
    on_step: OnStep<'_>,
) -> Result<Survey, ReadError> {
    let read = move |reader: Reader<T>, id: String| async move { user(&reader, id, scope).await };
    let projects = reader.projects().await?;
    let reader = &reader.clone().in_projects(projects_to_read(&projects));
    let (all_rules, all_users) =
        tokio::try_join!(reader.rules(), reader.users(UserFilter::default()))?;
    let rule_count = all_rules.items().len();
    let calls_after = rule_count as u64;
    let total = user_ids.len();
    let on_user = |done| on_step(Step { what: "users", done, total, calls_after });
    let users = reader.read_each(user_ids, USERS_AT_ONCE, read, on_user).await?;
    let groups = groups(reader, &users, |done, total| {
        on_step(Step { what: "user groups", done, total, calls_after });
    })
    .await?;
    let on_rule = |done| on_step(Step { what: "rules", done, total: rule_count, calls_after: 0 });
    let rules = rules(reader, all_rules, on_rule).await?;
    Ok(Survey { users, groups, rules, all_users, projects })
}

/// Adds what may explain grants of these users and of any user group: the user groups and the
/// authorization rules. What was read before is not read again.
pub(super) async fn add_routes<T: Transport>(
    survey: &mut Survey,
    reader: &Reader<T>,
    user_ids: Vec<String>,
) -> Result<(), ReadError> {
    let is_new = |id: &String| survey.users.iter().all(|user| user.id != *id);
    let user_ids: Vec<String> = user_ids.into_iter().filter(is_new).collect();
    let read = |reader: Reader<T>, id: String| async move {
        let memberships = reader.memberships(&id).await?;
        let not_read = || "not read".to_owned();
        Ok::<_, ReadError>(UserAccess {
            id,
            user: Lookup::NotChecked(not_read()),
            targets: Vec::new(),
            accounts: BTreeMap::new(),
            memberships,
            public_keys: Listing::NotChecked(not_read()),
        })
    };
    let users = reader.read_all(user_ids, read).await?;
    let mut new = groups(reader, &users, |_, _| {}).await?;
    survey.users.extend(users);
    survey.groups.append(&mut new);
    if survey.rules.1.as_deref() == Some(RULES_NOT_READ) {
        let all = reader.rules().await?;
        survey.rules = rules(reader, all, |_| {}).await?;
    }
    Ok(())
}

/// Why there are no rules in a survey that has not needed them.
const RULES_NOT_READ: &str = "not read";

/// What the user groups of these users reach.
async fn groups<T: Transport>(
    reader: &Reader<T>,
    users: &[UserAccess],
    mut on_step: impl FnMut(usize, usize),
) -> Result<BTreeMap<String, GroupAccess>, ReadError> {
    let memberships = users.iter().flat_map(|user| user.memberships.items());
    let ids: BTreeSet<String> = memberships.map(|one| one.group_id.clone()).collect();
    let read = |reader: Reader<T>, id: String| async move {
        let targets = targets(&reader, GranteeKind::UserGroup, &id).await?;
        Ok::<_, ReadError>((id, GroupAccess { targets }))
    };
    let total = ids.len();
    let read_one = |done| on_step(done, total);
    let groups = reader.read_each(ids.into_iter().collect(), USERS_AT_ONCE, read, read_one).await?;
    Ok(groups.into_iter().collect())
}

async fn user<T: Transport>(
    reader: &Reader<T>,
    id: String,
    scope: Scope,
) -> Result<UserAccess, ReadError> {
    let user = reader.user(&id).await?;
    if user == Lookup::NotFound {
        let reason = || "the user does not exist".to_owned();
        return Ok(UserAccess {
            id,
            user,
            targets: Vec::new(),
            accounts: BTreeMap::new(),
            memberships: Listing::NotChecked(reason()),
            public_keys: Listing::NotChecked(reason()),
        });
    }
    let (targets, memberships, public_keys) = tokio::try_join!(
        targets(reader, GranteeKind::User, &id),
        reader.memberships(&id),
        reader.public_keys(&id),
    )?;
    let mut accounts = BTreeMap::new();
    if scope == Scope::Accounts {
        let all = targets.iter().flat_map(Listing::items);
        let all: Vec<_> = all.map(|target| (target.kind, target.id.clone())).collect();
        let read = |reader: Reader<T>, (kind, target): (Kind, String)| {
            let grantee = Grantee { kind: GranteeKind::User, id: id.clone() };
            async move {
                let accounts = reader.granted_accounts(&grantee, kind, &target).await?;
                Ok::<_, ReadError>(((kind, target), accounts))
            }
        };
        accounts.extend(reader.read_all(all, read).await?);
    }
    Ok(UserAccess { id, user, targets, accounts, memberships, public_keys })
}

async fn targets<T: Transport>(
    reader: &Reader<T>,
    kind: GranteeKind,
    id: &str,
) -> Result<Vec<Listing<GrantedTarget>>, ReadError> {
    let grantee = Grantee { kind, id: id.to_owned() };
    let mut all = Vec::new();
    for kind in KINDS {
        all.push(reader.granted_targets(&grantee, kind).await?);
    }
    Ok(all)
}

pub(super) async fn rules<T: Transport>(
    reader: &Reader<T>,
    rules: Listing<Rule>,
    on_rule: impl FnMut(usize),
) -> Result<(Vec<RuleAccess>, Option<String>), ReadError> {
    let read = |reader: Reader<T>, rule: Rule| async move {
        let detail = reader.rule(&rule.id).await?;
        Ok::<_, ReadError>(RuleAccess { rule, detail })
    };
    let all = reader.read_each(rules.items().to_vec(), usize::MAX, read, on_rule).await?;
    Ok((all, rules.reason().map(str::to_owned)))
}
