//! How fast the pace rises while calls are accepted.
//!
//! Time is counted in *beats*: one accepted call at up to ten per second, a tenth of a second
//! above. So the rise per second never exceeds that at ten per second, which keeps it stable
//! when many calls are in flight.

/// Beats between two looks for the limit. With [`super::CUT`] per throttled call this balances
/// at about 0.6 % throttled at ten per second.
const PATIENCE: f64 = 167.0;
/// Two minutes. Longer would learn of a doubled quota too late to be of use.
const PATIENCE_MAX: f64 = 1200.0;
/// Each cheap throttle shortens a patience that an expensive one had stretched.
const PATIENCE_DECAY: f64 = 0.97;
/// Beats of patience for each second that a look at the limit closed the server beyond the
/// first half: closed for 2 s, we look again after 45 s.
const PATIENCE_PER_S: f64 = 300.0;
/// Where nothing is known about the quota the ramp begins after three quiet seconds.
const FIRST_RAMP: f64 = 30.0;
/// The ramp steepens by this much with each beat ...
const RAMP_GAIN: f64 = 3e-4;
/// ... up to 15 % a second: from 10 to 100 per second in about 20 s.
const RAMP_MAX: f64 = 0.015;

/// The patience with which we look for the limit.
#[derive(Debug, Clone)]
pub(super) struct Climb {
    /// Beats since the last throttled call.
    quiet: f64,
    /// Quiet beats after which the ramp begins.
    ramp_after: f64,
    /// Beats that should lie between two looks.
    patience: f64,
}

impl Climb {
    pub(super) fn new() -> Self {
        Self { quiet: 0.0, ramp_after: FIRST_RAMP, patience: PATIENCE }
    }

    /// The factor by which one more accepted call raises the pace.
    pub(super) fn step(&mut self, rate_per_s: f64) -> f64 {
        let beat = (10.0 / rate_per_s).min(1.0);
        // Slow quotas would take minutes to count as quiet; the fourth root meets them half-way
        // between calls and seconds, and is exact on every platform.
        self.quiet += if rate_per_s < 10.0 { (10.0 / rate_per_s).sqrt().sqrt() } else { beat };
        let mut rise = super::CUT / self.patience;
        if self.ramping() {
            // Where a look is expensive the ramp is gentle too, so that it ends in a short closure.
            let gentle = PATIENCE / self.patience;
            let steep = rise + (self.quiet - self.ramp_after) * RAMP_GAIN * gentle;
            rise = steep.min((RAMP_MAX * gentle * gentle).max(rise));
        }
        1.0 + rise * beat
    }

    /// Whether it was quiet for so long that we probe upward.
    pub(super) fn ramping(&self) -> bool {
        self.quiet > self.ramp_after
    }

    /// Whether the probe began from a pace that had lasted for a whole patience. Only such a
    /// pace is known to be good; the first ramps of a run begin after seconds.
    pub(super) fn ramping_from_known(&self) -> bool {
        self.ramping() && self.ramp_after >= PATIENCE
    }

    /// A call was throttled: the quiet is over.
    pub(super) fn disturbed(&mut self) {
        self.quiet = 0.0;
    }

    /// The limit was found, in new territory or about where it was before.
    pub(super) fn found(&mut self, new_territory: bool) {
        self.ramp_after =
            if new_territory { FIRST_RAMP } else { (self.ramp_after * 2.0).min(self.patience) };
    }

    /// Finding it closed the server for so long: the longer, the rarer we look.
    pub(super) fn paid(&mut self, closed_s: f64) {
        let wanted = ((closed_s - 0.5) * PATIENCE_PER_S).min(PATIENCE_MAX);
        self.patience = wanted.max((self.patience * PATIENCE_DECAY).max(PATIENCE));
    }

    /// After a closure the next ramp waits for the whole patience.
    pub(super) fn wait_whole_patience(&mut self) {
        self.ramp_after = self.patience;
    }
}
