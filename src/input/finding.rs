//! Errors and warnings as they are shown.

use std::sync::Arc;

use super::diagnostics::{Problem, ProblemSink};
use super::excerpt::Excerpt;
use super::problem_kind::ProblemKind;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is sent.
    Error,
    /// It may be right, or it may be a mistake.
    Warning,
}

/// A problem with the text at its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// The problem.
    pub problem: Problem,
    /// The text at its position; `None` if there is nothing to show.
    pub excerpt: Option<Excerpt>,
}

/// Findings of one kind about an input as a whole. They are known when all of the input has been
/// read.
#[derive(Debug, Clone)]
pub struct FindingGroup {
    /// The severity of all of them.
    pub severity: Severity,
    /// Their kind.
    pub kind: ProblemKind,
    /// How many there are.
    pub count: u64,
    /// The first few.
    pub shown: Vec<Finding>,
}

impl FindingGroup {
    /// A header without rows below it.
    pub(super) fn no_rows(source: &Arc<str>, line: u64) -> Self {
        let (severity, kind) = (Severity::Warning, ProblemKind::NoRows);
        let mut problems = Vec::new();
        let problems_of_list =
            &mut ProblemSink { problems: &mut problems, source, line, names: &[], numbered: false };
        problems_of_list.add(kind, None, "");
        let finding = |problem| Finding { severity, problem, excerpt: None };
        let shown = problems.into_iter().map(finding).collect();
        Self { severity, kind, count: 1, shown }
    }
}
