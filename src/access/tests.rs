//! Decisions about what was read.

use super::indirect::RuleState;
use super::*;
use crate::api::reading::{GrantedTarget, Listing, Lookup, Rule, User};
use crate::model::Kind;
use jiff::Timestamp;
use std::collections::BTreeMap;

fn user(id: &str, name: &str) -> User {
    User {
        id: id.to_owned(),
        name: name.to_owned(),
        display_name: String::new(),
        source: "Local".to_owned(),
        source_user_id: String::new(),
        states: vec!["Normal".to_owned()],
        effective_start_s: None,
        effective_end_s: None,
        email: String::new(),
        mobile: String::new(),
        comment: String::new(),
    }
}

fn surveyed(target_id: &str) -> Survey {
    let target = GrantedTarget {
        kind: Kind::Host,
        id: target_id.to_owned(),
        name: "web, \"1\"".to_owned(),
        private_address: " ".to_owned(),
        public_address: "192.0.2.1".to_owned(),
        project_id: String::new(),
    };
    let access = UserAccess {
        id: "17".to_owned(),
        user: Lookup::Found(user("17", "Lina ")),
        targets: vec![Listing::Complete(vec![target])],
        accounts: BTreeMap::new(),
        memberships: Listing::Complete(Vec::new()),
        public_keys: Listing::NotChecked("ListUserPublicKeys: NoPermission".to_owned()),
    };
    Survey {
        users: vec![access],
        groups: BTreeMap::new(),
        rules: (Vec::new(), None),
        all_users: Listing::Complete(vec![user("17", "Lina "), user("18", "lina"), user("19", "")]),
        projects: Listing::Complete(Vec::new()),
    }
}

#[test]
fn a_rule_gives_access_only_within_its_dates_and_enabled() {
    let state = |state: &str, start: Option<i64>, end: Option<i64>| {
        let rule = Rule {
            id: "7".to_owned(),
            name: String::new(),
            state: state.to_owned(),
            effective_start_s: start,
            effective_end_s: end,
            comment: String::new(),
        };
        let detail = Lookup::NotFound;
        RuleState::of(&RuleAccess { rule, detail }, Timestamp::from_second(100).unwrap()).name()
    };
    assert_eq!(state("Enabled", None, None), "active");
    assert_eq!(state("Enabled", Some(100), Some(101)), "active");
    assert_eq!(state("Enabled", Some(101), None), "dormant");
    assert_eq!(state("Enabled", None, Some(100)), "expired");
    assert_eq!(state("disabled", None, None), "disabled");
    assert_eq!(state("", None, None), "active", "an unknown state is no reason to leave it out");
}

#[test]
fn a_row_that_would_be_read_as_something_else_is_left_out_and_named() {
    for (id, reads) in [("1027", true), ("NULL", false), ("10 27", false), ("", false)] {
        let survey = surveyed(id);
        let rows = rows(&survey, "i-1", "cn-hangzhou", Timestamp::UNIX_EPOCH);
        let (usable, unusable) = usable(rows).unwrap();
        assert_eq!((usable.len(), unusable.len()), if reads { (1, 0) } else { (0, 1) }, "{id}");
        let routes = routes(&survey, &unusable, Timestamp::UNIX_EPOCH);
        let named = format!("host {id}, account *: ");
        let is_named = routes.iter().any(|route| {
            route.kind == RouteKind::NotChecked && route.cells[10].starts_with(&named)
        });
        assert_eq!(is_named, !reads, "{id}");
    }
}

#[test]
fn users_who_may_be_the_same_person_and_what_was_not_read_are_routes() {
    let routes = routes(&surveyed("1027"), &[], Timestamp::UNIX_EPOCH);
    let of = |kind| -> Vec<&str> {
        let of_kind = routes.iter().filter(|route| route.kind == kind);
        of_kind.map(|route| route.cells[10].as_str()).collect()
    };
    assert_eq!(of(RouteKind::SamePerson), ["source Local; the same login"]);
    assert_eq!(of(RouteKind::NotChecked), ["public keys: ListUserPublicKeys: NoPermission"]);
    assert_eq!(of(RouteKind::NotVisible).len(), 1);
}
