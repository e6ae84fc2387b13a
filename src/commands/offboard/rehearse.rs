//! `offboard --rehearse`: all steps against one simulated service, in a folder of its own.

use super::perform;
use crate::cli::offboard::OffboardArgs;
use crate::clock::{SystemClock, WallClock};
use crate::commands::execution::Show;
use crate::commands::run::refuse_real_files;
use crate::commands::{own_file, residual};
use crate::config::simulate;
use crate::exit::{Exit, Failure};
use crate::files::{LOCK_TIMEOUT, RunFiles};
use crate::outcome;
use crate::report::offboarding::OffboardingReport;
use crate::sim::server::Running;
use crate::sim::world::World;
use crate::sim::{self, Service};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rehearses an offboarding. Only the outcome and what remains are kept, under the name of the
/// rehearsal; the record and the ledger could be taken for those of a real offboarding.
pub(super) async fn rehearse(
    args: &OffboardArgs,
    out: PathBuf,
    show: Show,
) -> Result<OffboardingReport, Failure> {
    let files = RunFiles::new(out);
    let _lock = files.lock_within(LOCK_TIMEOUT).await?;
    refuse_real_files(&files)?;
    let remains = files.out.with_extension("residual.csv");
    residual::refuse_other_file(&remains)?;
    let world = match &args.world {
        Some(path) => simulate::world(path)?,
        None => World::sample(),
    };
    show.line("Rehearsal against a simulated service: nothing is really changed")?;
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let service = Service::new(sim::Settings { world: Some(world), ..sim::Settings::default() });
    let running = Running::start(service, clock).await;
    let running = running.map_err(|error| {
        let message = format!("cannot start the simulated service: {error}");
        Failure::new(Exit::Configuration, message)
    })?;
    let endpoint = crate::api::endpoint::parse(&running.endpoint())
        .map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
    let folder = tempfile::tempdir().map_err(|error| {
        Failure::new(Exit::File, format!("cannot make a temporary folder: {error}"))
    })?;
    let mut own = args.clone();
    own.requests.simulated = Some(endpoint);
    let inner = RunFiles::new(folder.path().join("offboarding.csv"));
    let report = Box::pin(perform(&own, inner.out.clone(), show)).await?;
    let mut report =
        report.ok_or_else(|| Failure::new(Exit::Internal, "a rehearsal without a report"))?;
    report.rehearsal = true;
    report.files = Vec::new();
    if inner.out.exists() {
        let copied = own_file::save(&files.out, |to| {
            outcome::copy_as_rehearsal(&inner.out, to).map_err(std::io::Error::from)
        });
        copied.map_err(|error| cannot_write(&files.out, &error))?;
        report.files.push(files.out.display().to_string());
    }
    let copied = own_file::save(&remains, |to| {
        std::io::copy(&mut std::fs::File::open(inner.residual())?, to).map(drop)
    });
    copied.map_err(|error| cannot_write(&remains, &error))?;
    if let Some(verification) = &mut report.verification {
        verification.outcomes.clone_from(&report.files);
        verification.residual = Some(remains.display().to_string());
    }
    report.files.push(remains.display().to_string());
    Ok(report)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::File, format!("{}: cannot write: {error}", path.display()))
}
