//! Reads about authorization rules.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::data::Data;
use super::listing::Reply;
use super::model::Rule;
use super::reads::not_found;
use crate::sim::api_error::ApiError;
use crate::sim::call::Call;

impl Rule {
    /// Whether the rule gives access at that time.
    pub(super) fn is_in_force(&self, now: Timestamp) -> bool {
        let now = now.as_second();
        let has_begun = self.effective_start == 0 || self.effective_start <= now;
        let has_ended = self.effective_end != 0 && self.effective_end <= now;
        self.state == "Enabled" && has_begun && !has_ended
    }
}

impl Data {
    pub(super) fn list_rules(&self, call: &Call) -> Reply {
        let rules = self.rules.iter().filter(|rule| {
            call.matches("RuleName", &rule.name)
                && call.matches("RuleState", &rule.state)
                && self.is_in_project(call, &rule.project_id)
        });
        let value = |rule: &Rule| {
            json!({
                "RuleId": rule.id,
                "RuleName": rule.name,
                "RuleState": rule.state,
                "EffectiveStartTime": rule.effective_start,
                "EffectiveEndTime": rule.effective_end,
                "Comment": rule.comment,
            })
        };
        Reply::list("Rules", rules.map(value).collect())
    }

    /// Without `RuleState`, and with dates as text, as the pages have it.
    pub(super) fn get_rule(&self, call: &Call) -> Result<Reply, ApiError> {
        let is_it = |rule: &&Rule| {
            rule.id == call.value("RuleId") && self.is_in_project(call, &rule.project_id)
        };
        let rule = self.rules.iter().find(is_it);
        let rule = rule.ok_or_else(|| not_found("RuleNotFound", "rule"))?;
        let users: Vec<Value> = rule.users.iter().map(|id| json!({ "UserId": id })).collect();
        let groups: Vec<Value> =
            rule.user_groups.iter().map(|id| json!({ "UserGroupId": id })).collect();
        let hosts = rule.hosts.iter().map(|target| {
            let accounts = target.accounts.iter().map(|id| {
                let host = self.host(&target.id);
                let account = host.and_then(|host| host.accounts.iter().find(|a| a.id == *id));
                let name = account.map_or("", |account| &account.name);
                json!({ "HostAccountId": id, "HostAccountName": name })
            });
            json!({ "HostId": target.id, "HostAccounts": accounts.collect::<Vec<_>>() })
        });
        let host_groups = rule
            .host_groups
            .iter()
            .map(|target| json!({ "HostGroupId": target.id, "HostAccountNames": target.accounts }));
        let databases = rule.databases.iter().map(|target| {
            let accounts = target.accounts.iter().map(|id| json!({ "DatabaseAccountId": id }));
            json!({ "DatabaseId": target.id, "DatabaseAccounts": accounts.collect::<Vec<_>>() })
        });
        let rule = json!({
            "RuleId": rule.id,
            "RuleName": rule.name,
            "EffectiveStartTime": rule.effective_start.to_string(),
            "EffectiveEndTime": rule.effective_end.to_string(),
            "Comment": rule.comment,
            "Users": users,
            "UserGroups": groups,
            "Hosts": hosts.collect::<Vec<_>>(),
            "HostGroups": host_groups.collect::<Vec<_>>(),
            "Databases": databases.collect::<Vec<_>>(),
        });
        Ok(Reply::single("Rule", rule))
    }
}
