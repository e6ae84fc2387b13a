//! Promise 12 for every state of the listings.

use super::evidence::{Evidence, GranteeEvidence, TargetId};
use super::survey::Survey;
use super::verify::{Verification, verify};
use crate::api::reading::{GrantedAccount, GrantedTarget, Listing};
use crate::model::{Account, GranteeKind, Kind};
use jiff::Timestamp;
use std::collections::BTreeMap;

const REASON: &str = "the total changed";

/// A listing with these items in each state; `None` where it was not read at all.
fn states<T: Clone>(items: &[T]) -> Vec<Option<Listing<T>>> {
    let (items, reason) = (items.to_vec(), REASON.to_owned());
    vec![
        None,
        Some(Listing::Complete(items.clone())),
        Some(Listing::Incomplete { items, reason: reason.clone() }),
        Some(Listing::NotChecked(reason)),
    ]
}

fn target(id: &str) -> GrantedTarget {
    let blank = String::new;
    GrantedTarget {
        kind: Kind::Host,
        id: id.to_owned(),
        name: blank(),
        private_address: blank(),
        public_address: blank(),
        project_id: blank(),
    }
}

fn account(id: &str, is_authorized: Option<bool>) -> GrantedAccount {
    let (id, name) = (id.to_owned(), id.to_owned());
    let target_id = "1".to_owned();
    GrantedAccount { id, name, protocol: String::new(), is_authorized, target_id }
}

/// What is said of host 1, or of account 5 on it, of user group 3.
fn verified(
    targets: Option<Listing<GrantedTarget>>,
    accounts: Option<Listing<GrantedAccount>>,
    rules: Option<&str>,
    of: Account<&str>,
) -> Verification {
    let grantee = (GranteeKind::UserGroup, "3".to_owned());
    let host: TargetId = (Kind::Host, "1".to_owned());
    let read = GranteeEvidence {
        unusable: None,
        targets: targets.into_iter().map(|listing| (Kind::Host, listing)).collect(),
        accounts: accounts.into_iter().map(|listing| (host.clone(), listing)).collect(),
        read_at: Timestamp::UNIX_EPOCH,
        again_at: BTreeMap::new(),
    };
    let survey = Survey { rules: (Vec::new(), rules.map(str::to_owned)), ..Survey::empty() };
    let evidence = Evidence {
        grantees: [(grantee.clone(), read)].into(),
        survey,
        other_accounts: BTreeMap::new(),
    };
    verify(&evidence, &grantee, &host, of, Timestamp::UNIX_EPOCH)
}

#[test]
fn gone_and_still_need_a_complete_listing() {
    let lists = [vec![], vec![target("2")], vec![target("1")], vec![target("2"), target("1")]];
    let authorized = [None, Some(true), Some(false)];
    let account_lists = [vec![], vec![account("6", Some(true))]];
    let account_lists = account_lists
        .into_iter()
        .chain(authorized.map(|is| vec![account("6", Some(true)), account("5", is)]));
    let account_states: Vec<_> = account_lists.flat_map(|list| states(&list)).collect();
    let (mut gone, mut still) = (0, 0);
    for targets in lists.iter().flat_map(|list| states(list)) {
        for accounts in &account_states {
            for rules in [None, Some("ListRules: NoPermission")] {
                for of in [Account::Whole, Account::Named("5")] {
                    let verdict = verified(targets.clone(), accounts.clone(), rules, of);
                    // Without a list of accounts the target itself decides.
                    let shows = match (of, accounts) {
                        (Account::Named(_), Some(Listing::Complete(all))) => {
                            let own = all.iter().find(|account| account.id == "5");
                            own.map_or(Some(false), |account| account.is_authorized)
                        }
                        (Account::Named(_), Some(_)) => None,
                        (_, _) => match &targets {
                            Some(Listing::Complete(all)) => {
                                Some(all.iter().any(|one| one.id == "1"))
                            }
                            _ => None,
                        },
                    };
                    let context = format!("{targets:?} {accounts:?} {rules:?} {of:?}: {verdict:?}");
                    match &verdict {
                        Verification::Gone(_) => assert_eq!(shows, Some(false), "{context}"),
                        Verification::Still(_) => {
                            assert!(shows == Some(true) && rules.is_none(), "{context}");
                        }
                        Verification::Elsewhere(_) => panic!("there is no other route: {context}"),
                        Verification::Unchecked(why) => {
                            let is_known =
                                shows == Some(false) || (shows == Some(true) && rules.is_none());
                            assert!(!is_known && !why.is_empty(), "{context}");
                        }
                    }
                    gone += usize::from(matches!(verdict, Verification::Gone(_)));
                    still += usize::from(matches!(verdict, Verification::Still(_)));
                }
            }
        }
    }
    assert!(gone > 50 && still > 20, "all verdicts occur: {gone} gone, {still} still");
}
