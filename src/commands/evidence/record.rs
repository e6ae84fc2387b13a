//! A run rebuilt from its input and its ledger, without anything else.

use super::document::internal;
use crate::clock::utc_millis;
use crate::commands::job::Job;
use crate::config::{RequestSettings, RunSettings};
use crate::exit::{Exit, Failure};
use crate::input_snapshot::InputSnapshot;
use crate::ledger::{Attempt, AttemptState, JobSpec, Ledger};
use crate::outcome::Tally;
use crate::plan::{GrantId, Plan};
use crate::verdicts::LedgerState;
use std::io::{self, Write};
use std::path::Path;

/// The columns of `requests.csv`.
const REQUEST_COLUMNS: [&str; 12] = [
    "attempt",
    "operation",
    "instance_id",
    "region",
    "grantee_kind",
    "grantee",
    "revocations",
    "intended_at",
    "finished_at",
    "state",
    "code",
    "request_id",
];

/// A run rebuilt.
pub struct Record {
    /// The job as planned again from the input.
    pub job: Job,
    /// The job as the ledger has it.
    pub recorded: JobSpec,
    /// The ledger.
    pub ledger: Ledger,
}

/// An answered request.
pub struct Answer {
    /// The id that the API gave it.
    pub request_id: String,
    /// The operation.
    pub operation: &'static str,
    /// When the answer came.
    pub finished_at: String,
}

/// Which request revoked each grant.
pub struct Answers {
    answers: Vec<Answer>,
    /// For each grant the number of its answer from 1; 0 for one that is not revoked.
    by_grant: Vec<u32>,
}

impl Answers {
    /// The answer that revoked a grant.
    pub fn of(&self, grant: GrantId) -> Option<&Answer> {
        let number = self.by_grant.get(grant as usize)?;
        self.answers.get((*number as usize).checked_sub(1)?)
    }
}

impl Record {
    /// Plans the input of a ledger again. `excel`: whether the outcome is written for spreadsheets.
    pub fn of(ledger: Ledger, list: InputSnapshot, excel: bool) -> Result<Self, Failure> {
        let recorded = ledger.job()?;
        let requests = RequestSettings::of_collect(None);
        let mut settings = RunSettings::of_job(&recorded, ledger.path().to_owned(), requests)?;
        settings.excel = excel;
        let job = Job::of_list(list, settings.input.options.clone(), &settings)?;
        Ok(Self { job, recorded, ledger })
    }

    /// The differences between the job of the ledger and the one planned from the input.
    pub fn differences(&mut self) -> Result<Vec<String>, Failure> {
        let planned = self.job.spec()?;
        let mut differences = Vec::new();
        if planned.identity != self.recorded.identity || planned.size != self.recorded.size {
            differences = self.recorded.differences(planned);
        }
        let recorded = &self.recorded.fingerprint;
        if differences.is_empty() && recorded.is_some() && *recorded != planned.fingerprint {
            differences.push("the fingerprint of the plan".to_owned());
        }
        Ok(differences)
    }

    /// Writes the attempts of the ledger, each with its request id and times.
    pub fn write_requests(&self, to: &mut dyn Write) -> Result<(), Failure> {
        let mut table = csv::Writer::from_writer(to);
        table.write_record(REQUEST_COLUMNS).map_err(internal)?;
        let mut failed = None;
        self.ledger.attempts(|attempt| {
            if failed.is_none() {
                failed = write_attempt(&self.job.plan, &attempt, &mut table).err();
            }
        })?;
        match failed {
            Some(error) => Err(internal(error)),
            None => table.flush().map_err(internal),
        }
    }

    /// Which request revoked each grant.
    pub fn answers(&self) -> Result<Answers, Failure> {
        let plan = &self.job.plan;
        let mut all = Answers { answers: Vec::new(), by_grant: vec![0; plan.grants()] };
        self.ledger.attempts(|attempt| {
            let Some(result) = attempt.result else { return };
            let first = attempt.grants.iter().next();
            let (AttemptState::Answered, Some(first)) = (result.state, first) else { return };
            if first as usize >= plan.grants() {
                return;
            }
            all.answers.push(Answer {
                request_id: result.request_id,
                operation: plan.operation_of(plan.request_of(first)).name(),
                finished_at: utc_millis(result.finished_at),
            });
            let number = u32::try_from(all.answers.len()).unwrap_or(u32::MAX);
            let is_exception =
                |place: usize| result.exceptions.iter().any(|e| usize::from(e.place) == place);
            for (place, grant) in attempt.grants.iter().enumerate() {
                if let Some(of) =
                    all.by_grant.get_mut(grant as usize).filter(|_| !is_exception(place))
                {
                    *of = number;
                }
            }
        })?;
        Ok(all)
    }

    /// Writes the outcome that input and ledger give. `is_queued`: whether attempts without an
    /// answer count as not sent, as for a job whose requests went through a queue.
    pub fn write_outcome(self, is_queued: bool, to: &Path) -> Result<Tally, Failure> {
        let grants = self.recorded.size.grants;
        let mut state = if is_queued {
            LedgerState::of_queue(grants)
        } else {
            LedgerState::of_action(self.recorded.action, grants)
        };
        self.ledger.attempts(|attempt| state.apply(attempt))?;
        if !state.is_sound() || grants != self.job.plan.grants() {
            let what = "the ledger contradicts itself or the input";
            return Err(Failure::new(Exit::InvalidInput, what));
        }
        self.job.write_outcome(&state.verdicts, false, to)
    }
}

fn write_attempt<W: Write>(
    plan: &Plan,
    attempt: &Attempt,
    table: &mut csv::Writer<W>,
) -> io::Result<()> {
    let first = attempt.grants.iter().next().filter(|grant| (*grant as usize) < plan.grants());
    let Some(first) = first else {
        return Err(io::Error::other("the ledger contradicts itself or the input"));
    };
    let request = plan.request_of(first);
    let names = plan.scope_names(request);
    let result = attempt.result.as_ref();
    let finished_at = result.map(|result| utc_millis(result.finished_at)).unwrap_or_default();
    let cells: [&str; REQUEST_COLUMNS.len()] = [
        &attempt.id.to_string(),
        plan.operation_of(request).name(),
        names.instance_id,
        names.region,
        names.grantee.kind.name(),
        names.grantee.id,
        &attempt.grants.len().to_string(),
        &utc_millis(attempt.intended_at),
        &finished_at,
        result.map_or("", |result| result.state.name()),
        result.map_or("", |result| &result.code),
        result.map_or("", |result| &result.request_id),
    ];
    table.write_record(cells).map_err(io::Error::other)
}
