//! The grant of each input row.

use super::GrantId;
use crate::grants::NO_GRANT;
use std::sync::atomic::AtomicU32;

/// Set for a row that another row stands for; the other bits are the number of that row.
pub(super) const DUPLICATE: u32 = 1 << 31;

/// For each input row the grant it asks for: four bytes a row. The outcome needs nothing else of a
/// plan.
#[derive(Debug)]
pub struct Rows(Vec<u32>);

impl Rows {
    /// From the result of each row.
    pub(super) fn of(rows: Vec<AtomicU32>) -> Self {
        Self(rows.into_iter().map(AtomicU32::into_inner).collect())
    }

    /// The number of input rows, including those without a grant.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The grant that a row, from 0, asks for, and the row that stands for all that ask for it;
    /// `None` for a row without a grant.
    pub fn get(&self, row: usize) -> Option<(GrantId, usize)> {
        match self.0[row] {
            NO_GRANT => None,
            grant if grant & DUPLICATE == 0 => Some((grant, row)),
            other => {
                let standing = (other & !DUPLICATE) as usize;
                Some((self.0[standing], standing))
            }
        }
    }

    /// How many rows ask for a grant.
    pub(super) fn asking(&self) -> usize {
        self.0.iter().filter(|row| **row != NO_GRANT).count()
    }
}
