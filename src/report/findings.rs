//! Prints the findings of a list, each with an excerpt.

use super::logs;
use super::text::count;
use crate::input::{Excerpt, Finding, InputError, Report, Severity, Syntax};
use annotate_snippets::renderer::Renderer;
use annotate_snippets::{AnnotationKind, Group, Level, Padding, Snippet};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

/// Wider than any excerpt, which is already cut.
const WIDTH: usize = 400;

/// Whether text for this stream is coloured.
pub fn is_coloured(stream: &impl IsTerminal) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// All findings.
pub fn everything(report: &Report, is_coloured: bool) -> String {
    let mut out = shown(report.findings(), is_coloured);
    match report.rows() - report.shown_rows() {
        0 => {}
        1 => out += "... and 1 more invalid row\n",
        more => {
            let _ = writeln!(out, "... and {} more invalid rows", count(more));
        }
    }
    out + &counts(report, Severity::Error) + &counts(report, Severity::Warning)
}

/// The warnings only.
pub fn warnings(report: &Report, is_coloured: bool) -> String {
    let warnings = report.findings().filter(|finding| finding.severity == Severity::Warning);
    shown(warnings, is_coloured) + &counts(report, Severity::Warning)
}

/// Prints the findings on standard error: all, or warnings only. With a JSON log, each finding is
/// a log line.
pub fn print(report: &Report, is_everything: bool) {
    if logs::is_json() {
        return report.findings().for_each(log);
    }
    let text = if is_everything { everything } else { warnings };
    let mut stream = std::io::stderr();
    let text = text(report, is_coloured(&stream));
    // There is no other place to report that standard error is closed.
    let _ = stream.write_all(text.as_bytes());
}

fn log(finding: &Finding) {
    let Finding { severity, problem, .. } = finding;
    let (file, line, code) = (&*problem.name, problem.line, problem.kind.code());
    match severity {
        Severity::Error => tracing::error!(file, line, code, "{}", problem.message()),
        Severity::Warning => tracing::warn!(file, line, code, "{}", problem.message()),
    }
}

/// The error that stopped the reading, with an excerpt.
pub fn stopped(error: &InputError, is_coloured: bool) -> String {
    let mut out = error.to_string();
    if logs::is_json() {
        return out;
    }
    if let InputError::Damaged(damage) = error
        && let Some(excerpt) = &damage.excerpt
    {
        let group = Group::with_level(Level::ERROR).element(snippet(excerpt, ""));
        let _ = write!(out, "\n{}", renderer(is_coloured).render(&[group]));
    }
    out
}

fn shown<'f>(findings: impl Iterator<Item = &'f Finding>, is_coloured: bool) -> String {
    let renderer = renderer(is_coloured);
    let mut out = String::new();
    for finding in findings {
        let _ = writeln!(out, "{}\n", written(finding, &renderer));
    }
    out
}

fn renderer(is_coloured: bool) -> Renderer {
    let renderer = if is_coloured { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(WIDTH)
}

/// A finding in the usual form: what, where, excerpt, remedy. The place is written here, because
/// the renderer would compute it from the excerpt, which is cut and escaped.
fn written(finding: &Finding, renderer: &Renderer) -> String {
    let problem = &finding.problem;
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    // The content of a cell is in the excerpt; a message about a whole row is in the title.
    let title = match problem.column {
        None if !problem.found.is_empty() => format!("{}: {}", problem.kind.title(), problem.found),
        _ => problem.kind.title().to_owned(),
    };
    let title = Group::with_title(level.clone().primary_title(title).id(problem.kind.code()));
    let title = renderer.render(&[title]);
    let help = Level::HELP.message(&*problem.remedy);
    let Some(excerpt) = &finding.excerpt else {
        let help = renderer.render(&[Group::with_level(level).element(help)]);
        return format!("{title}\n --> {}:{}\n  |\n {help}", problem.name, problem.line);
    };
    let column = problem.column.as_ref().map(ToString::to_string).unwrap_or_default();
    let body =
        Group::with_level(level).element(snippet(excerpt, &column)).element(Padding).element(help);
    let Excerpt { line, character, .. } = excerpt;
    let indent = " ".repeat(line.to_string().len());
    let place = format!("{indent}--> {}:{line}:{character}", problem.name);
    format!("{title}\n{place}\n{}", renderer.render(&[body]))
}

fn snippet<'a>(
    excerpt: &'a Excerpt,
    label: &str,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let mark = AnnotationKind::Primary.span(excerpt.mark.clone());
    let mark = if label.is_empty() { mark } else { mark.label(label.to_owned()) };
    Snippet::source(&excerpt.text).line_start(place(excerpt.line)).annotation(mark)
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The number of findings by kind.
fn counts(report: &Report, severity: Severity) -> String {
    let counted: Vec<_> = report.counts().filter(|(of, ..)| *of == severity).collect();
    if counted.is_empty() {
        return String::new();
    }
    let of_list = "the list as a whole is wrong";
    let things =
        |number, one, many| format!("{} {}", count(number), if number == 1 { one } else { many });
    let rows = things(report.rows(), "invalid row", "invalid rows");
    let title = match severity {
        Severity::Error if report.rows() == 0 => of_list.to_owned(),
        Severity::Error if report.is_list_wrong() => format!("{rows}, and {of_list}"),
        Severity::Error => rows,
        Severity::Warning => things(report.warnings(), "warning", "warnings"),
    };
    let mut out = format!("{title}:\n");
    for (_, kind, times) in counted {
        let _ = writeln!(out, "{:>11}  {:<20} {}", count(times), kind.code(), kind.title());
    }
    out
}

/// The name of a syntax.
pub fn syntax_name(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Csv { .. } => "csv",
        Syntax::JsonLines => "jsonl",
    }
}
