//! `export`: what users reach directly, as an input list, and by which other routes.

use super::reading::{Connection, name_query, refuse_other_file, save};
use crate::access::{self, COLUMNS, ROUTE_COLUMNS, RouteKind, Scope, Survey};
use crate::api::caller::Caller;
use crate::api::reading::Lookup;
use crate::api::transport::HttpTransport;
use crate::cli::export::{ExportArgs, ScopeName};
use crate::cli::user::UserName;
use crate::clock::{SystemClock, WallClock};
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::input::{NameKind, ObjectKind, Resolution};
use crate::report::print;
use crate::report::text::things;
use crate::resolve::{ApiDirectory, Directory, ListingKey, decide};
use std::path::Path;
use std::sync::Arc;

/// Reads what the users reach and writes the list and the routes. Calls list operations only.
pub async fn export(args: &ExportArgs, quiet: bool) -> Result<Exit, Failure> {
    let names = names(&args.users.user, args.users.users_from.as_deref())?;
    let routes_path = RunFiles::new(args.out.clone()).routes();
    for (path, columns) in [(&args.out, &COLUMNS[..]), (&routes_path, &ROUTE_COLUMNS[..])] {
        refuse_other_file(path, columns)?;
    }
    let connection =
        Connection::open(&args.requests, &args.instance.instance_id, &args.instance.region, quiet)
            .await?;
    let Connection { caller, reader, progress, .. } = &connection;
    let ids = resolved(names, caller, (&args.instance.instance_id, &args.instance.region)).await?;
    let scope = match args.scope {
        ScopeName::Whole => Scope::Whole,
        ScopeName::Accounts => Scope::Accounts,
    };
    let survey = access::survey(reader, ids, scope, &|step| progress.on_step(step)).await?;
    progress.clear();
    tracing::info!(calls = caller.calls(), "the access of the users was read");
    write(args, &survey, &routes_path, &SystemClock)
}

fn write(
    args: &ExportArgs,
    survey: &Survey,
    routes_path: &Path,
    clock: &dyn WallClock,
) -> Result<Exit, Failure> {
    let now = clock.now();
    let rows = access::rows(survey, &args.instance.instance_id, &args.instance.region, now);
    let (rows, unusable) = access::usable(rows)?;
    let routes = access::routes(survey, &unusable, now);
    save(&args.out, &access::csv_text(COLUMNS, rows.iter().map(|row| &row.0)))?;
    save(routes_path, &access::csv_text(ROUTE_COLUMNS, routes.iter().map(|route| &route.cells)))?;
    let missing = survey.users.iter().filter(|user| user.user == Lookup::NotFound);
    let missing: Vec<&str> = missing.map(|user| user.id.as_str()).collect();
    let unchecked = routes.iter().filter(|route| route.kind == RouteKind::NotChecked).count();
    let users = things(survey.users.len(), "user", "users");
    let list = args.out.display();
    print::line(&format!("{list}: {} for {users}", things(rows.len(), "row", "rows")))?;
    print::line(&format!(
        "{}: {}, {unchecked} of them not checked",
        routes_path.display(),
        things(routes.len(), "route", "routes")
    ))?;
    for id in &missing {
        print::line(&format!("user {}: not found; nothing is known of its access", shown(id)))?;
    }
    let other = routes.iter().filter(|route| is_to_be_closed_elsewhere(route.kind)).count();
    if other > 0 {
        print::line(&format!(
            "{} remain after the list is revoked: user groups, rules, keys or other users",
            things(other, "other route", "other routes")
        ))?;
    }
    print::line(&format!("Next: read both files, then bastion-revoke plan {list}"))?;
    Ok(if unchecked > 0 || !missing.is_empty() { Exit::Otherwise } else { Exit::Done })
}

fn is_to_be_closed_elsewhere(kind: RouteKind) -> bool {
    match kind {
        RouteKind::UserGroup
        | RouteKind::Rule
        | RouteKind::RuleOfUserGroup
        | RouteKind::PublicKey
        | RouteKind::SamePerson
        | RouteKind::DirectoryGroup => true,
        RouteKind::Direct | RouteKind::NotChecked | RouteKind::NotVisible => false,
    }
}

/// The users of the command line and the file, each once.
pub(super) fn names(
    users: &[UserName],
    users_from: Option<&Path>,
) -> Result<Vec<UserName>, Failure> {
    let mut all = users.to_vec();
    if let Some(path) = users_from {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let exit = match error.kind() {
                std::io::ErrorKind::NotFound => Exit::MissingInput,
                std::io::ErrorKind::InvalidData => Exit::InvalidInput,
                _ => Exit::File,
            };
            Failure::new(exit, format!("--users-from {}: cannot read: {error}", path.display()))
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                let user = UserName::new(line).map_err(|why| {
                    let place = format!("{}:{}", path.display(), at + 1);
                    Failure::new(Exit::InvalidInput, format!("{place}: {}: {why}", shown(line)))
                })?;
                all.push(user);
            }
        }
        if all.is_empty() {
            let message = format!(
                "--users-from {}: it names no user; write a login name or id:N on each line",
                path.display()
            );
            return Err(Failure::new(Exit::InvalidInput, message));
        }
    }
    let mut distinct = Vec::new();
    for name in all {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    Ok(distinct)
}

/// The ids of the users, each once. A name that is not exactly one user's ends the command.
pub(super) async fn resolved(
    names: Vec<UserName>,
    caller: &Arc<Caller<HttpTransport>>,
    (instance_id, region): (&str, &str),
) -> Result<Vec<String>, Failure> {
    let directory = ApiDirectory::new(Arc::clone(caller));
    let mut ids = Vec::new();
    let mut problems = Vec::new();
    for name in names {
        let text = match name {
            UserName::Id(id) => {
                ids.push(id);
                continue;
            }
            UserName::Login(text) => text,
        };
        let (object, by) = (ObjectKind::User, NameKind::Name);
        let query = name_query(instance_id, region, object, by, &text);
        let listing = directory.list(&ListingKey::of(&query)).await?;
        match decide(&query, &listing) {
            Resolution::Id(id) => ids.push(id),
            Resolution::Unknown(why) | Resolution::Ambiguous(why) | Resolution::NotChecked(why) => {
                // The remedy of a list is a column; here it is the form id:N.
                let why = why.replace("write the id in a column user", "pass --user id:N");
                problems.push(format!("user {}: {why}", shown(&query.text)));
            }
        }
    }
    if !problems.is_empty() {
        return Err(Failure::new(Exit::InvalidInput, problems.join("\n")));
    }
    let mut distinct: Vec<String> = Vec::new();
    for id in ids {
        if !distinct.contains(&id) {
            distinct.push(id);
        }
    }
    Ok(distinct)
}

fn shown(text: &str) -> String {
    crate::input::shown(text)
}
