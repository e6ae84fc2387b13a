//! The operations that the service answers, and the parameters that each takes.
//!
//! Source: the parameter tables of the official SDK 1.7.2 and of the API's pages.

use crate::model::{GranteeKind, Kind, Operation};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Removes grants of one grantee on targets of one kind.
    Detach(Operation),
    /// Adds them.
    Attach(Operation),
    /// Reads the world and changes nothing.
    Read(Read),
    /// Changes the world in another way.
    Write(Write),
}

/// The read operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    CallerIdentity,
    InstanceAttribute,
    Projects,
    Users,
    User,
    UserGroups,
    UserGroupsOfUser,
    PublicKeys,
    Hosts,
    HostAccounts,
    HostGroups,
    Databases,
    DatabaseAccounts,
    Rules,
    Rule,
    /// The hosts, host groups or databases granted to a grantee.
    GrantedTargets(Operation),
    /// The accounts of one target, granted to a grantee or not.
    GrantedAccounts(Operation),
}

/// The writes of an offboarding that are not grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    LockUsers,
    UnlockUsers,
    AddUsersToGroup,
    RemoveUsersFromGroup,
    DeletePublicKey,
}

/// An operation: its name, its action and its parameters.
#[derive(Debug)]
pub(super) struct Spec {
    /// The `Action`.
    pub(super) name: &'static str,
    pub(super) action: Action,
    /// The required parameters besides `InstanceId`.
    pub(super) required: &'static [&'static str],
    /// The optional parameters besides `RegionId` and those for paging.
    pub(super) optional: &'static [&'static str],
    /// Whether it takes `PageNumber` and `PageSize`.
    pub(super) is_paged: bool,
}

impl Spec {
    /// The operation with that `Action`.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        SPECS.iter().find(|spec| spec.name == name)
    }

    /// The `Version` that a request must name.
    pub(super) fn version(&self) -> &'static str {
        if self.action == Action::Read(Read::CallerIdentity) { STS_VERSION } else { VERSION }
    }

    /// Whether `InstanceId` is required. STS has no instances.
    pub(super) fn has_instance(&self) -> bool {
        self.action != Action::Read(Read::CallerIdentity)
    }
}

/// The version of Bastionhost's API that is simulated.
pub(super) const VERSION: &str = "2019-12-09";

/// The version of STS that is simulated.
const STS_VERSION: &str = "2015-04-01";

const fn operation(kind: Kind, from: GranteeKind) -> Operation {
    Operation { action: crate::model::Action::Detach, kind, from }
}

const USER_HOSTS: Operation = operation(Kind::Host, GranteeKind::User);
const USER_HOST_GROUPS: Operation = operation(Kind::HostGroup, GranteeKind::User);
const USER_DATABASES: Operation = operation(Kind::Database, GranteeKind::User);
const GROUP_HOSTS: Operation = operation(Kind::Host, GranteeKind::UserGroup);
const GROUP_HOST_GROUPS: Operation = operation(Kind::HostGroup, GranteeKind::UserGroup);
const GROUP_DATABASES: Operation = operation(Kind::Database, GranteeKind::UserGroup);

/// A detach or attach operation; [`super::request`] checks its parameters.
const fn grants(name: &'static str, action: Action) -> Spec {
    Spec { name, action, required: &[], optional: &[], is_paged: false }
}

