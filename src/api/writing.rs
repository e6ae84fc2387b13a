//! The writes of an offboarding that are no revocations: locks, group members and public keys.
//!
//! Each call returns one result for each item, matched by id. All operations here may be applied
//! twice, so a lost answer is sent again; [`Written::may_be_own`] then marks results that an
//! earlier attempt may have caused.

use super::caller::{CallError, Called, Caller};
use super::operation::Parameter;
use super::sanitize::sanitize;
use super::transport::Transport;
use super::tree::{Branch, Member};
use std::sync::Arc;

/// Users in one call: at most a hundred. Source: the pages of `LockUsers` and
/// `RemoveUsersFromGroup`.
pub const MAX_USERS: usize = 100;

/// The longest text of the service that is kept, in bytes.
const MOST_TEXT_BYTES: usize = 2048;

/// The result of a write for one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteResult {
    /// The service applied it: `OK`.
    Done,
    /// The service says that it was so before: `OBJECT_AlREADY_EXISTS` (sic). For `UnlockUsers` the
    /// code is not documented.
    Already,
    /// The service says that the user, group or key does not exist, or that the user is no member:
    /// `OBJECT_NOT_FOUND`.
    NotFound,
    /// The service did not apply it.
    Failed {
        /// The API's code.
        code: String,
        /// The API's message.
        message: String,
    },
    /// It may have been applied or not, for this reason.
    Unknown(String),
}

/// One item and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The id of the user or public key.
    pub id: String,
    /// The result.
    pub result: WriteResult,
    /// Whether an earlier attempt of the same call may have been applied. `Already` and `NotFound`
    /// may then be the effect of this run.
    pub may_be_own: bool,
}

/// Writes to one instance.
pub struct Writer<T> {
    caller: Arc<Caller<T>>,
    instance_id: String,
    region: String,
}

impl<T: Transport> Writer<T> {
    /// A writer to that instance. Its caller should not be that of the reads: the quota of
    /// `LockUsers` and its siblings, 10 calls per second per account, is their own.
    pub fn new(caller: Arc<Caller<T>>, instance_id: &str, region: &str) -> Self {
        Self { caller, instance_id: instance_id.to_owned(), region: region.to_owned() }
    }

    /// `LockUsers`: takes effect at once, and is undone by [`Writer::unlock_users`].
    ///
    /// # Errors
    ///
    /// The keys are refused at the first call. At a later one the users that are left have failed.
    pub async fn lock_users(&self, user_ids: &[String]) -> Result<Vec<Written>, CallError> {
        self.write_users("LockUsers", None, user_ids).await
    }

    /// `UnlockUsers`. Unlock only users that this run locked.
    ///
    /// # Errors
    ///
    /// As [`Writer::lock_users`].
    pub async fn unlock_users(&self, user_ids: &[String]) -> Result<Vec<Written>, CallError> {
        self.write_users("UnlockUsers", None, user_ids).await
    }

    /// `RemoveUsersFromGroup`, undone by [`Writer::add_users_to_group`].
    ///
    /// # Errors
    ///
    /// As [`Writer::lock_users`].
    pub async fn remove_users_from_group(
        &self,
        group_id: &str,
        user_ids: &[String],
    ) -> Result<Vec<Written>, CallError> {
        self.write_users("RemoveUsersFromGroup", Some(group_id), user_ids).await
    }

    /// `AddUsersToGroup`.
    ///
    /// # Errors
    ///
    /// As [`Writer::lock_users`].
    pub async fn add_users_to_group(
        &self,
        group_id: &str,
        user_ids: &[String],
    ) -> Result<Vec<Written>, CallError> {
        self.write_users("AddUsersToGroup", Some(group_id), user_ids).await
    }

    /// `DeleteUserPublicKey`. It cannot be undone: the API never returns a key. The error for a
    /// missing key is not documented; `OBJECT_NOT_FOUND` and `*NotFound` are treated as it.
    ///
    /// # Errors
    ///
    /// The keys of the caller are refused.
    pub async fn delete_public_key(&self, key_id: &str) -> Result<Written, CallError> {
        let is_answer = |answer: Branch<'_>| answer.has("RequestId");
        let own = [("PublicKeyId", key_id)];
        let called = self.call("DeleteUserPublicKey", &own, &is_answer).await;
        let may_be_own = called.may_repeat;
        let result = match called.value {
            Ok(true) => WriteResult::Done,
            Ok(false) => WriteResult::Unknown("the answer has no RequestId".to_owned()),
            Err(error) if error.is_not_found() => WriteResult::NotFound,
            Err(error) => not_written(error, may_be_own)?,
        };
        Ok(Written { id: key_id.to_owned(), result, may_be_own })
    }

