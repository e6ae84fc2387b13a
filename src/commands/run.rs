//! `run`: plan, confirm, revoke, report.

use super::reading::{self, Read};
use crate::api::client::Client;
use crate::api::credentials::{self, Credentials, Secret};
use crate::api::endpoint::{self, Endpoints};
use crate::api::transport::HttpTransport;
use crate::clock::{SystemClock, WallClock};
use crate::config::{Confirmation, RunSettings};
use crate::engine::dispatcher::{Ended, Start};
use crate::engine::{Control, Engine, StopCause};
use crate::exit::{Exit, Failure};
use crate::input::{Options, Reader};
use crate::ledger::MemoryJournal;
use crate::outcome::{Outcome, OutcomeError, Tally};
use crate::plan::Plan;
use crate::plan::summary::Summary;
use crate::report::print;
use crate::report::progress::Progress;
use crate::report::summary::{Sendings, Told, of_plan};
use crate::sim;
use crate::sim::server::Running;
use crate::spool::Spool;
use crate::verdicts::Verdicts;
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A job: a plan, and the input it was made from.
struct Job {
    plan: Arc<Plan>,
    numbers: Summary,
    spool: Spool,
    options: Arc<Options>,
    columns: Vec<String>,
}

/// Runs the job that the settings describe.
pub async fn run(settings: RunSettings, quiet: bool) -> Result<Exit, Failure> {
    let job = Job::read(&settings)?;
    if !settings.json && !quiet {
        print::text(&of_plan(&job.numbers, settings.engine.rate_per_s))?;
    }
    confirm(settings.confirmation, job.numbers.revocations)?;
    let control = listen_for_signals();
    let mut progress =
        Progress::new(&job.numbers, settings.engine.rate_per_s, quiet || settings.json);
    let ended = job.revoke(&settings, control, &mut progress).await;
    let (sendings, took) = progress.finish();
    job.report(&settings, &ended, sendings, took, quiet)
}

impl Job {
    fn read(settings: &RunSettings) -> Result<Self, Failure> {
        let folder = match settings.out.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let spool = reading::spool_nameless(&settings.input.inputs, folder)?;
        let options = Arc::new(settings.input.options.clone());
        let Read { grants, report, columns, lacks_instance, .. } =
            reading::read(spool.sources(), &options)?;
        reading::refuse_invalid(&report, settings.skip_invalid)?;
        if lacks_instance {
            return Err(Failure::new(
                Exit::Usage,
                "which bastion host? Give --instance-id, or an instance_id column",
            ));
        }
        let invalid = usize::try_from(report.rows()).unwrap_or(usize::MAX);
        let plan = Plan::new(grants);
        let numbers = Summary::of(&plan, invalid, settings.engine.rate_per_s);
        Ok(Self { plan: Arc::new(plan), numbers, spool, options, columns })
    }

    /// Sends the plan. What keeps it from being sent at all is a cause like any other, so that
    /// the outcome is written in every case.
    async fn revoke(
        &self,
        settings: &RunSettings,
        control: watch::Receiver<Control>,
        progress: &mut Progress,
    ) -> Ended {
        let untouched = || Verdicts::new(self.plan.grants());
        let prepared = self.prepare(settings).await;
        let (client, rehearsal) = match prepared {
            Ok(prepared) => prepared,
            Err(cause) => return Ended { verdicts: untouched(), causes: vec![cause] },
        };
        let engine = Engine {
            plan: Arc::clone(&self.plan),
            client: Arc::new(client),
            journal: Arc::new(MemoryJournal),
            clock: Arc::new(SystemClock),
            settings: settings.engine,
            control,
        };
        let start = Start { verdicts: untouched(), touched: Vec::new(), first_attempt: 1 };
        let ended = engine.run(start, &mut |event| progress.on(&event)).await;
        drop(rehearsal);
        ended
    }

