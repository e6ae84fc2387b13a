//! `--on-finish`: runs a command of the operator with the JSON summary on its standard input, for
//! a chat message, a ticket or a webhook.
//!
//! The command never changes the result of the run: its failure is logged, and the exit code stays.

use crate::report::summary::Ending;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// How long the command may take. It is killed afterwards, with the processes that it started.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Parts of the names of variables that hold keys or passwords of this tool.
const SECRETS: [&str; 4] = ["ACCESS_KEY", "SECRET", "SECURITY_TOKEN", "PASSWORD"];

/// Runs the command with `sh -c` and waits for its end.
pub(super) async fn run(command: &str, summary: &Ending) {
    if let Err(reason) = execute(command, summary).await {
        tracing::error!("--on-finish: the command {reason}; the result of the run is not affected");
    }
}

async fn execute(command: &str, summary: &Ending) -> Result<(), String> {
    let mut json = serde_json::to_vec(summary).map_err(|error| error.to_string())?;
    json.push(b'\n');
    let mut child = start(command).map_err(|error| format!("cannot be started: {error}"))?;
    let ended = tokio::time::timeout(TIME_LIMIT, async {
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read its input is no failure.
            let _ = stdin.write_all(&json).await;
        }
        child.wait().await
    });
    match ended.await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("failed ({status})")),
        Ok(Err(error)) => Err(format!("cannot be waited for: {error}")),
        Err(_) => {
            kill(&mut child).await;
            Err(format!("was stopped after {} s, its time limit", TIME_LIMIT.as_secs()))
        }
    }
}

fn start(command: &str) -> std::io::Result<Child> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_secret(name)) {
        shell.env_remove(name);
    }
    shell
        .stdin(Stdio::piped())
        // Standard output belongs to the summary.
        .stdout(std::io::stderr().as_fd().try_clone_to_owned()?)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn is_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    ["ALIBABA", "ALICLOUD", "BASTION_REVOKE"].iter().any(|prefix| name.starts_with(prefix))
        && SECRETS.iter().any(|secret| name.contains(secret))
}

/// Kills the command and the processes that it started.
async fn kill(child: &mut Child) {
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(group) = group {
        // It may have ended in the meantime.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn summary() -> Ending {
        Ending {
            state: "finished",
            exit_code: 0,
            rehearsal: false,
            rows: BTreeMap::new(),
            carried: 0,
            carried_not_revoked: 0,
            requests: crate::report::summary::Sendings::default(),
            seconds: 0.0,
            outcome: None,
            causes: Vec::new(),
            fingerprint: None,
            verification: None,
            undone: None,
            confirmed: None,
            not_restored: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_does_not_end_is_killed_at_its_time_limit() {
        let result = execute("sleep 1000 & wait", &summary()).await;
        assert_eq!(result, Err("was stopped after 30 s, its time limit".to_owned()));
    }

    #[test]
    fn keys_and_passwords_of_this_tool_are_not_passed_on() {
        let secret = [
            "ALIBABA_CLOUD_ACCESS_KEY_ID",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            "ALIBABA_CLOUD_SECURITY_TOKEN",
            "ALICLOUD_SECRET_KEY",
            "BASTION_REVOKE_REDIS_PASSWORD",
        ];
        assert!(secret.iter().all(|name| is_secret(OsStr::new(name))));
        let passed = ["PATH", "DINGTALK_SECRET", "ALIBABA_CLOUD_PROFILE", "BASTION_REVOKE_RATE"];
        assert!(!passed.iter().any(|name| is_secret(OsStr::new(name))));
    }
}
