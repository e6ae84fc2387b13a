//! The findings of a list: the first ones in full, all of them as counts.

use super::diagnostics::Problem;
use super::finding::{Finding, FindingGroup, Severity};
use super::problem_kind::ProblemKind;
use super::row::Row;

/// How many invalid rows, and how many list findings, are shown in full unless another number is given.
const SHOWN: usize = 20;

/// Collects findings: the first rows in full, all of them as counts. Its size is bounded.
#[derive(Debug, Clone)]
pub struct Report {
    most: usize,
    of_rows: Vec<Finding>,
    kept_rows: usize,
    rows: u64,
    of_lists: Vec<Finding>,
    errors: Vec<u64>,
    warnings: Vec<u64>,
}

impl Default for Report {
    fn default() -> Self {
        Self::showing(SHOWN)
    }
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty report that keeps so many invalid rows in full, and as many list
    /// findings.
    pub fn showing(most: usize) -> Self {
        let counts = || vec![0; ProblemKind::ALL.len()];
        Self {
            most,
            of_rows: Vec::new(),
            kept_rows: 0,
            rows: 0,
            of_lists: Vec::new(),
            errors: counts(),
            warnings: counts(),
        }
    }

    /// Adds an invalid row with all its problems.
    pub fn add(&mut self, row: &Row<'_>, problems: &[Problem]) {
        self.rows += 1;
        for problem in problems {
            self.errors[problem.kind as usize] += 1;
        }
        if self.kept_rows < self.most {
            self.kept_rows += 1;
            self.of_rows.extend(problems.iter().map(|problem| Finding {
                severity: Severity::Error,
                problem: problem.clone(),
                excerpt: Some(row.excerpt(problem)),
            }));
        }
    }

    /// Adds the findings about inputs as a whole, after the last row.
    pub fn add_list_findings(&mut self, groups: &[FindingGroup]) {
        for group in groups {
            let counts = match group.severity {
                Severity::Error => &mut self.errors,
                Severity::Warning => &mut self.warnings,
            };
            counts[group.kind as usize] += group.count;
            let left = self.most.saturating_sub(self.of_lists.len());
            // An error about the whole list is always shown.
            let most = if group.severity == Severity::Error { left.max(1) } else { left };
            self.of_lists.extend(group.shown.iter().take(most).cloned());
        }
    }

    /// How many rows were invalid.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many invalid rows are shown in full.
    pub fn shown_rows(&self) -> u64 {
        self.kept_rows as u64
    }

    /// Whether a list has an error that leaving rows out does not correct.
    pub fn is_list_wrong(&self) -> bool {
        self.of_lists.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// How many warnings there were.
    pub fn warnings(&self) -> u64 {
        self.warnings.iter().sum()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.counts().next().is_none()
    }

    /// What is shown in full: the first invalid rows, then findings about inputs as a whole.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.of_rows.iter().chain(&self.of_lists)
    }

    /// How often each problem occurred, those that occurred, errors first, each in the order of
    /// [`ProblemKind::ALL`].
    pub fn counts(&self) -> impl Iterator<Item = (Severity, ProblemKind, u64)> {
        let of = |severity, counts: &[u64]| {
            let counted = ProblemKind::ALL.iter().copied().zip(counts.to_vec());
            counted.map(move |(kind, count)| (severity, kind, count))
        };
        of(Severity::Error, &self.errors)
            .chain(of(Severity::Warning, &self.warnings))
            .filter(|&(.., count)| count > 0)
    }
}
