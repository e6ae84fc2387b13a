//! Workers as processes.

use super::server::Redis;
use crate::sandbox::{INSTANCE, Sandbox, with_keys};
use bastion_revoke::sim::ACCESS_KEY_SECRET;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command, Stdio};

/// The stream of these tests.
pub(crate) const STREAM: &str = "revocations";

/// A worker, which is killed with the test.
pub(crate) struct Worker(pub(crate) Child);

impl Worker {
    /// `work` on the queue at a port, against a service, with more options.
    pub(crate) fn command(sandbox: &Sandbox, port: u16, endpoint: &str, more: &[&str]) -> Command {
        let queue = format!("redis://127.0.0.1:{port}/{STREAM}");
        let fixed = ["work", "--queue", &queue, "--endpoint", endpoint, "--instance-id", INSTANCE];
        let listen = ["--listen", "127.0.0.1:0", "--rate", "1000", "--linger", "20ms"];
        let mut command = sandbox.command(&[&fixed[..], &listen, more].concat());
        with_keys(&mut command, ACCESS_KEY_SECRET);
        command
    }

    pub(crate) fn start(sandbox: &Sandbox, redis: &Redis, endpoint: &str, more: &[&str]) -> Self {
        Self::spawn(Self::command(sandbox, redis.port, endpoint, more), sandbox)
    }

    pub(crate) fn spawn(mut command: Command, sandbox: &Sandbox) -> Self {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(sandbox.path("workers.log"))
            .expect("a log");
        command.stdout(Stdio::null()).stderr(log);
        Self(command.spawn().expect("a worker starts"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).expect("a pid");
        kill_process(Pid::from_raw(pid).expect("a pid"), signal).expect("it is there");
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Asks it to end, and gives its exit code.
    pub(crate) fn drain(mut self) -> i32 {
        self.signal(Signal::TERM);
        self.0.wait().expect("it ends").code().unwrap_or(-1)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
