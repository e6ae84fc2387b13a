//! Every block of commands in README and in the book runs, page by page, against the simulated
//! service. A block is fenced as `sh`, or as `console` where the page shows the output.
//!
//! Further words of the fence change how it runs:
//!
//! - `exit=N`: it ends with N, and not with 0.
//! - `world`: against the service with `samples/world.toml`. Without it, whatever a request names is
//!   granted once, and reads are refused.
//! - `background`: it runs until the page ends, such as a worker.
//! - `parse`: it cannot run here, such as `apt`; its command lines of this tool are only parsed.
//!
//! Addresses of Redis lead to a server of the test, and `--port 8470` to a free port.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};

use bastion_revoke::cli::command;
use bastion_revoke::sim::world::World;
use bastion_revoke::sim::{ACCESS_KEY_SECRET, Settings};

use super::markdown::{Block, Markdown};
use super::{pages_with_commands, read, root};
use crate::pages::without_times;
use crate::queue::{Redis, free_port};
use crate::sandbox::{Ended, Sandbox, TestService, with_keys};

/// How README calls the command before it is installed.
const FROM_SOURCE: &str = "cargo run --release -- ";

/// What a block's fence says.
struct Marks {
    exit: i32,
    world: bool,
    background: bool,
    parse: bool,
}

impl Marks {
    /// `None` where the block has no commands.
    fn of(block: &Block) -> Option<Self> {
        let mut words = block.info.split_whitespace();
        words.next().filter(|word| ["sh", "console"].contains(word))?;
        let mut marks = Self { exit: 0, world: false, background: false, parse: false };
        for word in words {
            match (word, word.strip_prefix("exit=")) {
                (_, Some(code)) => marks.exit = code.parse().expect("an exit code"),
                ("world", _) => marks.world = true,
                ("background", _) => marks.background = true,
                ("parse", _) => marks.parse = true,
                _ => panic!("a fence has an unknown word: {}", block.info),
            }
        }
        Some(marks)
    }
}

/// The commands of a block, and under each what the page shows of its output.
fn commands(block: &Block) -> Vec<(String, Option<String>)> {
    if !block.info.starts_with("console") {
        return vec![(block.text.clone(), None)];
    }
    let parts = block.text.strip_prefix("$ ").expect("a console begins with `$ `");
    let parts = parts.split("\n$ ").map(|part| {
        // A line that ends with a backslash goes on.
        let is_end = |at: &usize| !part[..*at].ends_with('\\');
        let end = part.match_indices('\n').map(|(at, _)| at).find(is_end).unwrap_or(part.len());
        let (command, shown) = part.split_at(end);
        (command.to_owned(), Some(shown.trim_start_matches('\n').trim_end().to_owned()))
    });
    parts.collect()
}

/// Whether an output is as shown; a line `...` stands for any lines.
fn is_as_shown(output: &str, shown: &str) -> bool {
    let mut parts = shown.split("...\n");
    let Some(mut rest) = output.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.trim().is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.trim_end().ends_with(last.trim_end())
}

/// A page's folder, services and environment.
struct Stage {
    sandbox: Sandbox,
    services: [TestService; 2],
    redis: Option<Redis>,
    port: u16,
    background: Vec<Child>,
}

