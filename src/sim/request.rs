//! Detach and attach requests, parsed as strictly as the pages of the API allow.
//!
//! The real service may be more lenient. An unknown member, a number instead of a string or an
//! empty list could each widen a revocation, so a rehearsal fails on them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api_error::{ApiError, Violation};
use super::field_names::{FieldNames, field_names, grantee_id};
use super::params::Params;
use crate::model::{Grantee, Kind, MAX_PER_LIST, Operation};

/// One target as a request names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTarget {
    /// Its id.
    pub target: String,
    /// The accounts named, at least one; nothing means the whole target.
    pub accounts: Option<Vec<String>>,
}

impl RequestTarget {
    /// The number of its items: its accounts, or 1 for the whole target.
    pub fn items(&self) -> usize {
        self.accounts.as_ref().map_or(1, Vec::len)
    }
}

/// Whether grants are removed or added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Detach,
    Attach,
}

/// A parsed detach or attach request; [`GrantRequest::check`] compares it with the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GrantRequest {
    /// The `Action`.
    pub(super) name: &'static str,
    pub(super) change: Change,
    pub(super) operation: Operation,
    pub(super) instance_id: String,
    pub(super) region: Option<String>,
    pub(super) grantee: Grantee,
    pub(super) targets: Vec<RequestTarget>,
}

impl GrantRequest {
    pub(super) fn parse(
        name: &'static str,
        change: Change,
        operation: Operation,
        params: &Params,
    ) -> Result<Self, ApiError> {
        if let Some(name) = params.repeated() {
            let what = format!("{name} is given twice.");
            return Err(ApiError::invalid(Violation::Duplicate, &what));
        }
        let instance_id = params.require("InstanceId")?.to_owned();
        let region = params.get("RegionId").map(str::to_owned);
        let id = params.require(grantee_id(operation.from))?.to_owned();
        let names = field_names(operation.kind);
        let targets = match operation.kind {
            Kind::Host | Kind::HostGroup => from_json(params.require(names.targets)?, names)?,
            Kind::Database => from_flat(params, names)?,
        };
        let grantee = Grantee { kind: operation.from, id };
        Ok(Self { name, change, operation, instance_id, region, grantee, targets })
    }

    /// The limits: one to ten targets, none twice, each with one to ten accounts, none twice.
    /// `AttachHostAccountsToUser` takes nine accounts of a host.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let user_hosts = Operation::ALL[0];
        let has_nine = self.change == Change::Attach && self.operation == user_hosts;
        let max_accounts = if has_nine { 9 } else { MAX_PER_LIST };
        let targets = self.targets.iter().map(|entry| entry.target.as_str());
        check_list(targets, "target", MAX_PER_LIST)?;
        for entry in &self.targets {
            if let Some(accounts) = &entry.accounts {
                check_list(accounts.iter().map(String::as_str), "account", max_accounts)?;
            }
        }
        Ok(())
    }

    /// Every id that the request names.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        let targets = self.targets.iter().flat_map(|entry| {
            let accounts = entry.accounts.iter().flatten().map(String::as_str);
            std::iter::once(entry.target.as_str()).chain(accounts)
        });
        std::iter::once(self.grantee.id.as_str()).chain(targets)
    }
}

fn check_list<'a>(
    ids: impl Iterator<Item = &'a str>,
    what: &str,
    max: usize,
) -> Result<(), ApiError> {
    let mut ids: Vec<&str> = ids.collect();
    let refuse = |violation, why: String| Err(ApiError::invalid(violation, &why));
    if ids.is_empty() {
        return refuse(Violation::EmptyList, format!("An empty list of {what}s is not supported."));
    }
    if ids.len() > max {
        let why = format!("{} {what}s, and at most {max} are allowed.", ids.len());
        return refuse(Violation::Limit, why);
    }
    if ids.contains(&"") {
        return refuse(Violation::Malformed, format!("A blank {what}."));
    }
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            refuse(Violation::Duplicate, format!("The {what} {} is named twice.", pair[0]))
        }
        None => Ok(()),
    }
}

