//! Runs other processes and measures them.

use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// The cost of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) wall: Duration,
    /// Over all its threads.
    pub(crate) cpu: Duration,
    pub(crate) peak_bytes: u64,
}

impl Took {
    pub(crate) fn better(self, other: Option<Self>) -> Self {
        other.filter(|other| other.wall < self.wall).unwrap_or(self)
    }
}

/// Runs a command and returns its output.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<(Took, String)> {
    let started = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let id = child.id();
    // A thread waits for the end, which polling would notice late.
    let waiting =
        std::thread::spawn(move || child.wait_with_output().map(|output| (output, Instant::now())));
    let (mut cpu, mut peak_bytes) = (Duration::ZERO, 0);
    while !waiting.is_finished() {
        // Both only grow, so the last values before the end are nearly complete.
        cpu = cpu_of(&id.to_string()).unwrap_or(cpu).max(cpu);
        peak_bytes = peak_of(id).unwrap_or(0).max(peak_bytes);
        pause();
    }
    let (output, ended) = waiting.join().map_err(|_| anyhow::anyhow!("a thread died"))??;
    let wall = ended.duration_since(started);
    anyhow::ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok((Took { wall, cpu, peak_bytes }, String::from_utf8(output.stdout)?))
}

#[expect(clippy::disallowed_methods, reason = "other processes are watched in real time")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

/// The processor time of a process, by its id or `self`.
pub(crate) fn cpu_of(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name is in parentheses and may contain anything. User and system time are the 14th and
    // 15th field, in hundredths of a second.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 10))
}

/// The peak memory of a process.
pub(crate) fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// This project's program.
pub(crate) fn ours() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bastion-revoke"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("ALIBABA_CLOUD_") || text.starts_with("BASTION_REVOKE_") {
            command.env_remove(&name);
        }
    }
    command.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid");
    command.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret");
    command.env("BASTION_REVOKE_INSTANCE_ID", "bastionhost-cn-abc");
    command
}

/// Kills a process, as a power cut would.
pub(crate) fn kill(mut child: Child) -> anyhow::Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}