    async fn prepare(
        &self,
        settings: &RunSettings,
    ) -> Result<(Client<HttpTransport>, Option<Running>), StopCause> {
        let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
        let setup = |message: String| StopCause::Setup { message };
        let (endpoint, credentials, rehearsal) = if settings.rehearse {
            let service = sim::Service::new(sim::Settings::default());
            let running = Running::start(service, Arc::clone(&clock))
                .await
                .map_err(|error| setup(format!("the simulated service can't start: {error}")))?;
            let endpoint = endpoint::parse(&running.endpoint());
            (Some(endpoint.map_err(|error| setup(error.to_string()))?), test_keys(), Some(running))
        } else {
            (settings.endpoint.clone(), keys()?, None)
        };
        let ca_pem = settings.ca_file.as_ref().map(std::fs::read).transpose();
        let ca_pem = ca_pem.map_err(|error| setup(format!("--ca-file: {error}")))?;
        let endpoints = Endpoints::new(endpoint, self.plan.regions())
            .map_err(|error| setup(error.to_string()))?;
        let transport = HttpTransport::new(
            settings.timeout,
            settings.engine.concurrency,
            ca_pem.as_deref(),
            endpoints.reach(),
        )
        .map_err(|error| setup(error.to_string()))?;
        Ok((Client::new(transport, endpoints, credentials, clock), rehearsal))
    }

    fn report(
        &self,
        settings: &RunSettings,
        ended: &Ended,
        sendings: Sendings,
        took: Duration,
        quiet: bool,
    ) -> Result<Exit, Failure> {
        let outcome =
            Outcome { plan: &self.plan, verdicts: &ended.verdicts, rehearsal: settings.rehearse };
        let sources = self.spool.sources();
        let again = Reader::with_columns(sources, Arc::clone(&self.options), self.columns.clone());
        let tally: Tally = outcome.write(again, &settings.out)?;
        let exit = Exit::of_run(&ended.causes, &tally);
        let told = Told {
            tally: &tally,
            sendings,
            took,
            causes: &ended.causes,
            exit,
            outcome: &settings.out.to_string_lossy(),
            rehearsal: settings.rehearse,
        };
        if settings.json {
            print::json(&told.ending())?;
        } else if !quiet {
            print::text(&told.text())?;
        }
        Ok(exit)
    }
}

impl From<OutcomeError> for Failure {
    fn from(error: OutcomeError) -> Self {
        match error {
            OutcomeError::Input(error) => error.into(),
            OutcomeError::File { .. } => Self::new(Exit::File, error.to_string()),
            OutcomeError::Changed => Self::new(Exit::Internal, error.to_string()),
        }
    }
}

fn keys() -> Result<Credentials, StopCause> {
    credentials::from_environment(|name| std::env::var(name).ok()).map_err(|error| {
        StopCause::Credentials { code: "NoCredentials".to_owned(), message: error.to_string() }
    })
}

fn test_keys() -> Credentials {
    Credentials {
        access_key_id: sim::ACCESS_KEY_ID.to_owned(),
        access_key_secret: Secret::new(sim::ACCESS_KEY_SECRET.to_owned()),
        security_token: None,
    }
}

/// Wants the number of revocations, typed at the terminal or given on the command line.
fn confirm(confirmation: Confirmation, revocations: usize) -> Result<(), Failure> {
    let refused = |message: String| Err(Failure::new(Exit::Refused, message));
    match confirmation {
        Confirmation::Yes => Ok(()),
        Confirmation::Exactly(expected) if expected == revocations => Ok(()),
        Confirmation::Exactly(expected) => refused(format!(
            "--confirm {expected}, but {revocations} revocations are planned; nothing was sent"
        )),
        Confirmation::Ask => {
            let mut terminal = std::io::stderr();
            let _ = write!(terminal, "Type the number of revocations to go ahead: ");
            let _ = terminal.flush();
            let mut answer = String::new();
            let read = std::io::stdin().lock().read_line(&mut answer);
            let typed = answer.trim().replace(',', "");
            if read.is_ok() && typed == revocations.to_string() {
                return Ok(());
            }
            refused("that is not the number of revocations; nothing was sent".to_owned())
        }
    }
}

/// Turns the first Ctrl-C or SIGTERM into a request to drain, the second into one to stop at once.
fn listen_for_signals() -> watch::Receiver<Control> {
    let (sender, receiver) = watch::channel(Control::Run);
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        for control in [Control::Drain, Control::Abort] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            let _ = sender.send(control);
        }
        std::future::pending::<()>().await;
    });
    receiver
}
