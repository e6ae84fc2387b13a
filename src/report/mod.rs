//! What people and scripts get to see: progress, summaries, and lines of text.

pub mod logs;
pub mod print;
pub mod progress;
pub mod summary;
