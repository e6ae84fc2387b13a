//! The engine: everything between a plan and the verdicts.

pub mod pace;
