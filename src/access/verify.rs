//! Decides from the evidence whether a grant is gone. Pure.
//!
//! Promise 12: `gone` only if a complete listing lacks the grant, and `still` only if a complete
//! listing shows it and every other route was read. Anything less is `unchecked`.

use super::evidence::{Evidence, GranteeEvidence, GranteeKey, Holder, TargetId};
use super::indirect::unread_routes;
use crate::api::reading::Listing;
use crate::model::{Account, GranteeKind};
use jiff::Timestamp;

/// What reading a grant back shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// A complete listing lacks it. The text is a remark, such as that the target remains.
    Gone(String),
    /// It is listed, and no user group or rule explains it.
    Still(String),
    /// It is listed, and these routes explain it; it may be granted directly as well.
    Elsewhere(String),
    /// Not known, for this reason.
    Unchecked(String),
}

impl Verification {
    /// The value of the column `verified`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gone(_) => "gone",
            Self::Still(_) => "still",
            Self::Elsewhere(_) => "elsewhere",
            Self::Unchecked(_) => "unchecked",
        }
    }

    /// The value of the column `verified_note`.
    pub fn note(&self) -> &str {
        match self {
            Self::Gone(note)
            | Self::Still(note)
            | Self::Elsewhere(note)
            | Self::Unchecked(note) => note,
        }
    }
}

/// Whether one grant is gone.
pub fn verify(
    evidence: &Evidence,
    grantee: &GranteeKey,
    target: &TargetId,
    account: Account<&str>,
    now: Timestamp,
) -> Verification {
    let Some(one) = evidence.grantees.get(grantee) else {
        return Verification::Unchecked("it was not read".to_owned());
    };
    if let Some(reason) = &one.unusable {
        return Verification::Unchecked(reason.clone());
    }
    match account {
        Account::Whole => whole(evidence, one, grantee, target, now),
        Account::Named(account) => of_account(evidence, one, grantee, target, account, now),
    }
}

fn whole(
    evidence: &Evidence,
    one: &GranteeEvidence,
    grantee: &GranteeKey,
    target: &TargetId,
    now: Timestamp,
) -> Verification {
    if one.lists(target) {
        return listed(evidence, one, grantee, target, None, now);
    }
    match one.targets.get(&target.0).map(Listing::reason) {
        Some(None) => Verification::Gone(String::new()),
        Some(Some(reason)) => Verification::Unchecked(reason.to_owned()),
        None => Verification::Unchecked("it was not read".to_owned()),
    }
}

fn of_account(
    evidence: &Evidence,
    one: &GranteeEvidence,
    grantee: &GranteeKey,
    target: &TargetId,
    account: &str,
    now: Timestamp,
) -> Verification {
    let Some(accounts) = one.accounts.get(target) else {
        // Its accounts are not read if the whole target is verified and gone.
        return whole(evidence, one, grantee, target, now);
    };
    let found = accounts.items().iter().find(|found| found.id == account);
    match found.map(|found| found.is_authorized) {
        Some(Some(true)) => listed(evidence, one, grantee, target, Some(account), now),
        Some(None) => Verification::Unchecked(
            "the answer does not say whether the account is authorized".to_owned(),
        ),
        Some(Some(false)) | None => match accounts.reason() {
            None => gone_account(one, target),
            Some(reason) => Verification::Unchecked(reason.to_owned()),
        },
    }
}

/// An account that is gone, with what is known of its target.
fn gone_account(one: &GranteeEvidence, target: &TargetId) -> Verification {
    let (kind, id) = target;
    let reason = one.targets.get(kind).and_then(Listing::reason);
    Verification::Gone(if one.lists(target) {
        format!("{kind} {id} itself is still granted")
    } else if let Some(reason) = reason {
        format!("whether {kind} {id} itself is granted is not known: {reason}")
    } else {
        String::new()
    })
}

/// A grant that is listed: what explains it, or that nothing does.
fn listed(
    evidence: &Evidence,
    one: &GranteeEvidence,
    grantee: &GranteeKey,
    target: &TargetId,
    account: Option<&str>,
    now: Timestamp,
) -> Verification {
    let mut explanations = Vec::new();
    let mut gaps = gaps(evidence, grantee);
    for source in evidence.sources(grantee, now) {
        match evidence.grants(&source.holder, target, account) {
            Ok(true) if !explanations.contains(&source.route) => explanations.push(source.route),
            Ok(_) => {}
            Err(reason) => gaps.push(reason),
        }
    }
    if !explanations.is_empty() {
        return Verification::Elsewhere(explanations.join("; "));
    }
    let list = match account {
        Some(_) => one.accounts.get(target).and_then(Listing::reason),
        None => one.targets.get(&target.0).and_then(Listing::reason),
    };
    if let Some(reason) = list {
        return Verification::Unchecked(format!(
            "it is in a listing that is not complete: {reason}"
        ));
    }
    if let Some(gap) = gaps.first() {
        return Verification::Unchecked(format!(
            "it is listed; whether another route explains it is not known: {gap}"
        ));
    }
    let missing = account.is_some() && !one.lists(target);
    Verification::Still(if missing {
        format!("the account is authorized, though {} {} is not listed", target.0, target.1)
    } else {
        "it is listed, and no user group or rule explains it".to_owned()
    })
}

impl Evidence {
    /// Whether a user group or rule grants the target, or the account on it.
    fn grants(
        &self,
        holder: &Holder<'_>,
        target: &TargetId,
        account: Option<&str>,
    ) -> Result<bool, String> {
        let (kind, id) = target;
        match holder {
            Holder::Rule(detail) => Ok(detail.targets.iter().any(|one| {
                let has = |account: &str| one.accounts.iter().any(|other| other == account);
                one.kind == *kind && one.id == *id && account.is_none_or(has)
            })),
            Holder::Group(group) => {
                let targets = self.survey.groups.get(&group.1).map(|group| &group.targets);
                let mut targets = targets.into_iter().flatten().flat_map(Listing::items);
                if !targets.any(|one| one.kind == *kind && one.id == *id) {
                    return Ok(false);
                }
                account.map_or(Ok(true), |account| self.has_account(group, target, account))
            }
        }
    }

    fn has_account(
        &self,
        group: &GranteeKey,
        target: &TargetId,
        account: &str,
    ) -> Result<bool, String> {
        let what = || format!("accounts of user group {} on {} {}", group.1, target.0, target.1);
        let Some(accounts) = self.other_accounts.get(&(group.clone(), target.clone())) else {
            return Err(format!("{} were not read", what()));
        };
        let found = accounts.items().iter().find(|one| one.id == account);
        match (found.map(|found| found.is_authorized), accounts.reason()) {
            (Some(Some(authorized)), _) => Ok(authorized),
            (Some(None), _) => Err(format!("{}: whether one is authorized is unknown", what())),
            (None, None) => Ok(false),
            (None, Some(reason)) => Err(format!("{}: {reason}", what())),
        }
    }
}

/// What could not be read of the routes that may explain a grant of this grantee.
fn gaps(evidence: &Evidence, grantee: &GranteeKey) -> Vec<String> {
    let survey = &evidence.survey;
    if grantee.0 == GranteeKind::UserGroup {
        return unread_routes(survey, None);
    }
    match survey.users.iter().find(|user| user.id == grantee.1) {
        Some(user) => unread_routes(survey, Some(user)),
        None => vec!["the user's routes were not read".to_owned()],
    }
}