/// `[{"HostId":"2","HostAccountIds":["1"]}]`
fn from_json(text: &str, names: &FieldNames) -> Result<Vec<RequestTarget>, ApiError> {
    let malformed = |what: &str| {
        let what = format!("{}: {what}", names.targets);
        ApiError::invalid(Violation::Malformed, &what)
    };
    let Ok(Value::Array(elements)) = serde_json::from_str(text) else {
        return Err(malformed("not a JSON array."));
    };
    let entry = |element: Value| {
        let Value::Object(mut members) = element else {
            return Err(malformed("an element is no object."));
        };
        let Some(Value::String(target)) = members.remove(names.target_id) else {
            return Err(malformed("an element has no id, or one that is no string."));
        };
        let accounts = match members.remove(names.request_accounts) {
            None => None,
            Some(Value::Array(accounts)) => {
                let text = |value| match value {
                    Value::String(text) => Ok(text),
                    _ => Err(malformed("an account is no string.")),
                };
                Some(accounts.into_iter().map(text).collect::<Result<_, _>>()?)
            }
            Some(_) => return Err(malformed("the accounts are no array.")),
        };
        match members.keys().next() {
            Some(name) => Err(malformed(&format!("a member of no meaning, {name}."))),
            None => Ok(RequestTarget { target, accounts }),
        }
    };
    elements.into_iter().map(entry).collect()
}

/// `Databases.1.DatabaseId=8&Databases.1.DatabaseAccountIds.1=4`, both numbered from 1.
fn from_flat(params: &Params, names: &FieldNames) -> Result<Vec<RequestTarget>, ApiError> {
    let malformed = |name: &str| {
        let what = format!("{name} is no parameter of this operation.");
        ApiError::invalid(Violation::Malformed, &what)
    };
    let mut found: BTreeMap<usize, (Option<&str>, BTreeMap<usize, &str>)> = BTreeMap::new();
    for (name, value) in params.iter() {
        let Some(rest) = name.strip_prefix(names.targets) else { continue };
        let mut parts = rest.split('.');
        let lead = parts.next();
        let number = parts.next().and_then(index);
        let (Some(""), Some(number)) = (lead, number) else { return Err(malformed(name)) };
        let (id, accounts) = found.entry(number).or_default();
        match (parts.next(), parts.next().map(index), parts.next()) {
            (Some(member), None, None) if member == names.target_id => *id = Some(value),
            (Some(member), Some(Some(at)), None) if member == names.request_accounts => {
                accounts.insert(at, value);
            }
            (Some(member), None, None) if member == names.request_accounts => {
                let what = format!("{name}: an empty list of accounts is not supported.");
                return Err(ApiError::invalid(Violation::EmptyList, &what));
            }
            _ => return Err(malformed(name)),
        }
    }
    if found.is_empty() {
        return Err(ApiError::missing(names.targets));
    }
    let mut targets = Vec::with_capacity(found.len());
    for (place, (number, (id, accounts))) in (1..).zip(found) {
        let gap = place != number || !(1..).zip(accounts.keys()).all(|(place, at)| place == *at);
        let Some(target) = id.filter(|_| !gap) else {
            let what = format!("{}.{number} has a gap in its numbers, or no id.", names.targets);
            return Err(ApiError::invalid(Violation::Malformed, &what));
        };
        let accounts: Vec<String> = accounts.into_values().map(str::to_owned).collect();
        let accounts = (!accounts.is_empty()).then_some(accounts);
        targets.push(RequestTarget { target: target.to_owned(), accounts });
    }
    Ok(targets)
}