const fn list(
    name: &'static str,
    read: Read,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Spec {
    Spec { name, action: Action::Read(read), required, optional, is_paged: true }
}

const fn single(
    name: &'static str,
    read: Read,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Spec {
    Spec { name, action: Action::Read(read), required, optional, is_paged: false }
}

const fn write(
    name: &'static str,
    write: Write,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Spec {
    Spec { name, action: Action::Write(write), required, optional, is_paged: false }
}

const HOST_FILTERS: &[&str] = &["HostName", "HostAddress", "OSType", "Mode", "ProjectId"];
const HOST_GROUP_FILTERS: &[&str] = &["HostGroupName", "Mode", "ProjectId"];
const DATABASE_FILTERS: &[&str] =
    &["DatabaseName", "DatabaseAddress", "DatabaseType", "NetworkDomainId", "ProjectId"];

/// Every operation. The detach operations are in the order of [`Operation::ALL`].
static SPECS: &[Spec] = &[
    grants("DetachHostAccountsFromUser", Action::Detach(USER_HOSTS)),
    grants("DetachHostGroupAccountsFromUser", Action::Detach(USER_HOST_GROUPS)),
    grants("DetachDatabaseAccountsFromUser", Action::Detach(USER_DATABASES)),
    grants("DetachHostAccountsFromUserGroup", Action::Detach(GROUP_HOSTS)),
    grants("DetachHostGroupAccountsFromUserGroup", Action::Detach(GROUP_HOST_GROUPS)),
    grants("DetachDatabaseAccountsFromUserGroup", Action::Detach(GROUP_DATABASES)),
    grants("AttachHostAccountsToUser", Action::Attach(USER_HOSTS)),
    grants("AttachHostGroupAccountsToUser", Action::Attach(USER_HOST_GROUPS)),
    grants("AttachDatabaseAccountsToUser", Action::Attach(USER_DATABASES)),
    grants("AttachHostAccountsToUserGroup", Action::Attach(GROUP_HOSTS)),
    grants("AttachHostGroupAccountsToUserGroup", Action::Attach(GROUP_HOST_GROUPS)),
    grants("AttachDatabaseAccountsToUserGroup", Action::Attach(GROUP_DATABASES)),
    single("GetCallerIdentity", Read::CallerIdentity, &[], &[]),
    single("DescribeInstanceAttribute", Read::InstanceAttribute, &[], &[]),
    single("ListProjects", Read::Projects, &[], &["Keyword", "MaxResults", "NextToken", "Skip"]),
    list(
        "ListUsers",
        Read::Users,
        &[],
        &[
            "UserName",
            "DisplayName",
            "Mobile",
            "Source",
            "SourceUserId",
            "UserState",
            "UserGroupId",
        ],
    ),
    single("GetUser", Read::User, &["UserId"], &[]),
    list("ListUserGroups", Read::UserGroups, &[], &["UserGroupName", "ProjectId"]),
    list(
        "ListUserGroupsForUser",
        Read::UserGroupsOfUser,
        &["UserId", "PageNumber", "PageSize"],
        &["Keyword", "PagingOff", "ProjectId"],
    ),
    list("ListUserPublicKeys", Read::PublicKeys, &[], &["UserId"]),
    list(
        "ListHosts",
        Read::Hosts,
        &[],
        &[
            "HostName",
            "HostAddress",
            "SourceInstanceId",
            "SourceInstanceState",
            "Source",
            "OSType",
            "HostGroupId",
            "ProjectId",
        ],
    ),
    list(
        "ListHostAccounts",
        Read::HostAccounts,
        &["HostId"],
        &["HostAccountName", "ProtocolName", "HostIds", "ProjectId"],
    ),
    list("ListHostGroups", Read::HostGroups, &[], &["HostGroupName", "ProjectId"]),
    list(
        "ListDatabases",
        Read::Databases,
        &[],
        &["DatabaseType", "Source", "HostGroupId", "NetworkDomainId", "ProjectId"],
    ),
    list(
        "ListDatabaseAccounts",
        Read::DatabaseAccounts,
        &[],
        &["DatabaseId", "DatabaseAccountName", "ProjectId"],
    ),
    list("ListRules", Read::Rules, &[], &["RuleName", "RuleState", "ProjectId"]),
    single("GetRule", Read::Rule, &["RuleId"], &["ProjectId"]),
    list("ListHostsForUser", Read::GrantedTargets(USER_HOSTS), &["UserId"], HOST_FILTERS),
    list(
        "ListHostGroupsForUser",
        Read::GrantedTargets(USER_HOST_GROUPS),
        &["UserId"],
        HOST_GROUP_FILTERS,
    ),
    list(
        "ListDatabasesForUser",
        Read::GrantedTargets(USER_DATABASES),
        &["UserId"],
        DATABASE_FILTERS,
    ),
    list(
        "ListHostsForUserGroup",
        Read::GrantedTargets(GROUP_HOSTS),
        &["UserGroupId"],
        HOST_FILTERS,
    ),
    list(
        "ListHostGroupsForUserGroup",
        Read::GrantedTargets(GROUP_HOST_GROUPS),
        &["UserGroupId"],
        HOST_GROUP_FILTERS,
    ),
    list(
        "ListDatabasesForUserGroup",
        Read::GrantedTargets(GROUP_DATABASES),
        &["UserGroupId"],
        DATABASE_FILTERS,
    ),
    list(
        "ListHostAccountsForUser",
        Read::GrantedAccounts(USER_HOSTS),
        &["UserId", "HostId"],
        &["HostAccountName", "ProjectId"],
    ),
    single(
        "ListHostGroupAccountNamesForUser",
        Read::GrantedAccounts(USER_HOST_GROUPS),
        &["UserId", "HostGroupId"],
        &["ProjectId"],
    ),
    list(
        "ListDatabaseAccountsForUser",
        Read::GrantedAccounts(USER_DATABASES),
        &["UserId", "DatabaseId"],
        &["DatabaseAccountName"],
    ),
    list(
        "ListHostAccountsForUserGroup",
        Read::GrantedAccounts(GROUP_HOSTS),
        &["UserGroupId", "HostId"],
        &["HostAccountName", "ProjectId"],
    ),
    single(
        "ListHostGroupAccountNamesForUserGroup",
        Read::GrantedAccounts(GROUP_HOST_GROUPS),
        &["UserGroupId", "HostGroupId"],
        &["ProjectId"],
    ),
    list(
        "ListDatabaseAccountsForUserGroup",
        Read::GrantedAccounts(GROUP_DATABASES),
        &["UserGroupId", "DatabaseId"],
        &["DatabaseAccountName", "ProjectId"],
    ),
    write("LockUsers", Write::LockUsers, &["UserIds"], &[]),
    write("UnlockUsers", Write::UnlockUsers, &["UserIds"], &[]),
    write("AddUsersToGroup", Write::AddUsersToGroup, &["UserGroupId", "UserIds"], &["ProjectId"]),
    write(
        "RemoveUsersFromGroup",
        Write::RemoveUsersFromGroup,
        &["UserGroupId", "UserIds"],
        &["ProjectId"],
    ),
    write("DeleteUserPublicKey", Write::DeletePublicKey, &["PublicKeyId"], &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detach_operation_has_the_name_that_the_model_gives_it() {
        for operation in Operation::ALL {
            let spec = Spec::find(operation.name()).unwrap();
            assert_eq!(spec.action, Action::Detach(operation));
        }
    }

    #[test]
    fn no_two_operations_share_a_name() {
        for (at, spec) in SPECS.iter().enumerate() {
            assert_eq!(SPECS.iter().position(|other| other.name == spec.name), Some(at));
        }
    }
}