    /// Calls an operation on users, [`MAX_USERS`] at a time.
    async fn write_users(
        &self,
        action: &'static str,
        group_id: Option<&str>,
        user_ids: &[String],
    ) -> Result<Vec<Written>, CallError> {
        let mut distinct: Vec<&String> = user_ids.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let mut all = Vec::with_capacity(distinct.len());
        for users in distinct.chunks(MAX_USERS) {
            let list: serde_json::Value = users.iter().map(|id| id.as_str()).collect();
            let list = list.to_string();
            let mut own = vec![("UserIds", list.as_str())];
            own.extend(group_id.map(|id| ("UserGroupId", id)));
            let decode = |answer: Branch<'_>| results(answer, group_id, users);
            let called = self.call(action, &own, &decode).await;
            let may_be_own = called.may_repeat;
            let results = match called.value {
                Ok(results) => results,
                // The results of earlier calls are kept when the keys are refused in between.
                Err(CallError::Credentials(message)) if !all.is_empty() => {
                    let code = "Credentials".to_owned();
                    let failed = WriteResult::Failed { code, message: message.clone() };
                    let result = if may_be_own { WriteResult::Unknown(message) } else { failed };
                    vec![result; users.len()]
                }
                Err(error) => vec![not_written(error, may_be_own)?; users.len()],
            };
            let written = |(id, result): (&&String, WriteResult)| Written {
                id: (*id).clone(),
                result,
                may_be_own,
            };
            all.extend(users.iter().zip(results).map(written));
        }
        Ok(all)
    }

    async fn call<R: Send>(
        &self,
        action: &str,
        own: &[(&'static str, &str)],
        decode: &(impl Fn(Branch<'_>) -> R + Sync),
    ) -> Called<R> {
        let common = [("InstanceId", self.instance_id.as_str()), ("RegionId", &self.region)];
        let parameters: Vec<Parameter<'_>> = common
            .into_iter()
            .chain(own.iter().copied())
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        self.caller.call(&self.region, action, &parameters, decode).await
    }
}

/// The result of all items of a call that has none. A refusal proves nothing about an earlier
/// attempt that may have been applied.
fn not_written(error: CallError, may_be_own: bool) -> Result<WriteResult, CallError> {
    Ok(match error {
        CallError::Credentials(_) => return Err(error),
        CallError::Refused { .. } | CallError::NotAvailable(_) | CallError::NoOperation(_)
            if may_be_own =>
        {
            WriteResult::Unknown(error.to_string())
        }
        CallError::Refused { code, message } => WriteResult::Failed { code, message },
        CallError::NotAvailable(why) | CallError::NoOperation(why) => {
            WriteResult::Failed { code: "NotAvailable".to_owned(), message: why }
        }
        error @ CallError::NoAnswer(_) => WriteResult::Unknown(error.to_string()),
    })
}

/// The result of each user, in their order. What is missing, contradictory or about another group
/// is unknown.
fn results(answer: Branch<'_>, group_id: Option<&str>, users: &[&String]) -> Vec<WriteResult> {
    let mut found: Vec<Option<WriteResult>> = vec![None; users.len()];
    answer.each("Results", &mut |item| {
        let Some(user) = item.member("UserId").text().map(str::trim) else { return };
        let Some(at) = users.iter().position(|id| id.as_str() == user) else { return };
        let group = item.member("UserGroupId");
        let is_of_group = match (group, group_id) {
            (Member::Absent, _) | (_, None) => true,
            (Member::Text(answered), Some(group)) => answered.trim() == group,
            (Member::Contradictory, _) => false,
        };
        let result = if is_of_group {
            item_result(item)
        } else {
            WriteResult::Unknown("the answer is about another user group".to_owned())
        };
        found[at] = Some(match found[at].take() {
            Some(before) if before != result => {
                WriteResult::Unknown("the answer has several results for the user".to_owned())
            }
            _ => result,
        });
    });
    let missing = || WriteResult::Unknown("the answer has no result for the user".to_owned());
    found.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
}

fn item_result(item: Branch<'_>) -> WriteResult {
    let Some(code) = item.member("Code").text().map(str::trim).filter(|code| !code.is_empty())
    else {
        return WriteResult::Unknown("the result has no code".to_owned());
    };
    if code == "OK" {
        WriteResult::Done
    } else if code.eq_ignore_ascii_case("OBJECT_ALREADY_EXISTS") {
        WriteResult::Already
    } else if code.eq_ignore_ascii_case("OBJECT_NOT_FOUND") {
        WriteResult::NotFound
    } else if code.eq_ignore_ascii_case("UNEXPECTED") || code.eq_ignore_ascii_case("OK") {
        WriteResult::Unknown(printable(code))
    } else {
        let message = printable(item.member("Message").text().unwrap_or_default());
        WriteResult::Failed { code: printable(code), message }
    }
}

/// A text of the service that is fit for a terminal and a ledger.
fn printable(text: &str) -> String {
    sanitize(text.to_owned().into(), MOST_TEXT_BYTES).into_owned()
}

#[cfg(test)]
#[path = "writing_tests.rs"]
mod writing_tests;
