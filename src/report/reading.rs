//! Progress of the first pass over a large list, by bytes.

use super::narrow_terminal;
use super::text::length;
use indicatif::{HumanBytes, ProgressBar};
use std::time::Duration;
use tokio::time::Instant;

/// A pass that ends before this is not drawn.
const DRAWN_AFTER: Duration = Duration::from_secs(1);

/// A bar on a terminal once the pass takes long; nothing without a terminal.
pub struct ReadingProgress {
    started: Instant,
    total_bytes: u64,
    quiet: bool,
    bar: Option<ProgressBar>,
}

impl ReadingProgress {
    /// Starts a pass over that many bytes.
    pub fn new(total_bytes: u64, quiet: bool) -> Self {
        Self { started: Instant::now(), total_bytes, quiet, bar: None }
    }

    /// Shows how many bytes have been read.
    pub fn on(&mut self, read_bytes: u64) {
        let elapsed = self.started.elapsed();
        if elapsed < DRAWN_AFTER {
            return;
        }
        let message = message(read_bytes, self.total_bytes, elapsed);
        let (total_bytes, quiet) = (self.total_bytes, self.quiet);
        let bar = self.bar.get_or_insert_with(|| narrow_terminal::bar(total_bytes, quiet));
        bar.set_message(message);
        bar.set_position(read_bytes);
        bar.tick();
    }
}

impl Drop for ReadingProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn message(read_bytes: u64, total_bytes: u64, elapsed: Duration) -> String {
    let done = format!("{}/{} read", HumanBytes(read_bytes), HumanBytes(total_bytes));
    if read_bytes == 0 || read_bytes >= total_bytes {
        return done;
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
    let left_s = elapsed.as_secs_f64() * (total_bytes - read_bytes) as f64 / read_bytes as f64;
    format!("{done}, about {} left", length(left_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pass_is_drawn_from_its_second_second_on() {
        let mut progress = ReadingProgress::new(4 << 20, true);
        tokio::time::advance(Duration::from_millis(999)).await;
        progress.on(1 << 19);
        assert!(progress.bar.is_none(), "a short pass needs no bar");
        tokio::time::advance(Duration::from_millis(1001)).await;
        progress.on(1 << 20);
        let bar = progress.bar.as_ref().expect("a bar");
        assert_eq!((bar.position(), bar.length()), (1 << 20, Some(4 << 20)));
        assert_eq!(bar.message(), "1.00 MiB/4.00 MiB read, about 6.0 s left");
        progress.on(4 << 20);
        let bar = progress.bar.as_ref().expect("a bar");
        assert_eq!(bar.message(), "4.00 MiB/4.00 MiB read");
    }
}
