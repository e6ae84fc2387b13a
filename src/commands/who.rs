//! `who`: who reaches a target directly.

use super::confirm;
use super::reading::{Connection, name_query, refuse_other_file, save};
use crate::access::{self, COLUMNS, Candidates, Cost, Target, TargetAccess, Unread};
use crate::api::reading::{ReadError, projects_to_read};
use crate::cli::who::{TargetId, WhoArgs};
use crate::clock::{SystemClock, WallClock as _};
use crate::exit::{Exit, Failure};
use crate::input::{NameKind, ObjectKind, Resolution, shown};
use crate::model::Kind;
use crate::report::{print, text::things, who as report};
use crate::resolve::{ApiDirectory, Candidate, Directory, Listing, ListingKey, decide};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Reads who has the target in its list, after it said what that costs. Calls list and read
/// operations only.
pub async fn who(args: &WhoArgs, quiet: bool) -> Result<Exit, Failure> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !args.yes && !is_terminal {
        let message = "there is no terminal to ask at whether to read all lists: pass --yes";
        return Err(Failure::new(Exit::Usage, message));
    }
    if let Some(out) = &args.out {
        refuse_other_file(out, &COLUMNS)?;
    }
    let connection =
        Connection::open(&args.requests, &args.instance.instance_id, &args.instance.region, quiet)
            .await?;
    let Connection { caller, reader, progress, .. } = &connection;
    let projects = reader.projects().await?;
    let project_ids = projects_to_read(&projects);
    let reader = reader.clone().in_projects(project_ids.clone());
    let directory = ApiDirectory::new(Arc::clone(caller));
    let (target, unread) = target(args, &directory).await?;
    let candidates = access::candidates(&reader, target.kind, projects).await?;
    let cost = Cost::of(&candidates, project_ids.len());
    progress.clear();
    let told = report::cost(&target, &cost, args.accounts, args.requests.read_rate);
    if args.yes {
        if !quiet {
            let _ = writeln!(std::io::stderr(), "{told}");
        }
    } else {
        confirm::yes(format!("{told}\nContinue? [y/N] ")).await?;
    }
    let on_step = |step| progress.on_step(step);
    let mut access =
        access::target_access(&reader, target, &candidates, args.accounts, &on_step, cost).await?;
    access.unread.extend(unread);
    progress.clear();
    tracing::info!(calls = caller.calls(), "the lists were read");
    answer(args, &access, &candidates)
}

fn answer(args: &WhoArgs, access: &TargetAccess, candidates: &Candidates) -> Result<Exit, Failure> {
    let now = SystemClock.now();
    let rows = access::who_rows(
        access,
        candidates,
        &args.instance.instance_id,
        &args.instance.region,
        now,
    );
    let (rows, unusable) = access::usable(rows)?;
    let unusable = if args.out.is_some() { unusable } else { Vec::new() };
    let who = access::who(access, candidates, &unusable, now);
    if let Some(out) = &args.out {
        save(out, &access::csv_text(COLUMNS, rows.iter().map(|row| &row.0)))?;
    }
    if args.json {
        print::json(&report::json(&who))?;
    } else {
        print::text(&report::text(&who))?;
        if let Some(out) = &args.out {
            print::line(&format!("\n{}", next(out, rows.len())))?;
        }
    }
    Ok(if who.not_checked.is_empty() { Exit::Done } else { Exit::Otherwise })
}

fn next(out: &Path, rows: usize) -> String {
    let (list, rows) = (out.display(), things(rows, "row", "rows"));
    format!("{list}: {rows}. To see what revoking all of them takes: bastion-revoke plan {list}")
}

