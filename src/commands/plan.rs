//! `plan`: what a run would do, without any network; with `--online`, names are looked up.

use super::list::{self, InputPolicy};
use super::names;
use crate::cli::PlanArgs;
use crate::config::PlanSettings;
use crate::engine::rate_controller::seconds_at_least;
use crate::exit::{Exit, Failure};
use crate::guards::Protection;
use crate::model::{Accounts, Name, Request};
use crate::plan::Plan;
use crate::plan::summary::{LeftOut, Summary};
use crate::report::{self, print};
use crate::resolve;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Plans the list and prints the plan.
pub async fn plan(args: &PlanArgs) -> Result<Exit, Failure> {
    let settings = PlanSettings::settle(args)?;
    let sources = list::sources(&settings.input.inputs)?;
    let policy = InputPolicy { skip_invalid: settings.skip_invalid, strict: settings.input.strict };
    let mut options = settings.input.options;
    if options.names.is_none() && resolve::has_names(&sources, &options) {
        if !settings.online {
            return Err(Failure::new(
                Exit::Usage,
                "the list has names, which a plan without the network cannot look up: pass \
                 --online, or write ids",
            ));
        }
        options = names::resolve_online(&sources, &options, &settings.lookups).await?;
    }
    let options = Arc::new(options);
    let read = list::read(sources, &options, &Protection::default(), policy)?;
    let plan = Plan::new(read.grants);
    let left_out = LeftOut { protected: 0, carried: read.findings.carried };
    let rate_per_s = settings.lookups.engine.rate_per_s;
    let seconds = |requests| seconds_at_least(requests, rate_per_s);
    let numbers = Summary::of(&plan, left_out, seconds);
    if let Some(path) = &settings.requests {
        write_requests(&plan, path)?;
    }
    if settings.json {
        print::json(&numbers)?;
    } else if settings.requests.as_deref() != Some(Path::new("-")) {
        print::text(&report::plan::of_plan(&numbers, rate_per_s))?;
    }
    Ok(Exit::Done)
}

/// Writes each request as a line of JSON.
fn write_requests(plan: &Plan, path: &Path) -> Result<(), Failure> {
    let failure = |error: io::Error| {
        Failure::new(Exit::File, format!("{}: cannot write: {error}", path.display()))
    };
    if path == Path::new("-") {
        return write_lines(plan, &mut print::standard_output()).or_else(print::unless_closed);
    }
    let mut file = BufWriter::new(File::create(path).map_err(failure)?);
    write_lines(plan, &mut file).and_then(|()| file.flush()).map_err(failure)
}

fn write_lines(plan: &Plan, to: &mut impl Write) -> io::Result<()> {
    for number in 0..plan.requests() {
        let request = plan.request(number).map_err(io::Error::other)?;
        serde_json::to_writer(&mut *to, &Line::of(&request))?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

/// A request as `--requests` shows it.
#[derive(Serialize)]
struct Line<'a> {
    operation: &'static str,
    /// Absent where neither the rows nor the settings name one.
    instance_id: Option<&'a str>,
    region: &'a str,
    /// The id of the user, or of the user group for the `...FromUserGroup` operations.
    grantee: &'a str,
    targets: Vec<Target<'a>>,
}

#[derive(Serialize)]
struct Target<'a> {
    id: &'a str,
    /// Absent for a whole target.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<&'a [Name]>,
}

impl<'a> Line<'a> {
    fn of(request: &'a Request) -> Self {
        let targets = request.entries.as_slice().iter().map(|entry| Target {
            id: &entry.target,
            accounts: match &entry.accounts {
                Accounts::Whole => None,
                Accounts::Listed(accounts) => Some(accounts.as_slice()),
            },
        });
        Self {
            operation: request.operation().name(),
            instance_id: Some(request.instance_id.as_str()).filter(|id| !id.is_empty()),
            region: &request.region,
            grantee: &request.grantee.id,
            targets: targets.collect(),
        }
    }
}
