//! Log lines and the last word of a failure, both on standard error.

use crate::cli::{LogArgs, LogFormat};
use crate::exit::Failure;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How this process logs, once it has begun to.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Whether standard error is read by a machine.
pub(super) fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// Sets up logging for the whole process.
pub fn start(args: &LogArgs) {
    FORMAT.get_or_init(|| args.log_format);
    let level = match (args.quiet, args.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    // What the libraries tell is of use only to who asks for everything.
    let of_libraries = if args.verbose > 2 { level } else { level.min(LevelFilter::WARN) };
    let levels = Targets::new().with_default(of_libraries).with_target("bastion_revoke", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        // Said on standard error itself, where it would panic: a run outlives its log.
        .log_internal_errors(false)
        .with_ansi(!is_plain && std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(levels);
    match args.log_format {
        LogFormat::Text => registry.with(lines).init(),
        LogFormat::Json => registry.with(lines.json()).init(),
    }
}

/// Says why the command failed, as a line of the log where that is read by a machine.
pub fn failure(failure: &Failure, format: LogFormat) {
    if format == LogFormat::Json {
        tracing::error!(exit_code = failure.exit.code(), "{}", failure.message);
        return;
    }
    let _ = writeln!(std::io::stderr(), "error: {}", failure.message);
}