/// A number from 1 without leading zeros or signs.
fn index(text: &str) -> Option<usize> {
    let number: usize = text.parse().ok()?;
    (number > 0 && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GranteeKind;
    use crate::sim::testing::form_of;

    fn detach(operation: Operation, params: &Params) -> Result<GrantRequest, ApiError> {
        GrantRequest::parse(operation.name(), Change::Detach, operation, params)
    }

    fn parse(kind: Kind, pairs: &[(&str, &str)]) -> Result<GrantRequest, ApiError> {
        let mut all = vec![("InstanceId", "i-1"), ("UserId", "7")];
        all.extend_from_slice(pairs);
        let params = Params::parse(&form_of(&all)).unwrap();
        let request = detach(Operation { kind, ..Operation::ALL[0] }, &params)?;
        request.check().map(|()| request)
    }

    fn hosts(text: &str) -> Result<GrantRequest, ApiError> {
        parse(Kind::Host, &[("Hosts", text)])
    }

    fn entry(target: &str, accounts: Option<&[&str]>) -> RequestTarget {
        let own = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect();
        RequestTarget { target: target.to_owned(), accounts: accounts.map(own) }
    }

    fn violation(answer: Result<GrantRequest, ApiError>) -> Option<Violation> {
        let error = answer.unwrap_err();
        assert_eq!((error.status.as_u16(), error.code.as_str()), (400, "InvalidParameter"));
        error.violation
    }

    /// The first `count` numbers as a JSON array of strings.
    fn numbers(count: usize) -> String {
        serde_json::to_string(&(1..=count).map(|n| n.to_string()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn hosts_and_groups_come_as_json() {
        let request =
            hosts(r#"[{"HostId":"1"},{"HostId":"2","HostAccountIds":["3","4"]}]"#).unwrap();
        assert_eq!(request.targets, [entry("1", None), entry("2", Some(&["3", "4"]))]);
        let groups = r#"[{"HostGroupId":"1","HostAccountNames":["root"]}]"#;
        let request = parse(Kind::HostGroup, &[("HostGroups", groups)]).unwrap();
        assert_eq!(request.targets, [entry("1", Some(&["root"]))]);
    }

    #[test]
    fn databases_come_flattened_in_any_order() {
        let request = parse(
            Kind::Database,
            &[
                ("Databases.2.DatabaseAccountIds.2", "c"),
                ("Databases.2.DatabaseAccountIds.1", "b"),
                ("Databases.2.DatabaseId", "9"),
                ("Databases.1.DatabaseId", "8"),
            ],
        );
        assert_eq!(request.unwrap().targets, [entry("8", None), entry("9", Some(&["b", "c"]))]);
    }

    #[test]
    fn mandatory_parameters_are_named_when_missing() {
        let code = |kind| parse(kind, &[]).unwrap_err().code;
        assert_eq!(code(Kind::Host), "MissingHosts");
        assert_eq!(code(Kind::HostGroup), "MissingHostGroups");
        assert_eq!(code(Kind::Database), "MissingDatabases");
        let missing = |text, from| {
            let params = Params::parse(&form_of(text)).unwrap();
            detach(Operation { from, ..Operation::ALL[0] }, &params).unwrap_err().code
        };
        let user = GranteeKind::User;
        assert_eq!(missing(&[("UserId", "1")], user), "MissingInstanceId");
        assert_eq!(missing(&[("InstanceId", "1"), ("UserId", "")], user), "MissingUserId");
        let group = GranteeKind::UserGroup;
        assert_eq!(missing(&[("InstanceId", "1"), ("UserId", "1")], group), "MissingUserGroupId");
    }

    #[test]
    fn ten_targets_and_ten_accounts_are_the_limit() {
        let of = |count: usize| {
            let ids = (1..=count).map(|n| format!(r#"{{"HostId":"{n}"}}"#)).collect::<Vec<_>>();
            hosts(&format!("[{}]", ids.join(",")))
        };
        assert_eq!(of(10).unwrap().targets.len(), 10);
        assert_eq!(violation(of(11)), Some(Violation::Limit));
        let of = |n| hosts(&format!(r#"[{{"HostId":"1","HostAccountIds":{}}}]"#, numbers(n)));
        assert_eq!(of(10).unwrap().targets[0].items(), 10);
        assert_eq!(violation(of(11)), Some(Violation::Limit));
    }

    #[test]
    fn the_limits_hold_for_databases_too() {
        let of = |targets: usize, accounts: usize| {
            let mut pairs = vec![];
            for target in 1..=targets {
                pairs.push((format!("Databases.{target}.DatabaseId"), target.to_string()));
                for account in 1..=accounts {
                    let name = format!("Databases.{target}.DatabaseAccountIds.{account}");
                    pairs.push((name, account.to_string()));
                }
            }
            let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            parse(Kind::Database, &pairs)
        };
        assert_eq!(
            of(10, 10).unwrap().targets.iter().map(RequestTarget::items).sum::<usize>(),
            100
        );
        assert_eq!(violation(of(11, 1)), Some(Violation::Limit));
        assert_eq!(violation(of(1, 11)), Some(Violation::Limit));
    }

    #[test]
    fn empty_lists_are_refused() {
        assert_eq!(violation(hosts("[]")), Some(Violation::EmptyList));
        let none = hosts(r#"[{"HostId":"1","HostAccountIds":[]}]"#);
        assert_eq!(violation(none), Some(Violation::EmptyList));
        let flat = [("Databases.1.DatabaseId", "1"), ("Databases.1.DatabaseAccountIds", "")];
        assert_eq!(violation(parse(Kind::Database, &flat)), Some(Violation::EmptyList));
    }

    #[test]
    fn nothing_is_named_twice() {
        let targets = hosts(r#"[{"HostId":"1"},{"HostId":"1","HostAccountIds":["2"]}]"#);
        assert_eq!(violation(targets), Some(Violation::Duplicate));
        let accounts = hosts(r#"[{"HostId":"1","HostAccountIds":["2","2"]}]"#);
        assert_eq!(violation(accounts), Some(Violation::Duplicate));
        let parameter = parse(Kind::Host, &[("Hosts", "[]"), ("UserId", "8")]);
        assert_eq!(violation(parameter), Some(Violation::Duplicate));
        let flat = [("Databases.1.DatabaseId", "1"), ("Databases.2.DatabaseId", "1")];
        assert_eq!(violation(parse(Kind::Database, &flat)), Some(Violation::Duplicate));
    }

    #[test]
    fn anything_that_could_widen_a_revocation_is_refused() {
        for text in [
            "",
            "{}",
            "[1]",
            "[{}]",
            r#"[{"HostId":1}]"#,
            r#"[{"HostId":""}]"#,
            r#"[{"HostId":"1","HostAccountIds":"2"}]"#,
            r#"[{"HostId":"1","HostAccountIds":null}]"#,
            r#"[{"HostId":"1","HostAccountIds":[2]}]"#,
            r#"[{"HostId":"1","HostAccountIds":[""]}]"#,
            r#"[{"HostId":"1","HostAccountNames":["root"]}]"#,
        ] {
            let error = hosts(text).unwrap_err();
            assert!(matches!(error.code.as_str(), "InvalidParameter" | "MissingHosts"), "{text}");
        }
        for name in [
            "Databases",
            "DatabasesX.1.DatabaseId",
            "Databases.0.DatabaseId",
            "Databases.01.DatabaseId",
            "Databases.2.DatabaseId",
            "Databases.1.DatabaseAccountIds.1",
            "Databases.1.DatabaseAccountIds.x",
            "Databases.1.DatabaseId.1",
            "Databases.1.Other",
            "Databases.1",
        ] {
            assert_eq!(
                violation(parse(Kind::Database, &[(name, "1")])),
                Some(Violation::Malformed)
            );
        }
        let gap = [("Databases.1.DatabaseId", "1"), ("Databases.1.DatabaseAccountIds.2", "1")];
        assert_eq!(violation(parse(Kind::Database, &gap)), Some(Violation::Malformed));
    }
}
