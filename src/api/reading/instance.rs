//! The instance itself: which modules it has, and its projects.

use super::fields::{boolean, id, number, text};
use super::paging::{Listing, Lookup, ReadError};
use super::reader::Reader;
use crate::api::caller::CallError;
use crate::api::transport::Transport;
use crate::api::tree::Branch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether modules are enabled that can give access without showing it in the API. Source:
/// `DescribeInstanceAttribute`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceAttribute {
    /// The status of the instance.
    pub status: String,
    /// Application grants (`AppOperationModule`). `None`: not stated.
    pub app_operation: Option<bool>,
    /// Scripts (`ScriptDeliverModule`). `None`: not stated.
    pub script_deliver: Option<bool>,
    /// Users of `IDaaS` (`IDaaSModule`). `None`: not stated.
    pub idaas: Option<bool>,
}

/// A project. Source: `ListProjects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Whether it is the default project. `None`: not stated.
    pub is_default: Option<bool>,
}

/// The most pages of `ListProjects`.
const MOST_PAGES: usize = 1000;

impl<T: Transport> Reader<T> {
    /// `DescribeInstanceAttribute`.
    pub async fn instance_attribute(&self) -> Result<Lookup<InstanceAttribute>, ReadError> {
        let decode = |answer: Branch<'_>| {
            let mut found = Err("the answer holds no instance".to_owned());
            answer.each("InstanceAttribute", &mut |instance| {
                let module = |name| match &*text(instance, name) {
                    "Enable" => Some(true),
                    "Disable" => Some(false),
                    _ => None,
                };
                found = Ok(InstanceAttribute {
                    status: text(instance, "InstanceStatus"),
                    app_operation: module("AppOperationModule"),
                    script_deliver: module("ScriptDeliverModule"),
                    idaas: module("IDaaSModule"),
                });
            });
            found
        };
        self.look_up("DescribeInstanceAttribute", &[], &decode).await
    }

    /// `ListProjects`, which is paged by `NextToken`. An endpoint without this operation has no
    /// projects.
    pub async fn projects(&self) -> Result<Listing<Project>, ReadError> {
        const ACTION: &str = "ListProjects";
        if let Some(items) = self.kept(ACTION, &[]) {
            return Ok(Listing::Complete(items));
        }
        let decode = |answer: Branch<'_>| {
            let mut items = Vec::new();
            answer.each("Projects", &mut |item| items.push(project(item)));
            (number(answer, "TotalCount"), answer.has("Projects"), items, text(answer, "NextToken"))
        };
        let mut found: BTreeMap<String, Project> = BTreeMap::new();
        let mut token = String::new();
        let mut is_whole = true;
        for _ in 0..MOST_PAGES {
            let mut parameters = vec![("MaxResults", "100")];
            if !token.is_empty() {
                parameters.push(("NextToken", &token));
            }
            let (total, has_list, items, next) = match self.call(ACTION, &parameters, &decode).await
            {
                Ok(page) => page,
                Err(CallError::Credentials(why)) => return Err(ReadError(why)),
                Err(CallError::NoOperation(_)) if found.is_empty() => {
                    return Ok(Listing::Complete(Vec::new()));
                }
                Err(error) => return Ok(Listing::NotChecked(format!("{ACTION}: {error}"))),
            };
            is_whole &= has_list && items.iter().all(Option::is_some);
            found.extend(items.into_iter().flatten().map(|item| (item.id.clone(), item)));
            if next.is_empty() {
                let count = i64::try_from(found.len()).ok();
                is_whole &= total.is_none() || total == count;
                break;
            }
            is_whole &= next != token;
            token = next;
            if !is_whole {
                break;
            }
        }
        let items: Vec<Project> = found.into_values().collect();
        if is_whole {
            self.keep(ACTION, &[], &items);
            return Ok(Listing::Complete(items));
        }
        let reason = format!("{ACTION}: the pages do not agree with their total");
        Ok(Listing::Incomplete { items, reason })
    }
}

/// The projects whose objects are listed by themselves: whether a list without a project holds all
/// of them is not documented.
pub fn projects_to_read(projects: &Listing<Project>) -> Vec<String> {
    let all = projects.items();
    let others = all.iter().filter(|project| all.len() > 1 && project.is_default != Some(true));
    others.map(|project| project.id.clone()).collect()
}

fn project(item: Branch<'_>) -> Option<Project> {
    let name = match text(item, "Name") {
        name if name.is_empty() => text(item, "ProjectName"),
        name => name,
    };
    Some(Project { id: id(item, "ProjectId")?, name, is_default: boolean(item, "IsDefault") })
}
