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
    let fingerprint = job.fingerprint()?.map(|known| known.to_string()).unwrap_or_default();
    if let Confirmation::Approved(approved) = confirmation {
        if approved.to_string() == fingerprint {
            return Ok(());
        }
        return Err(refused(&format!(
            "{approved} was approved, but the fingerprint of this plan is {fingerprint}; `plan \
             --diff` with the approved plan shows what changed"
        )));
    }
    let (_, noun) = of_action(job.numbers.action);
    let largest = of_largest(&Largest::of(&job.plan), &job.numbers);
    let text = format!("{largest}Plan {fingerprint}. ");
    confirm_number(confirmation, job.numbers.revocations, noun, text).await
}

/// Requires a number, typed at the terminal behind a text or passed on the command line.
pub async fn confirm_number(
    confirmation: &Confirmation,
    number: usize,
    noun: &str,
    text: String,
) -> Result<(), Failure> {
    match confirmation {
        Confirmation::Yes => Ok(()),
        Confirmation::Exactly(expected) if *expected == number => Ok(()),
        Confirmation::Exactly(expected) => {
            Err(refused(&format!("--confirm is {expected}, but {number} {noun} are planned")))
        }
        Confirmation::Approved(approved) => {
            Err(refused(&format!("{approved} is the fingerprint of a plan, not of these {noun}")))
        }
        Confirmation::Ask => {
            let question = format!("{text}Type the number of {noun} to continue: ");
            let answer = answer_to(question).await?;
            if answer.trim().replace(',', "") == number.to_string() {
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
