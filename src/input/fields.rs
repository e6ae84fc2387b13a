//! The fields of a row, and the column names that mean them.

use std::fmt;
use std::str::FromStr;

/// What a column can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The id of the user who loses access.
    User,
    /// The id of the user group that loses access.
    UserGroup,
    /// The kind of target.
    Kind,
    /// The id of the target.
    Target,
    /// The id of a host, in place of kind and target.
    Host,
    /// The id of a host group, in place of kind and target.
    HostGroup,
    /// The id of a database, in place of kind and target.
    Database,
    /// The account: an id on hosts and databases, a name on host groups, `*` for all.
    Account,
    /// The account's id; read on hosts and databases when there is a column of names too.
    AccountId,
    /// The account's name; read on host groups when there is a column of ids too.
    AccountName,
    /// The bastion host.
    InstanceId,
    /// The region of the bastion host.
    Region,
    /// The login name of the user.
    UserName,
    /// The display name of the user.
    UserDisplayName,
    /// The name of the user group.
    UserGroupName,
    /// The name of a host.
    HostName,
    /// The private or public address of a host.
    HostAddress,
    /// The name of a host group.
    HostGroupName,
    /// The name of a database.
    DatabaseName,
    /// The address of a database.
    DatabaseAddress,
    /// The protocol of an account that is named.
    Protocol,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::User,
        Self::UserGroup,
        Self::Kind,
        Self::Target,
        Self::Host,
        Self::HostGroup,
        Self::Database,
        Self::Account,
        Self::AccountId,
        Self::AccountName,
        Self::InstanceId,
        Self::Region,
        Self::UserName,
        Self::UserDisplayName,
        Self::UserGroupName,
        Self::HostName,
        Self::HostAddress,
        Self::HostGroupName,
        Self::DatabaseName,
        Self::DatabaseAddress,
        Self::Protocol,
    ];

    /// Its name: the usual column name, and the left side of `--map FIELD=COLUMN`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::UserGroup => "user_group",
            Self::Kind => "kind",
            Self::Target => "target",
            Self::Host => "host",
            Self::HostGroup => "group",
            Self::Database => "db",
            Self::Account => "account",
            Self::AccountId => "account_id",
            Self::AccountName => "account_name",
            Self::InstanceId => "instance_id",
            Self::Region => "region",
            Self::UserName => "user_name",
            Self::UserDisplayName => "user_display_name",
            Self::UserGroupName => "user_group_name",
            Self::HostName => "host_name",
            Self::HostAddress => "host_address",
            Self::HostGroupName => "host_group_name",
            Self::DatabaseName => "db_name",
            Self::DatabaseAddress => "db_address",
            Self::Protocol => "protocol",
        }
    }

    /// Whether it holds a name in place of an id. An account's name is one only on hosts and
    /// databases.
    pub fn is_name(self) -> bool {
        matches!(
            self,
            Self::UserName
                | Self::UserDisplayName
                | Self::UserGroupName
                | Self::HostName
                | Self::HostAddress
                | Self::HostGroupName
                | Self::DatabaseName
                | Self::DatabaseAddress
        )
    }

    /// Whether it is one of the three that say what account is meant.
    pub(super) fn is_account(self) -> bool {
        matches!(self, Self::Account | Self::AccountId | Self::AccountName)
    }

    /// The meaning of a column name.
    ///
    /// A name is never read as an id (`user_name`, `用户名`), and a word with several meanings (`id`,
    /// `name`, `type`, `group_id`) needs `--map`.
    pub(super) fn of_column(name: &str) -> Option<Self> {
        match plain(name).as_str() {
            "user" | "userid" | "用户id" => Some(Self::User),
            "usergroup" | "usergroupid" | "用户组id" => Some(Self::UserGroup),
            "kind" | "targetkind" | "targettype" | "类型" | "目标类型" => Some(Self::Kind),
            "target" | "targetid" | "目标" | "目标id" => Some(Self::Target),
            "host" | "hostid" | "主机id" => Some(Self::Host),
            "group" | "hostgroup" | "hostgroupid" | "主机组id" => Some(Self::HostGroup),
            "db" | "dbid" | "database" | "databaseid" | "数据库id" => Some(Self::Database),
            "account" | "账户" | "账号" | "帐户" | "帐号" => Some(Self::Account),
            "accountid" | "accountids" | "hostaccountid" | "hostaccountids"
            | "databaseaccountid" | "databaseaccountids" | "账户id" | "账号id" | "帐户id"
            | "帐号id" | "主机账户id" | "主机账号id" | "数据库账户id" | "数据库账号id" => {
                Some(Self::AccountId)
            }
            "accountname"
            | "accountnames"
            | "hostaccountnames"
            | "hostaccountname"
            | "databaseaccountname"
            | "账户名"
            | "账号名"
            | "帐户名"
            | "帐号名"
            | "账户名称"
            | "账号名称"
            | "帐户名称"
            | "帐号名称"
            | "主机账户名称"
            | "主机账号名称"
            | "数据库账户名称"
            | "数据库账号名称" => Some(Self::AccountName),
            "instance" | "instanceid" | "实例id" | "堡垒机实例id" => Some(Self::InstanceId),
            "region" | "regionid" | "地域" | "地域id" => Some(Self::Region),
            _ => None,
        }
    }
}

