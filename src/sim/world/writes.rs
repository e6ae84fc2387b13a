//! The writes of an offboarding that are not grants: locks, group members and public keys.

use serde_json::{Map, Value, json};

use super::data::Data;
use super::reads::not_found;
use crate::sim::api_error::ApiError;
use crate::sim::call::Call;
use crate::sim::grants::ItemCode;
use crate::sim::operation::Write;

/// What `UserState` says of a user who was locked on the bastion host.
const FROZEN: &str = "Frozen";

/// What `UserState` says of a user without restrictions.
const NORMAL: &str = "Normal";

/// Decides about each item, from 1: whether it fails with `UNEXPECTED`, and whether it is left
/// out of the answer.
pub(in crate::sim) trait ItemFaults {
    /// Whether the item fails and is not applied.
    fn is_unexpected(&mut self, place: u64) -> bool;
    /// Whether the answer leaves the item out.
    fn is_missing(&mut self, place: u64) -> bool;
}

/// Applies a write and returns the members of the answer.
pub(super) fn write(
    data: &mut Data,
    write: Write,
    call: &Call,
    faults: &mut dyn ItemFaults,
) -> Result<Map<String, Value>, ApiError> {
    match write {
        Write::DeletePublicKey => data.delete_public_key(call),
        Write::LockUsers | Write::UnlockUsers => {
            let results = each_user(call, faults, None, |id| match write {
                Write::LockUsers => data.lock(id),
                _ => data.unlock(id),
            });
            results.map(results_member)
        }
        Write::AddUsersToGroup | Write::RemoveUsersFromGroup => {
            let group = call.value("UserGroupId");
            let results = each_user(call, faults, Some(group), |id| match write {
                Write::AddUsersToGroup => data.add_member(group, id),
                _ => data.remove_member(group, id),
            });
            results.map(results_member)
        }
    }
}

fn results_member(results: Vec<Value>) -> Map<String, Value> {
    Map::from_iter([("Results".to_owned(), Value::Array(results))])
}

fn each_user(
    call: &Call,
    faults: &mut dyn ItemFaults,
    group: Option<&str>,
    mut apply: impl FnMut(&str) -> ItemCode,
) -> Result<Vec<Value>, ApiError> {
    let mut results = Vec::new();
    for (place, id) in (1..).zip(call.user_ids()?) {
        let code = if faults.is_unexpected(place) { ItemCode::Unexpected } else { apply(&id) };
        if faults.is_missing(place) {
            continue;
        }
        let mut result = json!({ "Code": code.name(), "Message": "N/A", "UserId": id });
        if let Some(group) = group {
            result["UserGroupId"] = group.into();
        }
        results.push(result);
    }
    Ok(results)
}

impl Data {
    fn lock(&mut self, id: &str) -> ItemCode {
        let Some(user) = self.user_mut(id) else { return ItemCode::NotFound };
        if user.states.iter().any(|state| state == FROZEN) {
            return ItemCode::AlreadyExists;
        }
        user.states.retain(|state| state != NORMAL);
        user.states.push(FROZEN.to_owned());
        ItemCode::Ok
    }

    fn unlock(&mut self, id: &str) -> ItemCode {
        let Some(user) = self.user_mut(id) else { return ItemCode::NotFound };
        if !user.states.iter().any(|state| state == FROZEN) {
            return ItemCode::AlreadyExists;
        }
        user.states.retain(|state| state != FROZEN);
        if user.states.is_empty() {
            user.states.push(NORMAL.to_owned());
        }
        ItemCode::Ok
    }

    fn add_member(&mut self, group: &str, user: &str) -> ItemCode {
        let is_user = self.user(user).is_some();
        let group = self.user_groups.iter_mut().find(|known| known.id == group);
        match group {
            Some(group) if is_user => {
                if group.members.iter().any(|member| member == user) {
                    return ItemCode::AlreadyExists;
                }
                group.members.push(user.to_owned());
                ItemCode::Ok
            }
            _ => ItemCode::NotFound,
        }
    }

    fn remove_member(&mut self, group: &str, user: &str) -> ItemCode {
        let group = self.user_groups.iter_mut().find(|known| known.id == group);
        let Some(group) = group else { return ItemCode::NotFound };
        let before = group.members.len();
        group.members.retain(|member| member != user);
        if group.members.len() < before { ItemCode::Ok } else { ItemCode::NotFound }
    }

    fn delete_public_key(&mut self, call: &Call) -> Result<Map<String, Value>, ApiError> {
        let before = self.public_keys.len();
        self.public_keys.retain(|key| key.id != call.value("PublicKeyId"));
        if self.public_keys.len() < before {
            Ok(Map::new())
        } else {
            Err(not_found("OBJECT_NOT_FOUND", "public key"))
        }
    }
}
