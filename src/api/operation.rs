//! The parameters of the six operations, as the API names and shapes them.
//!
//! Source: the pages of `DetachHostAccountsFromUser`, `DetachHostGroupAccountsFromUser` and
//! `DetachDatabaseAccountsFromUser`; the `...FromUserGroup` twins take `UserGroupId` for `UserId`.

use crate::model::{Accounts, Entry, GranteeKind, Kind, Request};
use serde_json::{Map, Value};

/// The names that an operation gives to its targets and accounts, in requests and in answers.
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

/// The operation's own parameters, without the common ones.
pub fn parameters(request: &Request) -> Vec<(String, String)> {
    let words = Vocabulary::of(request.kind);
    let mut parameters = vec![
        ("InstanceId".to_owned(), request.instance_id.clone()),
        ("RegionId".to_owned(), request.region.clone()),
        (grantee_id(request.grantee.kind).to_owned(), request.grantee.id.clone()),
    ];
    let entries = request.entries.as_slice();
    match request.kind {
        Kind::Host | Kind::HostGroup => {
            let list = entries.iter().map(|entry| json_entry(words, entry)).collect();
            parameters.push((words.targets.to_owned(), Value::Array(list).to_string()));
        }
        Kind::Database => flatten(words, entries, &mut parameters),
    }
    parameters
}

/// One target as the JSON string of hosts and host groups has it. Leaving the accounts out asks
/// for the whole target, so only [`Accounts::Whole`] may do it.
fn json_entry(words: Vocabulary, entry: &Entry) -> Value {
    let mut object = Map::new();
    object.insert(words.target_id.to_owned(), entry.target.clone().into());
    if let Accounts::Listed(accounts) = &entry.accounts {
        object.insert(words.accounts.to_owned(), accounts.as_slice().to_vec().into());
    }
    Value::Object(object)
}

/// `Databases.1.DatabaseId`, `Databases.1.DatabaseAccountIds.1` and so on, counted from 1.
fn flatten(words: Vocabulary, entries: &[Entry], parameters: &mut Vec<(String, String)>) {
    for (at, entry) in (1..).zip(entries) {
        let prefix = format!("{}.{at}", words.targets);
        parameters.push((format!("{prefix}.{}", words.target_id), entry.target.clone()));
        if let Accounts::Listed(accounts) = &entry.accounts {
            for (at, account) in (1..).zip(accounts.as_slice()) {
                parameters.push((format!("{prefix}.{}.{at}", words.accounts), account.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Entries, Grantee, UpToTen};

    fn request(kind: Kind, from: GranteeKind) -> Request {
        let listed = UpToTen::new(vec!["1".to_owned(), "a\"b".to_owned()]).unwrap();
        let entries = vec![
            Entry { target: "8".to_owned(), accounts: Accounts::Whole },
            Entry { target: "9".to_owned(), accounts: Accounts::Listed(listed) },
        ];
        Request {
            instance_id: "bastionhost-cn-test".to_owned(),
            region: "cn-hangzhou".to_owned(),
            grantee: Grantee { kind: from, id: "7".to_owned() },
            kind,
            entries: Entries::new(entries).unwrap(),
        }
    }

    fn own(kind: Kind, from: GranteeKind) -> Vec<(String, String)> {
        let mut parameters = parameters(&request(kind, from));
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
