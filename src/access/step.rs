//! How far a reading has come.

/// A stage of a reading, and how much of it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What is read, in the plural.
    pub what: &'static str,
    /// How many of them have been read.
    pub done: usize,
    /// How many there are.
    pub total: usize,
    /// Calls that the stages after this one take at least.
    pub calls_after: u64,
}

/// A function that receives every step.
pub type OnStep<'a> = &'a (dyn Fn(Step) + Send + Sync);
