//! `run --verify`: reads back whether the grants of a run are gone, and adds the columns of `verify`
//! to its outcome.

use super::api_session::ApiSession;
use super::execution::Show;
use super::verify::{self, VerifySettings};
use super::verify_store::Keeping;
use crate::config::RunSettings;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::input::Options;
use crate::report::verification::VerificationReport;

/// Reads back a run that ended with `exit`. `None`: it was not asked for, or the run stopped, so that
/// there is more to revoke first. Without a session a new one is made.
pub async fn verify_run(
    exit: Exit,
    settings: &RunSettings,
    session: Option<&ApiSession>,
    show: Show,
) -> Option<Result<VerificationReport, Failure>> {
    let settle = settings.verify.filter(|_| matches!(exit, Exit::Done | Exit::Otherwise))?;
    let options = Options { encoding: None, names: None, ..settings.input.options.clone() };
    let settings = VerifySettings {
        outcomes: vec![settings.out.clone()],
        options,
        residual: Some(RunFiles::new(settings.out.clone()).residual()),
        settle,
        sample: None,
        keeping: Keeping::Continue,
        json: show.is_hidden(),
        requests: settings.requests.clone(),
    };
    Some(verify::read_back(&settings, session).await)
}

/// The exit code of a run and its verification: access that is still there counts most.
pub fn exit_of(run: Exit, verification: Option<&Result<VerificationReport, Failure>>) -> Exit {
    match verification {
        None => run,
        Some(Err(_)) => Exit::Otherwise,
        Some(Ok(report)) => match (run, report.exit_code) {
            (_, Exit::AccessFound) => Exit::AccessFound,
            (Exit::Done, Exit::Done) => Exit::Done,
            _ => Exit::Otherwise,
        },
    }
}
