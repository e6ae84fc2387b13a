//! Descriptions of the causes of an early stop.

use super::text::{count, length, shown_long, things};
use crate::engine::StopCause;

/// The cause of an early stop, as a sentence that is safe to print.
pub fn cause(cause: &StopCause) -> String {
    let answer =
        |code: &str, message: &str| format!("{} ({})", shown_long(code), shown_long(message));
    match cause {
        StopCause::Credentials { code, message } if cause.is_clock_error() => {
            format!("the service refused the timestamp of the requests: {}", answer(code, message))
        }
        StopCause::Credentials { code, message } => {
            format!("the credentials were refused: {}", answer(code, message))
        }
        StopCause::Permission { operation, code, message } => {
            format!("{operation} is not permitted: {}", answer(code, message))
        }
        StopCause::Routing { code, message } => {
            format!("the service refused the endpoint or instance: {}", answer(code, message))
        }
        StopCause::RepeatedRefusal { code, message } => {
            format!(
                "three requests in a row were refused for the same reason: {}",
                answer(code, message)
            )
        }
        StopCause::NoCredentials { message } | StopCause::Setup { message } => shown_long(message),
        StopCause::Unreachable { message } => {
            format!("the service does not answer: {}", shown_long(message))
        }
        StopCause::Canary { requests, grants, unsuccessful } => {
            let unsuccessful: Vec<String> = unsuccessful
                .iter()
                .map(|(status, n)| format!("{} {status}", count(*n as u64)))
                .collect();
            format!(
                "the canary ({}, {}) failed: {}; nothing else was sent",
                things(*requests, "request", "requests"),
                things(*grants, "grant", "grants"),
                unsuccessful.join(", ")
            )
        }
        StopCause::FailOver { failed, settled } => format!(
            "{} of {} settled grants failed or are unknown, more than --fail-over allows",
            count(*failed as u64),
            count(*settled as u64)
        ),
        StopCause::LongWait { operation, wait } => format!(
            "the service asks to wait {} before the next {operation}; run the same command again \
             after that, or pass --deadline to wait",
            length(wait.as_secs_f64())
        ),
        StopCause::Deadline => "deadline exceeded".to_owned(),
        StopCause::Signal => "stopped by signal".to_owned(),
        StopCause::Journal(error) => format!("cannot write the ledger: {}", shown_long(error)),
        StopCause::Internal(error) => {
            format!("internal error (please report it): {}", shown_long(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_service_cannot_control_the_terminal() {
        let cause = cause(&StopCause::Unreachable { message: "\u{1b}[2Jx".to_owned() });
        assert!(!cause.contains('\u{1b}'), "{cause}");
    }
}
