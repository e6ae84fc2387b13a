//! The parameters of the six operations.
//!
//! Source: the pages of `DetachHostAccountsFromUser`, `DetachHostGroupAccountsFromUser` and
//! `DetachDatabaseAccountsFromUser`; the `...FromUserGroup` twins take `UserGroupId` for `UserId`.

use crate::model::{Accounts, Entry, GranteeKind, Kind, Request};
use serde_json::Value;
use std::borrow::Cow;

/// The names of targets and accounts in requests and answers of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vocabulary {
    /// The parameter that lists the targets.
    pub targets: &'static str,
    /// A target's id, in the request and in the answer.
    pub target_id: &'static str,
    /// The list of accounts in a request.
    pub accounts: &'static str,
    /// The list of accounts in an answer.
    pub answered_accounts: &'static str,
    /// An account's id or name in an answer.
    pub account_id: &'static str,
}

impl Vocabulary {
    /// The names used for targets of that kind.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Host => Self {
                targets: "Hosts",
                target_id: "HostId",
                accounts: "HostAccountIds",
                answered_accounts: "HostAccounts",
                account_id: "HostAccountId",
            },
            Kind::HostGroup => Self {
                targets: "HostGroups",
                target_id: "HostGroupId",
                accounts: "HostAccountNames",
                answered_accounts: "HostAccountNames",
                account_id: "HostAccountName",
            },
            Kind::Database => Self {
                targets: "Databases",
                target_id: "DatabaseId",
                accounts: "DatabaseAccountIds",
                answered_accounts: "DatabaseAccounts",
                account_id: "DatabaseAccountId",
            },
        }
    }
}

/// The name of the parameter, and of the answer's member, that holds the grantee's id.
pub const fn grantee_id(kind: GranteeKind) -> &'static str {
    match kind {
        GranteeKind::User => "UserId",
        GranteeKind::UserGroup => "UserGroupId",
    }
}

/// A parameter's name, which for databases holds numbers, and its value.
pub type Parameter<'r> = (Cow<'static, str>, Cow<'r, str>);

/// The operation's own parameters, without the common ones.
pub fn parameters(request: &Request) -> Vec<Parameter<'_>> {
    let words = Vocabulary::of(request.kind);
    let mut parameters: Vec<Parameter<'_>> = vec![
        ("InstanceId".into(), (&request.instance_id).into()),
        ("RegionId".into(), (&request.region).into()),
        (grantee_id(request.grantee.kind).into(), (&request.grantee.id).into()),
    ];
    let entries = request.entries.as_slice();
    match request.kind {
        Kind::Host | Kind::HostGroup => {
            // A full request of short ids.
            let mut list = String::with_capacity(2048);
            for (at, entry) in entries.iter().enumerate() {
                list.push(if at == 0 { '[' } else { ',' });
                json_entry(words, entry, &mut list);
            }
            list.push(']');
            parameters.push((words.targets.into(), list.into()));
        }
        Kind::Database => flatten(words, entries, &mut parameters),
    }
    parameters
}

/// One target in the JSON string of hosts and host groups. An entry without accounts asks for the
/// whole target, so only [`Accounts::Whole`] may omit them.
fn json_entry(words: Vocabulary, entry: &Entry, json: &mut String) {
    json.push('{');
    if let Accounts::Listed(accounts) = &entry.accounts {
        json_member(words.accounts, json);
        for (at, account) in accounts.as_slice().iter().enumerate() {
            json.push(if at == 0 { '[' } else { ',' });
            json_text(account, json);
        }
        json.push_str("],");
    }
    json_member(words.target_id, json);
    json_text(&entry.target, json);
    json.push('}');
}

/// A fixed name, which needs no escapes.
fn json_member(name: &str, json: &mut String) {
    json.push('"');
    json.push_str(name);
    json.push_str("\":");
}

fn json_text(text: &str, json: &mut String) {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_plain {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&Value::from(text).to_string());
    }
}

/// `Databases.1.DatabaseId`, `Databases.1.DatabaseAccountIds.1` and so on, counted from 1.
fn flatten<'r>(words: Vocabulary, entries: &'r [Entry], parameters: &mut Vec<Parameter<'r>>) {
    for (at, entry) in (1..).zip(entries) {
        let prefix = format!("{}.{at}", words.targets);
        parameters
            .push((format!("{prefix}.{}", words.target_id).into(), entry.target.as_str().into()));
        if let Accounts::Listed(accounts) = &entry.accounts {
            for (at, account) in (1..).zip(accounts.as_slice()) {
                let name = format!("{prefix}.{}.{at}", words.accounts);
                parameters.push((name.into(), account.as_str().into()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Entries, Grantee, UpToTen};

    fn request(kind: Kind, from: GranteeKind) -> Request {
        let listed = UpToTen::new(vec!["1".into(), "a\"b".into()]).unwrap();
        let entries = vec![
            Entry { target: "8".into(), accounts: Accounts::Whole },
            Entry { target: "9".into(), accounts: Accounts::Listed(listed) },
        ];
        Request {
            action: crate::model::Action::Detach,
            instance_id: "bastionhost-cn-test".to_owned(),
            region: "cn-hangzhou".to_owned(),
            grantee: Grantee { kind: from, id: "7".to_owned() },
            kind,
            entries: Entries::new(entries).unwrap(),
        }
    }

    fn own(kind: Kind, from: GranteeKind) -> Vec<(String, String)> {
        let request = request(kind, from);
        let parameters = parameters(&request).into_iter();
        let mut parameters: Vec<(String, String)> =
            parameters.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        assert_eq!(parameters.remove(0), ("InstanceId".into(), "bastionhost-cn-test".into()));
        assert_eq!(parameters.remove(0), ("RegionId".into(), "cn-hangzhou".into()));
        parameters
    }

    #[test]
    fn hosts_are_a_json_string() {
        let list = r#"[{"HostId":"8"},{"HostAccountIds":["1","a\"b"],"HostId":"9"}]"#;
        assert_eq!(
            own(Kind::Host, GranteeKind::User),
            [("UserId".into(), "7".into()), ("Hosts".into(), list.into())]
        );
    }

    #[test]
    fn host_groups_name_their_accounts() {
        let list = r#"[{"HostGroupId":"8"},{"HostAccountNames":["1","a\"b"],"HostGroupId":"9"}]"#;
        assert_eq!(
            own(Kind::HostGroup, GranteeKind::UserGroup),
            [("UserGroupId".into(), "7".into()), ("HostGroups".into(), list.into())]
        );
    }

    #[test]
    fn databases_are_flattened_and_a_whole_one_has_no_accounts() {
        let expected = [
            ("UserId", "7"),
            ("Databases.1.DatabaseId", "8"),
            ("Databases.2.DatabaseId", "9"),
            ("Databases.2.DatabaseAccountIds.1", "1"),
            ("Databases.2.DatabaseAccountIds.2", "a\"b"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(own(Kind::Database, GranteeKind::User), expected);
    }
}
