//! The confirmation before anything is sent: only the exact number of revocations continues.

use super::job::Job;
use crate::config::Confirmation;
use crate::exit::{Exit, Failure};
use crate::plan::largest::Largest;
use crate::report::confirmation::of_largest;
use crate::report::text::of_action;
use std::io::{BufRead, Write};

/// Requires the number of revocations, typed at the terminal or passed on the command line, or the
/// fingerprint of the plan.
pub async fn confirm(confirmation: &Confirmation, job: &mut Job) -> Result<(), Failure> {
    let revocations = job.numbers.revocations;
    let fingerprint = job.fingerprint()?.map(|known| known.to_string()).unwrap_or_default();
    let (_, noun) = of_action(job.numbers.action);
    match confirmation {
        Confirmation::Yes => Ok(()),
        Confirmation::Exactly(expected) if *expected == revocations => Ok(()),
        Confirmation::Approved(approved) if approved.to_string() == fingerprint => Ok(()),
        Confirmation::Approved(approved) => Err(refused(&format!(
            "{approved} was approved, but the fingerprint of this plan is {fingerprint}; `plan \
             --diff` with the approved plan shows what changed"
        ))),
        Confirmation::Exactly(expected) => {
            Err(refused(&format!("--confirm is {expected}, but {revocations} {noun} are planned")))
        }
        Confirmation::Ask => {
            let question = format!(
                "{}Plan {fingerprint}. Type the number of {noun} to continue: ",
                of_largest(&Largest::of(&job.plan), &job.numbers)
            );
            let answer = answer_to(question).await?;
            if answer.trim().replace(',', "") == revocations.to_string() {
                return Ok(());
            }
            Err(refused(&format!("the answer is not the number of {noun}")))
        }
    }
}

/// Reads a line from the terminal; Ctrl-C and the end of input refuse.
async fn answer_to(question: String) -> Result<String, Failure> {
    let ask = tokio::task::spawn_blocking(move || {
        let mut terminal = std::io::stderr();
        let _ = write!(terminal, "{question}");
        let _ = terminal.flush();
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    tokio::select! {
        answer = ask => match answer {
            Ok(Ok(answer)) if answer.ends_with('\n') => Ok(answer),
            _ => Err(refused("\nno answer: standard input was closed")),
        },
        _ = tokio::signal::ctrl_c() => Err(refused("\ninterrupted")),
    }
}

fn refused(why: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{why}; nothing was sent"))
}
