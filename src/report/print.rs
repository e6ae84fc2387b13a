//! Standard output, whose reader may close it at any time.

use crate::exit::{Exit, Failure};
use serde::Serialize;
use std::io::{self, Write};

/// Standard output, buffered by line.
pub fn standard_output() -> impl Write {
    io::stdout().lock()
}

/// Prints text as it is.
pub fn text(text: &str) -> Result<(), Failure> {
    let mut out = standard_output();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).or_else(unless_closed)
}

/// Prints a line.
pub fn line(line: &str) -> Result<(), Failure> {
    text(&format!("{line}\n"))
}

/// Prints a value as JSON over several lines.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let pretty = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    line(&pretty)
}

/// Prints a summary: as JSON, or else its text for people.
pub fn summary(
    summary: &impl Serialize,
    for_people: impl FnOnce() -> String,
    is_json: bool,
) -> Result<(), Failure> {
    if is_json { json(summary) } else { text(&for_people()) }
}

#[expect(clippy::needless_pass_by_value, reason = "it takes the place of an error")]
/// A reader that closes the pipe (`| head`) is not an error.
pub fn unless_closed(error: io::Error) -> Result<(), Failure> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(Failure::new(Exit::File, format!("standard output can't be written: {error}")))
}
