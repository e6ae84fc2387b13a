//! Keys printed by another program: `process_command` of a CLI profile.
//!
//! The command is split into words like in a POSIX shell and run without a shell: no expansion, no
//! pipes. Its standard error is discarded because it may contain a secret. Source:
//! `credentials-go`, `external.go` and `command_split.go`.

use super::context::Context;
use super::error::SourceError;
use super::keys::SourceKeys;
use super::reply::expiration;
use super::secret::Secret;
use super::web::{self, MAX_BYTES};
use serde::Deserialize;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use zeroize::Zeroizing;

/// A program that signs in takes a while; one that waits for input never ends.
const TIMEOUT: Duration = Duration::from_secs(60);
const PLACE: &str = "the output of process_command";

/// The output of such a program: the fields of a profile.
#[derive(Deserialize)]
struct Printed {
    #[serde(default)]
    mode: String,
    #[serde(default)]
    access_key_id: String,
    #[serde(default)]
    access_key_secret: Secret,
    #[serde(default)]
    sts_token: Secret,
    #[serde(default)]
    expiration: String,
}

/// Runs the command and reads the keys that it prints.
pub(super) async fn keys(context: &Context<'_>, command: &str) -> Result<SourceKeys, SourceError> {
    let words =
        words(command).map_err(|why| SourceError::broken(format!("process_command {why}")))?;
    let running = tokio::time::timeout(TIMEOUT, run(context, &words)).await;
    let output = running.unwrap_or_else(|_| Err(format!("did not end within {TIMEOUT:?}")));
    // Only the program is named: its arguments may contain a secret.
    let output = output.map_err(|why| {
        SourceError::broken(format!("process_command `{}` {why}", words[0].escape_debug()))
    })?;
    let printed: Printed = web::json(PLACE, &output)?;
    let is_sts = printed.mode.eq_ignore_ascii_case("StsToken");
    if !(is_sts || printed.mode.is_empty() || printed.mode.eq_ignore_ascii_case("AK")) {
        return Err(SourceError::broken(format!("{PLACE}: its mode is neither AK nor StsToken")));
    }
    if is_sts && printed.sts_token.is_empty() {
        return Err(SourceError::broken(format!("{PLACE}: the security token is missing")));
    }
    let Printed { access_key_id, access_key_secret, sts_token, .. } = printed;
    let expires_at = match printed.expiration.as_str() {
        "" => None,
        text => Some(expiration(PLACE, text)?),
    };
    SourceKeys::keys(PLACE, access_key_id, access_key_secret, Some(sts_token))?.until(
        PLACE,
        expires_at,
        context.clock.now(),
    )
}

async fn run(context: &Context<'_>, words: &[String]) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .env_clear()
        .envs(context.settings.environment.all())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("can't be run: {error}"))?;
    let mut output = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(MAX_BYTES as u64 + 1).read_to_end(&mut output).await;
        read.map_err(|error| format!("can't be read: {error}"))?;
    }
    if output.len() > MAX_BYTES {
        return Err(format!("printed more than {MAX_BYTES} bytes"));
    }
    let status = child.wait().await.map_err(|error| format!("can't be waited for: {error}"))?;
    if !status.success() {
        return Err(format!("failed ({status}); run it by hand to see why"));
    }
    Ok(output)
}

/// Splits a command into words, with the quotes and backslashes of a POSIX shell. There is at least
/// one.
fn words(command: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => loop {
                match chars.next().ok_or("has a quote that does not end")? {
                    '\'' => break word.get_or_insert_default().push_str(""),
                    c => word.get_or_insert_default().push(c),
                }
            },
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or("has a quote that does not end")? {
                        '"' => break,
                        '\\' => match chars.next().ok_or("has a quote that does not end")? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => {
                let c = chars.next().ok_or("ends with a backslash")?;
                word.get_or_insert_default().push(c);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if words.first().is_none_or(String::is_empty) { Err("is empty") } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_splits_them() {
        let split = |text| words(text).unwrap();
        assert_eq!(split(" a  b\tc "), ["a", "b", "c"]);
        assert_eq!(split(r#"a "b c" 'd "e' f\ g"#), ["a", "b c", "d \"e", "f g"]);
        assert_eq!(split(r#"a "\"\n" '' "" x''y"#), ["a", "\"\\n", "", "", "xy"]);
        assert_eq!(split("a $(b) | c"), ["a", "$(b)", "|", "c"], "nothing is expanded");
        for bad in ["", "  ", "''", "a 'b", "a \"b", "a \\", "\"\\"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }
}
