//! How often something happened lately.

use std::time::Duration;

/// Seconds that are looked back on.
const WINDOW_S: usize = 10;

/// Counts by the second, of the last ten of them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    counts: [u64; WINDOW_S],
    /// The second of the newest count, since the start.
    newest_s: u64,
}

impl Recent {
    /// Counts something that happened at `now` (since the start).
    pub(super) fn add(&mut self, now: Duration, count: u64) {
        self.drop_old(now);
        self.counts[place(now.as_secs())] += count;
    }

    /// Per second, over the last ten or since the start; nothing in the first second.
    pub(super) fn per_s(&mut self, now: Duration) -> Option<f64> {
        self.drop_old(now);
        let behind = (WINDOW_S as u64 - 1).min(now.as_secs());
        let begins = Duration::from_secs(now.as_secs() - behind);
        let span = now.saturating_sub(begins).as_secs_f64();
        (now >= Duration::from_secs(1)).then(|| {
            #[expect(clippy::cast_precision_loss, reason = "a number for people")]
            let counted = self.counts.iter().sum::<u64>() as f64;
            counted / span
        })
    }

    fn drop_old(&mut self, now: Duration) {
        let now_s = now.as_secs().max(self.newest_s);
        let passed = (now_s - self.newest_s).min(WINDOW_S as u64);
        for second in now_s + 1 - passed..=now_s {
            self.counts[place(second)] = 0;
        }
        self.newest_s = now_s;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "below ten")]
fn place(second: u64) -> usize {
    (second % WINDOW_S as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Option<f64>, b: f64) {
        assert!((a.unwrap() - b).abs() < 1e-9, "{a:?} {b}");
    }

    #[test]
    fn only_the_last_seconds_count() {
        let at = Duration::from_secs_f64;
        let mut recent = Recent::default();
        recent.add(at(0.1), 3);
        assert_eq!(recent.per_s(at(0.9)), None);
        recent.add(at(1.5), 5);
        close(recent.per_s(at(2.0)), 4.0);
        // Nine whole seconds and a half: from 1 to 10.5.
        close(recent.per_s(at(10.5)), 5.0 / 9.5);
        close(recent.per_s(at(12.0)), 0.0);
        recent.add(at(500.5), 19);
        close(recent.per_s(at(500.5)), 19.0 / 9.5);
    }
}
