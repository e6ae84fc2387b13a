//! One row as the reader returns it.

use crate::model::{Grant, Status};

use super::cells::Cells;
use super::diagnostics::Problem;
use super::excerpt::Excerpt;
use super::origin::Origin;
use super::resolution::NameQuery;

/// The position of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Which input, from 0.
    pub source: usize,
    /// Its name.
    pub name: &'a str,
    /// The physical line on which the row begins, from 1. Every LF, CR LF and CR counts, inside
    /// quotes too.
    pub line: u64,
}

/// What a row contains.
#[derive(Debug, Clone, Copy)]
pub enum RowContent<'a> {
    /// It names this grant.
    Grant(Grant<'a>),
    /// It names no grant, for these reasons: at least one.
    Invalid(&'a [Problem]),
    /// It names objects that have not been looked up: at least one. With [`super::Options::names`]
    /// only.
    Unresolved(&'a [NameQuery]),
    /// It has this status in an outcome and is not sent again. Nothing else in it was parsed.
    Carried(Status),
}

/// One row, borrowed from the reader until the next one is read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its number among the data rows of all inputs, from 1.
    pub number: u64,
    /// Its position.
    pub place: Place<'a>,
    /// What it contains.
    pub content: RowContent<'a>,
    /// Its cells as they are in the input.
    pub cells: Cells<'a>,
    pub(super) origin: Origin<'a>,
}

impl Row<'_> {
    /// The cell of the column with that name in the row's own input; blank if it has none.
    pub fn named(&self, name: &str) -> &str {
        let own = self.origin.names.iter().position(|column| column == name);
        own.map_or("", |own| self.cells.own(own))
    }

    /// The text at the position of one of its problems.
    pub fn excerpt(&self, problem: &Problem) -> Excerpt {
        self.origin.excerpt(problem.at)
    }
}
