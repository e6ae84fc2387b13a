//! The request of a read, or of a write that names no grants: its parameters, checked.

use std::collections::BTreeMap;

use super::api_error::{ApiError, Violation};
use super::operation::Spec;
use super::params::Params;

/// Parameters that every request of the RPC style may have.
const COMMON: [&str; 12] = [
    "AccessKeyId",
    "Action",
    "Format",
    "RegionId",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
    "Timestamp",
    "Version",
];

/// Items per page without `PageSize`.
const DEFAULT_PAGE_SIZE: usize = 20;

/// Items per page at most. Source: the pages of the list operations.
const MAX_PAGE_SIZE: usize = 100;

/// Users in `UserIds` at most. Source: the pages of `LockUsers` and `RemoveUsersFromGroup`.
const MAX_USERS: usize = 100;

/// The page that a list request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// From 1.
    pub(super) number: usize,
    /// 1 to 100.
    pub(super) size: usize,
}

/// A read or write with valid parameters.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) spec: &'static Spec,
    pub(super) instance_id: String,
    pub(super) page: Page,
    /// The operation's own parameters, paging and common ones left out.
    values: BTreeMap<String, String>,
}

impl Call {
    /// Checks the parameters as strictly as the pages allow: a parameter that no page names is
    /// refused, because a filter with a typo would list too much.
    pub(super) fn parse(spec: &'static Spec, params: &Params) -> Result<Self, ApiError> {
        if let Some(name) = params.repeated() {
            let what = format!("{name} is given twice.");
            return Err(ApiError::invalid(Violation::Duplicate, &what));
        }
        let instance_id = if spec.has_instance() {
            params.require("InstanceId")?.to_owned()
        } else {
            String::new()
        };
        for name in spec.required {
            params.require(name)?;
        }
        let mut values = BTreeMap::new();
        for (name, value) in params.iter() {
            let is_common = COMMON.contains(&name) || name == "InstanceId";
            let is_paging = matches!(name, "PageNumber" | "PageSize") && spec.is_paged;
            if spec.required.contains(&name) || spec.optional.contains(&name) {
                if !is_paging && !value.is_empty() {
                    values.insert(name.to_owned(), value.to_owned());
                }
            } else if !is_common && !is_paging {
                let what = format!("{name} is no parameter of {}.", spec.name);
                return Err(ApiError::invalid(Violation::Malformed, &what));
            }
        }
        let page = Page {
            number: number(params, "PageNumber", usize::MAX)?.unwrap_or(1),
            size: number(params, "PageSize", MAX_PAGE_SIZE)?.unwrap_or(DEFAULT_PAGE_SIZE),
        };
        Ok(Self { spec, instance_id, page, values })
    }

    /// The same with this `ProjectId`, if the operation takes one and none was given.
    pub(super) fn with_project(mut self, id: Option<String>) -> Self {
        if let Some(id) = id.filter(|_| self.spec.optional.contains(&"ProjectId")) {
            self.values.entry("ProjectId".to_owned()).or_insert(id);
        }
        self
    }

    /// The value of a parameter, if it was given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value of a required parameter.
    pub(super) fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// All values, by name.
    pub(super) fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Whether an exact filter accepts a value. An absent filter accepts every value.
    pub(super) fn matches(&self, filter: &str, value: &str) -> bool {
        self.get(filter).is_none_or(|wanted| wanted == value)
    }

    /// `UserIds`: a JSON array of one to a hundred different ids, each a string.
    pub(super) fn user_ids(&self) -> Result<Vec<String>, ApiError> {
        let invalid =
            |violation, what: &str| Err(ApiError::invalid(violation, &format!("UserIds: {what}")));
        let Ok(ids) = serde_json::from_str::<Vec<String>>(self.value("UserIds")) else {
            return invalid(Violation::Malformed, "not a JSON array of strings.");
        };
        if ids.is_empty() {
            return invalid(Violation::EmptyList, "an empty list is not supported.");
        }
        if ids.len() > MAX_USERS {
            let what = format!("{} users, and at most {MAX_USERS} are allowed.", ids.len());
            return invalid(Violation::Limit, &what);
        }
        if ids.iter().any(String::is_empty) {
            return invalid(Violation::Malformed, "a blank id.");
        }
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                invalid(Violation::Duplicate, &format!("the user {} is named twice.", pair[0]))
            }
            None => Ok(ids),
        }
    }
}

/// A number from 1 to `max`, written in digits.
fn number(params: &Params, name: &str, max: usize) -> Result<Option<usize>, ApiError> {
    let Some(text) = params.get(name) else { return Ok(None) };
    match text.parse::<usize>() {
        Ok(number) if (1..=max).contains(&number) => Ok(Some(number)),
        Ok(number) if number > max => {
            let what = format!("{name} is {number}, and at most {max} is allowed.");
            Err(ApiError::invalid(Violation::Limit, &what))
        }
        _ => {
            let what = format!("{name} is '{text}', and a number from 1 is required.");
            Err(ApiError::invalid(Violation::Malformed, &what))
        }
    }
}
