//! A folder for each test, the command in it, a simulated service in this process, and access to
//! the outcome.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use bastion_revoke::clock::SystemClock;
use bastion_revoke::sim::server::{self, Running};
use bastion_revoke::sim::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, Audit, Service, Settings};

/// The bastion host of lists that don't name one.
pub(crate) const INSTANCE: &str = "bastionhost-cn-test";

/// Variables of the machine that would change the command's behaviour.
fn is_foreign(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["ALIBABA_", "BASTION_"].iter().any(|prefix| name.starts_with(prefix))
        || name.ends_with("_PROXY")
        || ["COLUMNS", "NO_COLOR", "RUST_LOG", "XDG_CONFIG_HOME"].contains(&name.as_str())
}

/// A folder that is removed with the test.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its name.
    pub(crate) fn file<'n>(&self, name: &'n str, content: impl AsRef<[u8]>) -> &'n str {
        std::fs::write(self.path(name), content).expect("a file in the sandbox");
        name
    }

    /// Copies `samples/NAME` here and returns its name.
    pub(crate) fn sample<'n>(&self, name: &'n str) -> &'n str {
        self.file(name, std::fs::read(sample(name)).expect("the sample"))
    }

    /// The command in this folder, without a terminal and without keys.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.isolated(env!("CARGO_BIN_EXE_bastion-revoke"));
        command.args(args);
        command
    }

    /// A shell in this folder, with the same environment.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = self.isolated("bash");
        command.args(["-c", script]);
        command
    }

    fn isolated(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if is_foreign(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        // No search for keys leaves this machine.
        command.env("BASTION_REVOKE_STS_ENDPOINT", "http://127.0.0.1:1");
        command.env("BASTION_REVOKE_METADATA_ENDPOINT", "http://127.0.0.1:1");
        command
    }

    /// `run LIST` against a service, with the right keys and a high rate.
    pub(crate) fn run_command(&self, list: &str, endpoint: &str, more: &[&str]) -> Command {
        let args = ["run", list, "--instance-id", INSTANCE, "--endpoint", endpoint];
        let mut command = self.command(&[&args[..], &["--rate", "1000"], more].concat());
        with_keys(&mut command, ACCESS_KEY_SECRET);
        command
    }

    pub(crate) fn ends(&self, args: &[&str]) -> Ended {
        Ended::of(&self.command(args).output().expect("the command starts"))
    }

    /// The rows of an outcome by column name.
    pub(crate) fn outcome(&self, name: &str) -> Vec<Row> {
        let mut table = csv::Reader::from_path(self.path(name)).expect("an outcome");
        table.deserialize().collect::<Result<_, _>>().expect("an outcome in CSV")
    }

    /// The names of all files here.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the sandbox");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

/// One row of an outcome.
pub(crate) type Row = BTreeMap<String, String>;

pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

/// The test key with that secret.
pub(crate) fn with_keys(command: &mut Command, secret: &str) {
    command.env("ALIBABA_CLOUD_ACCESS_KEY_ID", ACCESS_KEY_ID);
    command.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret);
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Fails unless it ended with that code and that text on standard error.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, says: &str) -> Self {
        assert!(
            self.code == code && self.err.contains(says),
            "expected {code}, {says:?}: {self:?}"
        );
        self
    }
}

/// A simulated service in this process.
pub(crate) struct TestService {
    runtime: tokio::runtime::Runtime,
    running: Running,
}

impl TestService {
    pub(crate) fn start(settings: Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let service = Service::new(settings);
        let running =
            runtime.block_on(Running::start(service, Arc::new(SystemClock))).expect("a free port");
        Self { runtime, running }
    }

    /// Ends the service and starts another one on the same port.
    pub(crate) fn restart(self, settings: Settings) -> Self {
        let Self { runtime, running } = self;
        let port = running.addr().port();
        let running = runtime.block_on(async {
            running.stop().await;
            let listener = server::bind(port).await.expect("the same port");
            Running::start_on(listener, Service::new(settings), Arc::new(SystemClock))
        });
        Self { runtime, running: running.expect("a socket that listens") }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.running.endpoint()
    }

    pub(crate) fn audit(&self) -> Audit {
        self.running.audit()
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, duration: std::time::Duration) {
        self.runtime.block_on(async { tokio::time::sleep(duration).await });
    }

    /// Stops the service and returns its audit.
    pub(crate) fn stop(self) -> Audit {
        let audit = self.audit();
        self.runtime.block_on(self.running.stop());
        audit
    }
}

/// A program of a Debian package, which is installed if it is missing.
pub(crate) fn program(name: &str, package: &str) -> Command {
    static INSTALLING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = INSTALLING.lock().expect("no test panics while it installs");
    let is_there = |name: &str| Command::new(name).arg("--version").output().is_ok();
    if !is_there(name) {
        for arguments in [&["update"][..], &["install", "-y", "--no-install-recommends", package]] {
            let _ = Command::new("apt-get").arg("-qq").args(arguments).output();
        }
    }
    assert!(is_there(name), "this test needs {name}: install the package {package}");
    Command::new(name)
}
