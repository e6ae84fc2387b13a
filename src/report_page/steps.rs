//! The steps of an offboarding besides the revocations, with their results.

use super::PageError;
use super::texts::{Texts, of, time};
use crate::offboard::{Step, StepKind, StepResult, recorded_steps};
use crate::report::offboarding::{is_open, kind_name, state_name};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// Names by column `route` of the routes before the offboarding, and by id. Users have the route
/// `user`.
type Names = HashMap<(String, String), String>;

/// The steps of an offboarding.
#[derive(Debug, Default)]
pub(super) struct Steps {
    steps: Vec<(Step, Option<StepResult>)>,
    names: Names,
}

impl Steps {
    /// Reads the record of the steps. `routes`: the routes before the offboarding, which have the
    /// names; without them the page shows ids only.
    pub(super) fn read(record: &Path, routes: &Path) -> Result<Self, PageError> {
        Ok(Self { steps: recorded_steps(record)?, names: names(routes).unwrap_or_default() })
    }

    /// Steps that are not known to be done.
    pub(super) fn open(&self) -> usize {
        self.steps.iter().filter(|(_, result)| !is_done(result.as_ref())).count()
    }

    /// What the template shows.
    pub(super) fn json(&self, texts: &Texts) -> Vec<Value> {
        let each = self.steps.iter().map(|(step, result)| {
            let state = result.as_ref().map_or("not_sent", |result| state_name(result.state));
            json!({
                "what": of(&texts.step, kind_name(step.kind)),
                "user": self.named("user", &step.user),
                "object": route_of(step.kind).map(|route| self.named(route, &step.object)),
                "state": of(&texts.step_state, state),
                "is_done": is_done(result.as_ref()),
                "message": result.as_ref().map(|result| &result.message),
                "at": result.as_ref().map(|result| time(&result.at)),
            })
        });
        each.collect()
    }

    /// An id with its name, if it is known.
    fn named(&self, route: &str, id: &str) -> String {
        match self.names.get(&(route.to_owned(), id.to_owned())) {
            Some(name) if !name.is_empty() => format!("{id} ({name})"),
            _ => id.to_owned(),
        }
    }
}

fn is_done(result: Option<&StepResult>) -> bool {
    result.is_some_and(|result| !is_open(result.state))
}

/// The route that a step closes, if it has an object.
fn route_of(kind: StepKind) -> Option<&'static str> {
    match kind {
        StepKind::Lock | StepKind::Unlock => None,
        StepKind::LeaveGroup | StepKind::JoinGroup => Some("user_group"),
        StepKind::DeleteKey => Some("public_key"),
    }
}

fn names(routes: &Path) -> Result<Names, csv::Error> {
    let mut names = Names::new();
    let mut table = csv::Reader::from_path(routes)?;
    for record in table.deserialize() {
        let mut record: HashMap<String, String> = record?;
        let mut take = |column: &str| record.remove(column).unwrap_or_default();
        names.insert(("user".to_owned(), take("user")), take("login"));
        names.insert((take("route"), take("id")), take("name"));
    }
    Ok(names)
}
