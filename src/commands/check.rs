//! `check`: reads and validates a list without network; with `--online`, names are looked up.

use super::list::{self, SHOWN};
use super::names;
use crate::cli::CheckArgs;
use crate::config::{InputSettings, RequestSettings};
use crate::exit::{Exit, Failure};
use crate::guards::Protection;
use crate::input::{Damage, Finding, Format, InputError, Severity, Syntax};
use crate::report::text::things;
use crate::report::{findings, print};
use crate::resolve;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The maximum number of findings printed as JSON.
const SHOWN_JSON: usize = 1000;

/// Reads the list and prints its findings.
pub async fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let settings = InputSettings::settle(&args.input)?;
    let strict = settings.strict;
    let sources = list::sources(&settings.inputs)?;
    let shown = args.show.unwrap_or(if args.json { SHOWN_JSON } else { SHOWN });
    let mut options = settings.options;
    if resolve::has_names(&sources, &options) {
        if args.online {
            let lookups = RequestSettings::settle(&args.lookups, 0);
            options = names::resolve_online(&sources, &options, &lookups).await?;
        } else {
            options.names = Some(Arc::default());
        }
    }
    let options = Arc::new(options);
    let mut read = list::look_through(sources, &options, &Protection::default(), shown)?.findings;
    let stopped = read.stopped.take();
    let is_wrong = read.report.rows() > 0
        || read.report.is_list_wrong()
        || (strict && read.report.warnings() > 0);
    let exit = if is_wrong { Exit::InvalidInput } else { Exit::Done };
    if args.json {
        return match stopped {
            Some(InputError::Damaged(damage)) => {
                print::json(&Findings::of(&read, Some(&damage)))?;
                Ok(Exit::InvalidInput)
            }
            Some(error) => Err(error.into()),
            None => print::json(&Findings::of(&read, None)).map(|()| exit),
        };
    }
    for format in &read.formats {
        print::line(&format.to_string())?;
    }
    if !read.report.is_empty() {
        let is_coloured = findings::is_coloured(&std::io::stdout());
        print::text(&format!("\n{}", findings::everything(&read.report, is_coloured)))?;
    }
    if let Some(error) = stopped {
        return Err(list::failure(error));
    }
    if read.unresolved > 0 {
        print::line(&format!(
            "{} with names that were not looked up: pass --online, or use run, which looks them up first",
            things(usize::try_from(read.unresolved).unwrap_or(usize::MAX), "row", "rows")
        ))?;
    }
    if exit == Exit::Done {
        print::line(&match rows(&read.formats) {
            0 => "no rows".to_owned(),
            1 => "1 row, valid".to_owned(),
            rows => format!("{rows} rows, all valid"),
        })?;
    } else if read.report.rows() == 0 && !read.report.is_list_wrong() {
        print::line("no invalid rows, but --strict treats warnings as errors")?;
    }
    Ok(exit)
}

fn rows(formats: &[Format]) -> u64 {
    formats.iter().map(|format| format.rows).sum()
}

/// The output of `check --json`. Members are only ever added.
#[derive(Serialize)]
struct Findings<'a> {
    /// Data rows that were read.
    rows: u64,
    /// Rows that are invalid.
    invalid: u64,
    /// Number of warnings.
    warnings: u64,
    /// Number of errors by code. A row may have several.
    counts: BTreeMap<&'static str, u64>,
    /// Number of warnings by code.
    warning_counts: BTreeMap<&'static str, u64>,
    /// Errors and warnings in full: the first `--show` rows, and as many warnings.
    problems: Vec<Problem<'a>>,
    /// The error that stopped the reading; the rest of the list is unknown. Else `null`.
    damage: Option<Stopped<'a>>,
    /// The format of each input.
    inputs: Vec<Input<'a>>,
}

#[derive(Serialize)]
struct Problem<'a> {
    /// `error` or `warning`.
    severity: &'static str,
    code: &'static str,
    file: &'a str,
    /// The physical line on which the row begins, from 1.
    line: u64,
    /// The field's number from 1; `null` for JSON, and where a row as a whole is wrong.
    column: Option<usize>,
    column_name: Option<&'a str>,
    /// The physical line on which the cell begins, and its character from 1 in that line.
    at_line: Option<u64>,
    at_character: Option<u64>,
    /// The value, escaped and cut.
    found: &'a str,
    message: String,
    remedy: &'a str,
}

#[derive(Serialize)]
struct Stopped<'a> {
    code: &'static str,
    file: &'a str,
    line: Option<u64>,
    column: Option<usize>,
    column_name: Option<&'a str>,
    message: &'a str,
    remedy: &'a str,
}

#[derive(Serialize)]
struct Input<'a> {
    file: &'a str,
    rows: u64,
    /// `csv` or `jsonl`.
    syntax: &'static str,
    /// `,`, `;` or a tab; `null` for JSON Lines.
    separator: Option<char>,
    encoding: &'static str,
    gzip: bool,
    /// The column of each field.
    fields: BTreeMap<&'static str, &'a str>,
}

impl<'a> Findings<'a> {
    fn of(read: &'a crate::first_pass::Findings, damage: Option<&'a Damage>) -> Self {
        let report = &read.report;
        let counts = |severity| {
            report
                .counts()
                .filter(move |(of, ..)| *of == severity)
                .map(|(_, kind, count)| (kind.code(), count))
                .collect()
        };
        Self {
            rows: rows(&read.formats),
            invalid: report.rows(),
            warnings: report.warnings(),
            counts: counts(Severity::Error),
            warning_counts: counts(Severity::Warning),
            problems: report.findings().map(Problem::of).collect(),
            damage: damage.map(Stopped::of),
            inputs: read.formats.iter().map(Input::of).collect(),
        }
    }
}

impl<'a> Problem<'a> {
    fn of(finding: &'a Finding) -> Self {
        let Finding { severity, problem, excerpt } = finding;
        let column = problem.column.as_ref();
        Self {
            severity: match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code: problem.kind.code(),
            file: &problem.name,
            line: problem.line,
            column: column.and_then(|column| column.number),
            column_name: column.map(|column| column.name.as_str()),
            at_line: excerpt.as_ref().map(|excerpt| excerpt.line),
            at_character: excerpt.as_ref().map(|excerpt| excerpt.character),
            found: &problem.found,
            message: problem.message(),
            remedy: &problem.remedy,
        }
    }
}

impl<'a> Stopped<'a> {
    fn of(damage: &'a Damage) -> Self {
        let column = damage.column.as_ref();
        Self {
            code: damage.kind.code(),
            file: &damage.name,
            line: damage.line,
            column: column.and_then(|column| column.number),
            column_name: column.map(|column| column.name.as_str()),
            message: &damage.found,
            remedy: &damage.remedy,
        }
    }
}

impl<'a> Input<'a> {
    fn of(format: &'a Format) -> Self {
        Self {
            file: &format.name,
            rows: format.rows,
            syntax: findings::syntax_name(format.syntax),
            separator: match format.syntax {
                Syntax::Csv { delimiter } => Some(char::from(delimiter)),
                Syntax::JsonLines => None,
            },
            encoding: format.encoding.name(),
            gzip: format.gzip,
            fields: format.fields.iter().map(|(field, name)| (field.name(), &**name)).collect(),
        }
    }
}
