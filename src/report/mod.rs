//! What people and scripts get to see: progress, summaries, and lines of text.

pub mod confirmation;
pub mod defects;
pub mod findings;
pub mod logs;
mod margin;
pub mod print;
pub mod progress;
pub mod queue_status;
mod recent;
pub mod summary;
