//! The read operations, mapped to what answers them.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::data::Data;
use super::listing::Reply;
use crate::sim::api_error::ApiError;
use crate::sim::call::Call;
use crate::sim::operation::Read;

/// Answers a read from the state that is visible at `now`.
pub(super) fn read(
    data: &Data,
    read: Read,
    call: &Call,
    now: Timestamp,
    inherited: bool,
) -> Result<Reply, ApiError> {
    Ok(match read {
        Read::CallerIdentity => caller(data),
        Read::InstanceAttribute => instance(data, call),
        Read::Projects => projects(data, call),
        Read::Users => data.list_users(call),
        Read::User => data.get_user(call)?,
        Read::UserGroups => data.list_user_groups(call),
        Read::UserGroupsOfUser => data.list_user_groups_for_user(call),
        Read::PublicKeys => data.list_public_keys(call),
        Read::Hosts => data.list_hosts(call),
        Read::HostAccounts => data.list_host_accounts(call),
        Read::HostGroups => data.list_host_groups(call),
        Read::Databases => data.list_databases(call),
        Read::DatabaseAccounts => data.list_database_accounts(call),
        Read::Rules => data.list_rules(call),
        Read::Rule => data.get_rule(call)?,
        Read::GrantedTargets(operation) => data.granted_targets(operation, call, now, inherited),
        Read::GrantedAccounts(operation) => data.granted_accounts(operation, call, now, inherited),
    })
}

/// 404, as `UserNotFound` and `RuleNotFound`.
pub(super) fn not_found(code: &str, what: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, code, format!("The {what} does not exist."))
}

fn caller(data: &Data) -> Reply {
    let caller = &data.caller;
    let mut members = Map::new();
    for (name, value) in [
        ("AccountId", &caller.account_id),
        ("IdentityType", &caller.identity_type),
        ("UserId", &caller.user_id),
        ("PrincipalId", &caller.user_id),
        ("Arn", &caller.arn),
    ] {
        members.insert(name.to_owned(), Value::from(value.as_str()));
    }
    Reply::Single(members)
}

fn instance(data: &Data, call: &Call) -> Reply {
    let instance = &data.instance;
    let module = |is_enabled: bool| if is_enabled { "Enable" } else { "Disable" };
    let attribute = json!({
        "InstanceId": call.instance_id,
        "InstanceStatus": instance.status,
        "AppOperationModule": module(instance.app_operation),
        "ScriptDeliverModule": module(instance.script_deliver),
        "IDaaSModule": module(instance.idaas),
        "RDModule": module(instance.resource_directory),
        "DbOperationModule": module(instance.database_operation),
        "KmsSecretModule": module(instance.kms_secret),
    });
    Reply::single("InstanceAttribute", attribute)
}

/// All projects in one answer, without a `NextToken`.
fn projects(data: &Data, call: &Call) -> Reply {
    let keyword = call.get("Keyword").unwrap_or_default();
    let projects = data.projects.iter().filter(|project| project.name.contains(keyword));
    let items: Vec<Value> = projects
        .map(|project| {
            json!({
                "ProjectId": project.id,
                "Name": project.name,
                "IsDefault": project.is_default,
            })
        })
        .collect();
    let mut members = Map::new();
    members.insert("TotalCount".to_owned(), items.len().into());
    members.insert("Projects".to_owned(), Value::Array(items));
    Reply::Single(members)
}
