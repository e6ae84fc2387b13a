//! The values of the columns that `verify` adds to an outcome.

/// What a later reading of the service found of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Verified {
    /// The service lists it no more.
    Gone,
    /// The service still lists it.
    Still,
    /// The service lists it, and a group or a rule explains that.
    Elsewhere,
    /// It could not be read, or not since the revocation.
    Unchecked,
}

impl Verified {
    pub(super) const ALL: [Self; 4] = [Self::Gone, Self::Still, Self::Elsewhere, Self::Unchecked];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Still => "still",
            Self::Elsewhere => "elsewhere",
            Self::Unchecked => "unchecked",
        }
    }
}
