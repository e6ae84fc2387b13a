//! The confirmation before anything is sent: only the exact number of revocations continues.

use super::job::Job;
use crate::config::Confirmation;
use crate::exit::{Exit, Failure};
use crate::plan::largest::Largest;
use crate::report::confirmation::of_largest;
use crate::report::text::of_action;
use std::io::{BufRead, Write};

/// What a refusal leaves as it was.
const NOTHING_SENT: &str = "nothing was sent";

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
            let answer = answer_to(question, NOTHING_SENT).await?;
            if answer.trim().replace(',', "") == number.to_string() {
                return Ok(());
            }
            Err(refused(&format!("the answer is not the number of {noun}")))
        }
    }
}

/// Requires the answer `y` or `yes` to a question about a reading.
pub async fn yes(question: String) -> Result<(), Failure> {
    const KEPT: &str = "the lists were not read";
    let answer = answer_to(question, KEPT).await?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(refused_before("the answer is not y", KEPT)),
    }
}

/// Reads a line from the terminal; Ctrl-C and the end of input refuse.
async fn answer_to(question: String, kept: &str) -> Result<String, Failure> {
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
            _ => Err(refused_before("\nno answer: standard input was closed", kept)),
        },
        _ = tokio::signal::ctrl_c() => Err(refused_before("\ninterrupted", kept)),
    }
}

fn refused(why: &str) -> Failure {
    refused_before(why, NOTHING_SENT)
}

/// `kept`: what was not done.
fn refused_before(why: &str, kept: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{why}; {kept}"))
}
