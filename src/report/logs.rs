//! Log lines and the final error message, both on standard error.

use crate::exit::Failure;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Whether this process writes its log as JSON, once it has started to.
static IS_JSON: OnceLock<bool> = OnceLock::new();

/// How a process logs.
#[derive(Debug, Clone, Copy)]
pub struct LogSettings {
    /// Errors only.
    pub quiet: bool,
    /// 0 for warnings, up to 3 for everything.
    pub verbosity: u8,
    /// JSON lines instead of text.
    pub json: bool,
}

/// Whether log lines are JSON.
pub(super) fn is_json() -> bool {
    IS_JSON.get() == Some(&true)
}

/// Sets up logging for the whole process.
pub fn start(settings: LogSettings) {
    IS_JSON.get_or_init(|| settings.json);
    let level = match (settings.quiet, settings.verbosity) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    // Logs of libraries only help when everything is logged.
    let of_libraries = if settings.verbosity > 2 { level } else { level.min(LevelFilter::WARN) };
    let levels = Targets::new().with_default(of_libraries).with_target("bastion_revoke", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        // Such errors are printed to standard error and panic if that fails; a run outlives its log.
        .log_internal_errors(false)
        .with_ansi(!is_plain && std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(levels);
    if settings.json {
        registry.with(lines.json()).init();
    } else {
        registry.with(lines).init();
    }
}

/// Prints why the command failed; as a line of the log if `json`.
pub fn failure(failure: &Failure, json: bool) {
    if json {
        tracing::error!(exit_code = failure.exit.code(), "{}", failure.message);
        return;
    }
    let _ = writeln!(std::io::stderr(), "error: {}", failure.message);
}