impl Stage {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.path("bin")).expect("a folder");
        symlink(env!("CARGO_BIN_EXE_bastion-revoke"), sandbox.path("bin/bastion-revoke"))
            .expect("a link");
        for entry in fs::read_dir(root().join("tests/it/readme/bin")).expect("stand-ins") {
            let file = entry.expect("an entry").path();
            let copy = sandbox.path("bin").join(file.file_name().expect("a name"));
            fs::copy(&file, &copy).expect("a copy");
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("permissions");
        }
        symlink(root().join("samples"), sandbox.path("samples")).expect("a link");
        let world = Settings { world: Some(World::sample()), ..Settings::default() };
        let services = [TestService::start(Settings::default()), TestService::start(world)];
        Self { sandbox, services, redis: None, port: free_port(), background: Vec::new() }
    }

    fn shell(&self, script: &str, marks: &Marks) -> Command {
        let mut shell = self.sandbox.shell(script);
        let mut path = OsString::from(self.sandbox.path("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        with_keys(&mut shell, ACCESS_KEY_SECRET);
        shell.env("PATH", path).env("BASTION_REVOKE_YES", "true");
        shell.env("BASTION_REVOKE_ENDPOINT", self.services[usize::from(marks.world)].endpoint());
        shell
    }

    /// The text with addresses that are of this test.
    fn local(&mut self, text: &str) -> String {
        let text =
            text.replace(FROM_SOURCE, "bastion-revoke ").replace("8470", &self.port.to_string());
        if !text.contains("redis.example/") {
            return text;
        }
        let redis = self.redis.get_or_insert_with(Redis::start);
        text.replace("rediss://redis.example/", &redis.queue(""))
    }

    /// Runs a block, or says what it does otherwise than its page says.
    fn run(&mut self, block: &Block, marks: &Marks) -> Result<(), String> {
        for (text, shown) in commands(block) {
            let script = self.local(&text);
            let stop = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT";
            let mut shell = self.shell(&format!("set -eu -o pipefail\n{stop}\n{script}"), marks);
            if marks.background {
                // A group of its own, so that all of it can be ended.
                self.background.push(shell.process_group(0).spawn().expect("a shell"));
                continue;
            }
            let ended = Ended::of(&shell.output().expect("a shell"));
            let output = ended.out + &ended.err;
            if ended.code != marks.exit {
                return Err(format!("{text}\nends with {}:\n{output}", ended.code));
            }
            let Some(shown) = shown else { continue };
            let shown = if shown.is_empty() { shown } else { shown + "\n" };
            if !is_as_shown(&without_times(&output), &without_times(&shown)) {
                return Err(format!("{text}\nprints:\n{output}"));
            }
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in &mut self.background {
            let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(group) = group {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
            }
            let _ = child.wait();
        }
    }
}

/// Runs the blocks of a page; how many there are, and what they do otherwise than the page says.
fn run_page(page: &Path) -> (usize, Vec<String>) {
    let blocks = Markdown::of(&read(&page.display().to_string())).blocks;
    let marked = blocks.iter().filter_map(|block| Some((block, Marks::of(block)?)));
    let run: Vec<_> = marked.filter(|(_, marks)| !marks.parse).collect();
    if run.is_empty() {
        return (0, Vec::new());
    }
    let mut stage = Stage::new();
    let failures = run.iter().filter_map(|(block, marks)| stage.run(block, marks).err());
    (run.len(), failures.map(|failure| format!("{}: {failure}", page.display())).collect())
}

#[test]
fn every_block_of_commands_does_what_its_page_says() {
    let pages = pages_with_commands();
    // Most of the time they wait for the pace.
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = pages.iter().map(|page| scope.spawn(|| run_page(page))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a page runs")).collect()
    });
    let failures: Vec<String> = results.iter().flat_map(|(_, failures)| failures.clone()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let count: usize = results.iter().map(|(count, _)| count).sum();
    assert!(count > 15, "the blocks are found: {count}");
}

/// The command lines of this tool in a block: pieces of the shell's lines that begin with its name.
fn own_command_lines(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ").replace(FROM_SOURCE, "bastion-revoke ");
    let pieces =
        text.lines().flat_map(|line| line.split(" | ")).flat_map(|part| part.split(" && "));
    let bare =
        pieces.map(|piece| piece.trim_start_matches("$ ").trim_start_matches("sudo ").trim());
    let own = bare.filter(|piece| piece.starts_with("bastion-revoke "));
    own.map(|piece| piece.trim_end_matches('&').to_owned()).collect()
}

#[test]
fn every_command_line_in_a_block_has_only_options_that_exist() {
    let mut count = 0;
    for page in pages_with_commands() {
        for block in Markdown::of(&read(&page.display().to_string())).blocks {
            // The examples of the help are in blocks of text.
            let has_commands = block.info == "text" || Marks::of(&block).is_some();
            let lines = has_commands.then(|| own_command_lines(&block.text));
            for line in lines.unwrap_or_default() {
                count += 1;
                let words =
                    shlex::split(&line).unwrap_or_else(|| panic!("{line}: quotation marks"));
                let words = words.into_iter().take_while(|word| !word.starts_with(['>', '#']));
                let parsed = command::parsing().try_get_matches_from(words);
                let error = parsed.err().filter(clap::Error::use_stderr);
                assert!(error.is_none(), "{}: {line}: {}", page.display(), error.expect("it is"));
            }
        }
    }
    assert!(count > 20, "the command lines are found: {count}");
}

#[test]
fn every_command_line_is_in_a_block_that_is_marked() {
    for page in pages_with_commands() {
        for block in Markdown::of(&read(&page.display().to_string())).blocks {
            let is_listing = ["text", "toml", "json", "csv"].iter().any(|kind| block.info == *kind);
            let is_checked = is_listing || Marks::of(&block).is_some();
            let lines = own_command_lines(&block.text);
            assert!(is_checked || lines.is_empty(), "{}: fence {lines:?} as sh", page.display());
        }
    }
}

#[test]
fn what_is_shown_is_compared_line_by_line() {
    assert!(is_as_shown("a\nb\nc\nd\n", "a\n...\nd\n"));
    assert!(is_as_shown("a\nb\n", "a\nb\n"));
    assert!(is_as_shown("a\nb\n", "a\n...\n") && is_as_shown("a\nb\n", "...\nb\n"));
    assert!(!is_as_shown("a\nb\n", "a\n"));
    assert!(!is_as_shown("a\nb\nc\n", "b\n...\nc\n"));
    assert!(!is_as_shown("a\nb\nc\n", "a\n...\nx\n"));
    let lines = own_command_lines("sudo bastion-revoke a \\\n  --b | x && bastion-revoke c &\n");
    assert_eq!(lines, ["bastion-revoke a    --b", "bastion-revoke c "]);
}
