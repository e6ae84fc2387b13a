//! What was found in a list: so much of it in full as a person reads, all of it in numbers.

use super::diagnostics::Problem;
use super::excerpt::Excerpt;
use super::problem_kind::ProblemKind;
use super::reader::Row;

/// How many invalid rows, and how many doubts, are shown in full unless another number is given.
const SHOWN: usize = 20;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is sent.
    Error,
    /// It may be right, and it may be a mistake.
    Warning,
}

/// A problem, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// What is wrong, or may be.
    pub problem: Problem,
    /// What stands there; `None` where there is nothing to show.
    pub excerpt: Option<Excerpt>,
}

/// What may be wrong with valid rows: known only when all of an input has been read.
#[derive(Debug, Clone)]
pub struct Doubt {
    /// How grave it is.
    pub severity: Severity,
    /// The sort.
    pub kind: ProblemKind,
    /// How often it was found.
    pub count: u64,
    /// The first few.
    pub shown: Vec<Finding>,
}

/// Collects findings: the first rows in full, all of them in numbers. Its size is bounded.
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

    /// An empty report that keeps so many invalid rows in full, and as many doubts.
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

    /// Adds what a reader doubts after the last row.
    pub fn doubt(&mut self, doubts: &[Doubt]) {
        for doubt in doubts {
            let counts = match doubt.severity {
                Severity::Error => &mut self.errors,
                Severity::Warning => &mut self.warnings,
            };
            counts[doubt.kind as usize] += doubt.count;
            let left = self.most.saturating_sub(self.of_lists.len());
            // What stops a list is said whatever else there is.
            let most = if doubt.severity == Severity::Error { left.max(1) } else { left };
            self.of_lists.extend(doubt.shown.iter().take(most).cloned());
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

    /// Whether something is wrong with a list that leaving rows out does not mend.
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

    /// What is shown in full: the first invalid rows, then what is wrong or in doubt about lists.
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