impl Field {
    /// What a column of names means. These columns are read only where names are looked up.
    pub(super) fn of_name_column(name: &str) -> Option<Self> {
        match plain(name).as_str() {
            "username" | "loginname" | "用户名" | "登录名" => Some(Self::UserName),
            "userdisplayname" | "displayname" | "显示名" | "显示名称" => {
                Some(Self::UserDisplayName)
            }
            "usergroupname" | "用户组名" | "用户组名称" => Some(Self::UserGroupName),
            "hostname" | "主机名" | "主机名称" => Some(Self::HostName),
            "hostaddress" | "hostip" | "主机地址" | "主机ip" => Some(Self::HostAddress),
            "hostgroupname" | "主机组名" | "主机组名称" => Some(Self::HostGroupName),
            "dbname" | "databasename" | "数据库名" | "数据库名称" => {
                Some(Self::DatabaseName)
            }
            "dbaddress" | "databaseaddress" | "数据库地址" => Some(Self::DatabaseAddress),
            "protocol" | "protocolname" | "协议" => Some(Self::Protocol),
            _ => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown field {0:?}: write user, user_group, kind, target, host, group, db, account, \
     account_id, account_name, instance_id or region; where names are looked up also user_name, \
     user_display_name, user_group_name, host_name, host_address, host_group_name, db_name, \
     db_address or protocol"
)]
pub struct UnknownField(String);

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        Self::of_column(name)
            .or_else(|| Self::of_name_column(name))
            .ok_or_else(|| UnknownField(name.to_owned()))
    }
}

/// A name without what does not matter in it: case, spaces, `_`, `-`, and full-width letters.
pub(super) fn plain(name: &str) -> String {
    let narrow = name.chars().map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    });
    narrow
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether a column is named as the API's parameters that take several values, such as
/// `HostAccountIds`.
pub(super) fn is_plural(name: &str) -> bool {
    matches!(
        plain(name).as_str(),
        "accountids"
            | "hostaccountids"
            | "databaseaccountids"
            | "accountnames"
            | "hostaccountnames"
    )
}

/// The candidate that differs least from `name`, if it is near enough to be a slip.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name: Vec<char> = plain(name).chars().take(64).collect();
    let measured = candidates.into_iter().map(|candidate| {
        let other: Vec<char> = plain(candidate).chars().take(64).collect();
        (distance(&name, &other), other.len(), candidate)
    });
    let (differences, len, candidate) = measured.min_by_key(|&(differences, ..)| differences)?;
    (differences * 3 <= len.max(name.len())).then_some(candidate)
}

/// How many single-character changes lead from one word to the other (Levenshtein).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