/// The target of the command line, and why it is not certain that it exists.
async fn target<D: Directory<Error = ReadError>>(
    args: &WhoArgs,
    directory: &D,
) -> Result<(Target, Option<Unread>), Failure> {
    let names = [
        (&args.host, ObjectKind::Host, NameKind::Name),
        (&args.host_address, ObjectKind::Host, NameKind::Address),
        (&args.host_group, ObjectKind::HostGroup, NameKind::Name),
        (&args.database, ObjectKind::Database, NameKind::Name),
        (&args.database_address, ObjectKind::Database, NameKind::Address),
    ];
    for (text, object, by) in names {
        if let Some(text) = text {
            return by_name(args, directory, text.trim(), object, by).await;
        }
    }
    match &args.target {
        Some(id) => by_id(args, directory, id).await,
        None => Err(Failure::new(Exit::Usage, "name a target, such as host:1027")),
    }
}

async fn by_name<D: Directory<Error = ReadError>>(
    args: &WhoArgs,
    directory: &D,
    text: &str,
    object: ObjectKind,
    by: NameKind,
) -> Result<(Target, Option<Unread>), Failure> {
    let query = name_query(&args.instance.instance_id, &args.instance.region, object, by, text);
    let listing = directory.list(&ListingKey::of(&query)).await?;
    match decide(&query, &listing) {
        Resolution::Id(id) => {
            let candidate = candidates(&listing).iter().find(|one| one.id == id);
            Ok((target_of(kind_of(object), id.clone(), candidate), None))
        }
        Resolution::Unknown(why) | Resolution::Ambiguous(why) | Resolution::NotChecked(why) => {
            // The remedy of a list is a column; here it is the form KIND:ID.
            let kind = kind_of(object);
            let column = match kind {
                Kind::Host => "host",
                Kind::HostGroup => "group",
                Kind::Database => "db",
            };
            let remedy = format!("write the id in a column {column}");
            let why = why.replace(&remedy, &format!("pass {kind}:ID"));
            Err(Failure::new(Exit::InvalidInput, format!("{object} {}: {why}", shown(text))))
        }
    }
}

/// The target with that id. One that could not be listed is read nevertheless, without its name.
async fn by_id<D: Directory<Error = ReadError>>(
    args: &WhoArgs,
    directory: &D,
    TargetId { kind, id }: &TargetId,
) -> Result<(Target, Option<Unread>), Failure> {
    let object = match kind {
        Kind::Host => ObjectKind::Host,
        Kind::HostGroup => ObjectKind::HostGroup,
        Kind::Database => ObjectKind::Database,
    };
    let query =
        name_query(&args.instance.instance_id, &args.instance.region, object, NameKind::Name, "");
    let key = ListingKey { filter: None, ..ListingKey::of(&query) };
    let listing = directory.list(&key).await?;
    let candidate = candidates(&listing).iter().find(|one| one.id == *id);
    let reason = match &listing {
        Listing::Complete(_) if candidate.is_none() => {
            let message = format!("there is no {object} with the id {}; check it", shown(id));
            return Err(Failure::new(Exit::InvalidInput, message));
        }
        Listing::Incomplete { reason, .. } | Listing::NotChecked(reason) if candidate.is_none() => {
            Some(format!("whether it exists is not known: {reason}"))
        }
        _ => None,
    };
    let unread = reason.map(|reason| Unread { what: "the target", id: id.clone(), reason });
    Ok((target_of(*kind, id.clone(), candidate), unread))
}

fn candidates(listing: &Listing) -> &[Candidate] {
    match listing {
        Listing::Complete(candidates) | Listing::Incomplete { candidates, .. } => candidates,
        Listing::NotChecked(_) => &[],
    }
}

fn target_of(kind: Kind, id: String, candidate: Option<&Candidate>) -> Target {
    let (name, addresses) = match candidate {
        Some(one) => (one.name.clone(), one.addresses.clone()),
        None => (String::new(), Vec::new()),
    };
    Target { kind, id, name, addresses }
}

fn kind_of(object: ObjectKind) -> Kind {
    match object {
        ObjectKind::HostGroup => Kind::HostGroup,
        ObjectKind::Database => Kind::Database,
        _ => Kind::Host,
    }
}
