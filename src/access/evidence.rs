//! Reads grants back: the listings that show whether they exist, and what else explains them.
//!
//! Reads one listing per grantee and kind of target, and the accounts only of targets with account
//! rows. [`Evidence::explain`] reads routes for what is still listed. [`super::verify`] decides.

use super::indirect::{Named, Principal, RuleState, rules_of};
use super::step::{OnStep, Step};
use super::survey::{KINDS, Scope, Survey, USERS_AT_ONCE, add_routes, survey};
use crate::api::reading::{
    GrantedAccount, GrantedTarget, Listing, Lookup, ReadError, Reader, RuleDetail, projects_to_read,
};
use crate::api::transport::Transport;
use crate::clock::WallClock;
use crate::model::{Grantee, GranteeKind, Kind};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A user or user group with its id.
pub type GranteeKey = (GranteeKind, String);

/// A target with its id.
pub type TargetId = (Kind, String);

/// Which grants on a target are verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claim {
    /// The target as a whole.
    pub whole: bool,
    /// Accounts on it.
    pub accounts: bool,
}

/// The grants of one instance that are verified.
pub type Claims = BTreeMap<GranteeKey, BTreeMap<TargetId, Claim>>;

/// What was read of one user or user group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GranteeEvidence {
    /// Why the grantee's lists mean nothing: it does not exist, or could not be read.
    pub unusable: Option<String>,
    /// The targets, of the kinds that are verified.
    pub targets: BTreeMap<Kind, Listing<GrantedTarget>>,
    /// The accounts of the targets with account rows.
    pub accounts: BTreeMap<TargetId, Listing<GrantedAccount>>,
    /// When these lists were read.
    pub read_at: Timestamp,
    /// When targets were read again.
    pub again_at: BTreeMap<TargetId, Timestamp>,
}

impl GranteeEvidence {
    /// When what is known of a target was read.
    pub fn read_at(&self, target: &TargetId) -> Timestamp {
        self.again_at.get(target).copied().unwrap_or(self.read_at)
    }

    /// Whether a list that was read has the target.
    pub(super) fn lists(&self, target: &TargetId) -> bool {
        let items = self.targets.get(&target.0).map(Listing::items).unwrap_or_default();
        items.iter().any(|one| one.id == target.1)
    }
}

/// Everything that was read of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// By grantee.
    pub grantees: BTreeMap<GranteeKey, GranteeEvidence>,
    /// The routes of users: of all for residual access, else of those with something listed.
    pub survey: Survey,
    /// The accounts of other grantees on targets, which may explain a listed account.
    pub(super) other_accounts: BTreeMap<(GranteeKey, TargetId), Listing<GrantedAccount>>,
}

/// One route that may explain a listed grant.
pub(super) struct Source<'a> {
    /// Its name for people, such as `user group 3`.
    pub(super) route: String,
    pub(super) holder: Holder<'a>,
}

/// Who or what grants by a route.
pub(super) enum Holder<'a> {
    /// This user group.
    Group(GranteeKey),
    Rule(&'a RuleDetail),
}

/// Reads everything that the claims need. With `residual` the routes of every user are read, too.
///
/// # Errors
///
/// The keys are refused. Anything else that cannot be read is part of the result.
pub async fn evidence<T: Transport>(
    reader: &Reader<T>,
    claims: &Claims,
    residual: bool,
    clock: &Arc<dyn WallClock>,
    on_step: OnStep<'_>,
) -> Result<Evidence, ReadError> {
    let users = || claims.keys().filter(|(kind, _)| *kind == GranteeKind::User);
    let survey = if residual {
        let ids = users().map(|(_, id)| id.clone()).collect();
        survey(reader, ids, Scope::Whole, on_step).await?
    } else {
        Survey { projects: reader.projects().await?, ..Survey::empty() }
    };
    let reader = &reader.clone().in_projects(projects_to_read(&survey.projects));
    let inputs = claims.iter().map(|(key, claims)| (key.clone(), claims.clone()));
    let inputs = inputs.map(|(key, claims)| {
        let known = Some(&survey).filter(|_| key.0 == GranteeKind::User);
        let known = known.and_then(|all| all.users.iter().find(|user| user.id == key.1));
        let known = known.map(|user| (user.user.clone(), user.targets.clone()));
        (key, claims, known)
    });
    let read = |reader: Reader<T>, (key, claims, known): (GranteeKey, _, _)| {
        let clock = Arc::clone(clock);
        async move {
            let one = grantee(&reader, &key, &claims, known, &*clock).await?;
            Ok::<_, ReadError>((key, one))
        }
    };
    let total = claims.len();
    let what = "users and user groups";
    let on_done = |done| on_step(Step { what, done, total, calls_after: 0 });
    let grantees = reader.read_each(inputs.collect(), USERS_AT_ONCE, read, on_done).await?;
    let grantees = grantees.into_iter().collect();
    Ok(Evidence { grantees, survey, other_accounts: BTreeMap::new() })
}

