//! What a worker has in hand: rows that are gathered, windows on their way, and entries that wait for
//! another try.

use super::scripts::Entry;
use crate::engine::{Control, StopCause};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The pause after a service that does not answer, and after what needs no haste.
const LONG_PAUSE: Duration = Duration::from_secs(15);
/// See there.
pub(super) const SHORT_PAUSE: Duration = Duration::from_millis(500);

/// What came of a window.
pub(super) struct WindowEnd {
    pub(super) open: Vec<Entry>,
    pub(super) rows: usize,
    pub(super) causes: Vec<StopCause>,
}

/// What a worker has in hand.
pub(super) struct Hands {
    pub(super) gathered: Vec<Entry>,
    pub(super) gathered_at: Instant,
    /// Entries for another try, and when.
    pub(super) again: Vec<(Instant, Entry)>,
    pub(super) windows: JoinSet<WindowEnd>,
    pub(super) in_windows: usize,
    /// How many rows the heaviest of the entries held that came last: a guess at the next.
    pub(super) heaviest: usize,
    pub(super) stopping: bool,
    pub(super) causes: Vec<StopCause>,
    /// Entries that ended this worker, whose delivery counts.
    pub(super) guilty: Vec<String>,
    pub(super) drain: watch::Sender<Control>,
}

impl Hands {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            gathered: Vec::new(),
            gathered_at: Instant::now(),
            again: Vec::new(),
            windows: JoinSet::new(),
            in_windows: 0,
            heaviest: 1,
            stopping: false,
            causes: Vec::new(),
            guilty: Vec::new(),
            drain: watch::Sender::new(Control::Run),
        }
    }

    /// How many rows are held.
    pub(super) fn held(&self) -> usize {
        let again: usize = self.again.iter().map(|(_, entry)| rows_of(entry)).sum();
        weight(&self.gathered) + self.in_windows + again
    }

    /// How many more entries may be read where there is room for so many rows: at least one.
    pub(super) fn entries_in(&self, room: usize) -> usize {
        (room / self.heaviest.max(1)).max(1)
    }

    /// When something is due by itself.
    pub(super) fn wake_at(&self, linger: Duration) -> Instant {
        let far = Instant::now() + LONG_PAUSE;
        let linger = if self.gathered.is_empty() { far } else { self.gathered_at + linger };
        self.again.iter().map(|(at, _)| *at).chain([linger]).min().unwrap_or(far)
    }

    /// Takes back what a window has left.
    pub(super) fn window_ended(&mut self, ended: Result<WindowEnd, tokio::task::JoinError>) {
        let WindowEnd { open, rows, causes } = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Whatever it held comes back to somebody once its lease is over.
                return self.causes.push(StopCause::Internal(format!("a window died: {error}")));
            }
        };
        self.in_windows -= rows;
        let mut pause = SHORT_PAUSE;
        for cause in causes {
            match cause {
                StopCause::Signal | StopCause::Deadline => {}
                StopCause::Unreachable { .. } => pause = LONG_PAUSE,
                // What is wrong with some messages must not stop the others.
                StopCause::RefusedAlike { code, message } => {
                    tracing::warn!(code, message, "requests were refused alike");
                }
                cause => {
                    if matches!(cause, StopCause::Routing { .. }) {
                        self.guilty.extend(
                            open.iter().filter(|e| e.sent > 0).map(|entry| entry.id.clone()),
                        );
                    }
                    if !self.causes.contains(&cause) {
                        self.causes.push(cause);
                    }
                }
            }
        }
        let at = Instant::now() + pause;
        self.again.extend(open.into_iter().map(|entry| (at, entry)));
    }
}

pub(super) fn is_unit(entry: &Entry) -> bool {
    entry.fields.first().is_some_and(|(name, _)| name == super::message::UNIT.as_bytes())
}

/// A unit may hold a hundred rows; reading it to know better costs more than it is worth.
pub(super) fn rows_of(entry: &Entry) -> usize {
    if is_unit(entry) { 50 } else { 1 }
}

pub(super) fn weight(entries: &[Entry]) -> usize {
    entries.iter().map(rows_of).sum()
}
