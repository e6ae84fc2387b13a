//! Residual access: every route by which the users of a verification still reach something.

use super::reading::save;
use crate::access::{Evidence, RESIDUAL_COLUMNS, Route, RouteKind, csv_text, routes};
use crate::clock::utc_seconds;
use crate::exit::{Exit, Failure};
use crate::report::verification::UserResidual;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What remains, and where it was written.
#[derive(Debug, Default)]
pub(super) struct Residual {
    /// The file.
    pub path: Option<PathBuf>,
    /// By user.
    pub users: Vec<UserResidual>,
}

/// Refuses to overwrite a file that is not an earlier `residual.csv`.
pub(super) fn refuse_other_file(path: &Path) -> Result<(), Failure> {
    super::reading::refuse_other_file(path, &RESIDUAL_COLUMNS).map_err(|_| {
        let name = path.display();
        let message = format!("{name} exists and is not of an earlier verification; rename it");
        Failure::new(Exit::Usage, message)
    })
}

/// Writes `residual.csv`.
pub(super) fn write(
    path: &Path,
    evidences: &BTreeMap<(String, String), Evidence>,
    now: Timestamp,
) -> Result<Residual, Failure> {
    let mut rows = Vec::new();
    let mut users: Vec<UserResidual> = Vec::new();
    for ((instance_id, region), evidence) in evidences {
        let read_at = evidence.grantees.values().map(|one| one.read_at).min().unwrap_or(now);
        for route in routes(&evidence.survey, &[], now) {
            let is_new =
                |user: &UserResidual| user.id != route.user_id || user.instance_id != *instance_id;
            if users.last().is_none_or(is_new) {
                users.push(UserResidual {
                    instance_id: instance_id.clone(),
                    id: route.user_id.clone(),
                    login: route.cells[1].clone(),
                    remains: Vec::new(),
                    not_checked: Vec::new(),
                });
            }
            let Some(user) = users.last_mut() else { continue };
            if !add(&route, user) {
                continue;
            }
            let place = [instance_id.clone(), region.clone(), utc_seconds(read_at)];
            let mut cells = place.into_iter().chain(route.cells);
            rows.push(std::array::from_fn(|_| cells.next().unwrap_or_default()));
        }
    }
    save(path, &csv_text(RESIDUAL_COLUMNS, rows.iter()))?;
    Ok(Residual { path: Some(path.to_owned()), users })
}

/// Adds a route to what remains; `false` if it is none.
fn add(route: &Route, user: &mut UserResidual) -> bool {
    let [_, _, _, _, id, name, state, _, _, reaches, note] = &route.cells;
    let named = if name.is_empty() { id.clone() } else { format!("{id} ({name})") };
    let text = match route.kind {
        RouteKind::Direct if state == "not_found" => {
            user.not_checked.push(note.clone());
            return true;
        }
        RouteKind::Direct if reaches.is_empty() => return false,
        RouteKind::Direct => format!("in the user's own lists: {reaches}"),
        RouteKind::UserGroup => format!("user group {named}: {}", or_nothing(reaches)),
        RouteKind::Rule => format!("rule {named}, {state}: {}", or_nothing(reaches)),
        RouteKind::RuleOfUserGroup => {
            format!("rule {named} {note}, {state}: {}", or_nothing(reaches))
        }
        RouteKind::PublicKey => format!("public key {named}, to log on with"),
        RouteKind::SamePerson => {
            format!("user {named}, perhaps the same person: {note}; not read")
        }
        RouteKind::DirectoryGroup => note.clone(),
        RouteKind::NotChecked => {
            user.not_checked.push(note.clone());
            return true;
        }
        RouteKind::NotVisible => return true,
    };
    user.remains.push(text);
    true
}

fn or_nothing(reaches: &str) -> &str {
    if reaches.is_empty() { "nothing" } else { reaches }
}