type Known = Option<(Lookup<crate::api::reading::User>, Vec<Listing<GrantedTarget>>)>;

async fn grantee<T: Transport>(
    reader: &Reader<T>,
    key: &GranteeKey,
    claims: &BTreeMap<TargetId, Claim>,
    known: Known,
    clock: &dyn WallClock,
) -> Result<GranteeEvidence, ReadError> {
    let mut one = GranteeEvidence {
        unusable: None,
        targets: BTreeMap::new(),
        accounts: BTreeMap::new(),
        read_at: clock.now(),
        again_at: BTreeMap::new(),
    };
    if key.0 == GranteeKind::User {
        let user = match &known {
            Some((user, _)) => user.clone(),
            None => reader.user(&key.1).await?,
        };
        one.unusable = match user {
            Lookup::Found(_) => None,
            Lookup::NotFound => Some(format!(
                "the service has no user {}: it was deleted, or the id is wrong",
                crate::input::shown(&key.1)
            )),
            Lookup::NotChecked(reason) => Some(reason),
        };
    }
    if one.unusable.is_some() {
        return Ok(one);
    }
    let listings = known.map(|(_, targets)| targets).unwrap_or_default();
    one.targets.extend(KINDS.into_iter().zip(listings));
    one.read_lists(reader, key, claims, false).await?;
    let now = clock.now();
    one.read_at = reader.kept_at(key.0, &key.1).map_or(now, |kept_at| kept_at.min(now));
    Ok(one)
}

impl GranteeEvidence {
    /// Reads the lists that the claims need; those that were read are read again if `again`.
    async fn read_lists<T: Transport>(
        &mut self,
        reader: &Reader<T>,
        key: &GranteeKey,
        claims: &BTreeMap<TargetId, Claim>,
        again: bool,
    ) -> Result<(), ReadError> {
        let grantee = Grantee { kind: key.0, id: key.1.clone() };
        let kinds: BTreeSet<Kind> = claims.keys().map(|(kind, _)| *kind).collect();
        for kind in kinds {
            if again || !self.targets.contains_key(&kind) {
                self.targets.insert(kind, reader.granted_targets(&grantee, kind).await?);
            }
        }
        // A target that the list asks for as a whole and that a complete listing lacks has no
        // account left.
        let needs_accounts = |(target, claim): &(&TargetId, &Claim)| {
            let is_complete = self.targets[&target.0].complete().is_some();
            claim.accounts && !(claim.whole && is_complete && !self.lists(target))
        };
        let targets = claims.iter().filter(needs_accounts).map(|(target, _)| target.clone());
        let read = |reader: Reader<T>, target: TargetId| {
            let grantee = grantee.clone();
            async move {
                let accounts = reader.granted_accounts(&grantee, target.0, &target.1).await?;
                Ok::<_, ReadError>((target, accounts))
            }
        };
        let accounts = reader.read_all(targets.collect(), read).await?;
        self.accounts = accounts.into_iter().collect();
        Ok(())
    }
}

