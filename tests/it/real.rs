//! Shared by the tests of the real binary: a folder of its own, the command, the simulated service.

use bastion_revoke::clock::SystemClock;
use bastion_revoke::sim::server::Running;
use bastion_revoke::sim::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, Service, Settings};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

/// Starts the simulated service.
pub(crate) async fn serve(settings: Settings) -> Running {
    Running::start(Service::new(settings), Arc::new(SystemClock)).await.expect("a free port")
}

/// A folder in which the real binary works on `list.csv` and writes `outcome.csv`.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder");
        let mut names: Vec<String> = entries
            .map(|e| e.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    /// Every file with its content.
    pub(crate) fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let read = |name: String| {
            let content = fs::read(self.path(&name)).expect("a file");
            (name, content)
        };
        self.names().into_iter().map(read).collect()
    }

    /// The binary in that folder, with the test keys and no other environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bastion-revoke"));
        self.settle(&mut command);
        command.args(arguments);
        command
    }

    /// A shell in that folder; the binary is `$BIN`.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        self.settle(&mut command);
        command.env("BIN", env!("CARGO_BIN_EXE_bastion-revoke")).args(["-c", script]);
        command
    }

    fn settle(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ACCESS_KEY_SECRET)
            .current_dir(self.folder.path())
            .stdin(std::process::Stdio::null());
    }

    /// `run list.csv` against that service, with more arguments.
    pub(crate) fn run(&self, service: &Running, more: &[&str]) -> Ended {
        Ended::of(self.run_command(service, more).output().expect("the binary starts"))
    }

    pub(crate) fn run_command(&self, service: &Running, more: &[&str]) -> Command {
        let endpoint = service.endpoint();
        let fixed = ["run", "list.csv", "--yes", "--instance-id", "i-1", "--endpoint", &endpoint];
        self.command(&[&fixed, more].concat())
    }

    /// The outcome's rows, as maps from column to cell.
    pub(crate) fn outcome(&self) -> Vec<BTreeMap<String, String>> {
        rows(&self.path("outcome.csv"))
    }

    /// One column of the outcome.
    pub(crate) fn column(&self, name: &str) -> Vec<String> {
        self.outcome().into_iter().map(|row| row[name].clone()).collect()
    }
}

/// The rows of a CSV file, as maps from column to cell.
pub(crate) fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut table = csv::Reader::from_path(path).expect("an outcome");
    table.deserialize().map(|row| row.expect("a row")).collect()
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it prints text");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Checks that a text was printed, on either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "{text}: {self:#?}");
        self
    }
}