impl Evidence {
    /// Reads the lists of these grants again.
    ///
    /// # Errors
    ///
    /// The keys are refused.
    pub async fn read_again<T: Transport>(
        &mut self,
        reader: &Reader<T>,
        claims: &Claims,
        clock: &Arc<dyn WallClock>,
    ) -> Result<(), ReadError> {
        let reader = reader.clone().in_projects(projects_to_read(&self.survey.projects));
        let reader = &reader.afresh();
        let inputs = claims.iter().filter_map(|(key, claims)| {
            Some((key.clone(), claims.clone(), self.grantees.get(key)?.clone()))
        });
        let read = |reader: Reader<T>, input: (GranteeKey, BTreeMap<_, _>, GranteeEvidence)| {
            let (key, claims, mut one) = input;
            async move {
                let before = one.accounts.clone();
                one.read_lists(&reader, &key, &claims, true).await?;
                // Lists of these claims that were not read again are out of date.
                let is_kept = |target: &TargetId| !claims.get(target).is_some_and(|c| c.accounts);
                one.accounts.extend(before.into_iter().filter(|(target, _)| is_kept(target)));
                Ok::<_, ReadError>((key, one))
            }
        };
        let all = reader.read_all(inputs.collect(), read).await?;
        for (key, mut one) in all {
            let targets = claims.get(&key).into_iter().flat_map(BTreeMap::keys);
            one.again_at.extend(targets.map(|target| (target.clone(), clock.now())));
            let user = self.survey.users.iter_mut().find(|user| user.id == key.1);
            if let Some(user) = user.filter(|_| key.0 == GranteeKind::User) {
                for (kind, listing) in KINDS.into_iter().zip(&mut user.targets) {
                    *listing = one.targets.get(&kind).unwrap_or(listing).clone();
                }
            }
            self.grantees.insert(key, one);
        }
        Ok(())
    }

    /// Reads what may explain these claims, which are listed.
    ///
    /// # Errors
    ///
    /// The keys are refused.
    pub async fn explain<T: Transport>(
        &mut self,
        reader: &Reader<T>,
        listed: &Claims,
        now: Timestamp,
    ) -> Result<(), ReadError> {
        let reader = &reader.clone().in_projects(projects_to_read(&self.survey.projects));
        let users = listed.keys().filter(|(kind, _)| *kind == GranteeKind::User);
        let ids = users.map(|(_, id)| id.clone()).collect();
        add_routes(&mut self.survey, reader, ids).await?;
        let mut accounts = BTreeSet::new();
        for (key, claims) in listed {
            for (target, _) in claims.iter().filter(|(_, claim)| claim.accounts) {
                for source in self.sources(key, now) {
                    if let Holder::Group(group) = source.holder {
                        accounts.insert((group, target.clone()));
                    }
                }
            }
        }
        accounts.retain(|account| !self.other_accounts.contains_key(account));
        let read = |reader: Reader<T>, key: (GranteeKey, TargetId)| async move {
            let grantee = Grantee { kind: key.0.0, id: key.0.1.clone() };
            let accounts = reader.granted_accounts(&grantee, key.1.0, &key.1.1).await?;
            Ok::<_, ReadError>((key, accounts))
        };
        self.other_accounts.extend(reader.read_all(accounts.into_iter().collect(), read).await?);
        Ok(())
    }

    /// The routes besides a direct grant of the target itself.
    pub(super) fn sources(&self, key: &GranteeKey, now: Timestamp) -> Vec<Source<'_>> {
        let mut sources = Vec::new();
        let user = self.survey.users.iter().find(|user| user.id == key.1);
        let user = user.filter(|_| key.0 == GranteeKind::User);
        for group in user.iter().flat_map(|user| user.memberships.items()) {
            sources.push(Source {
                route: format!("user group {}", group.group_id),
                holder: Holder::Group((GranteeKind::UserGroup, group.group_id.clone())),
            });
        }
        for (rule, detail, named) in rules_of(&self.survey.rules.0, &Principal::of(key, user)) {
            if RuleState::of(rule, now) != RuleState::Active {
                continue;
            }
            let by = match named {
                Named::UserGroup(id) if key.0 == GranteeKind::User => {
                    format!(" by user group {id}")
                }
                _ => String::new(),
            };
            let route = format!("rule {}{by}", detail.id);
            sources.push(Source { route, holder: Holder::Rule(detail) });
        }
        sources
    }
}
