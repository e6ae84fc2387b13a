//! All constants of the rate controller, with what they mean.
//!
//! They follow from the grid of `docs/src/pace.md` and were checked with other quotas, latencies and
//! seeds (`docs/src/pace-unseen.md`): a change of one needs both pages again.

use std::time::Duration;

// ---- Limits, and the small steps ----

/// The starting rate, unless the ceiling is lower: a little below the 10 per second that the API's
/// pages give for sibling operations.
pub const START_PER_S: f64 = 9.5;

/// The default of `--rate`. A higher ceiling makes a run search for a higher quota by slow start.
pub const DEFAULT_CEILING_PER_S: f64 = 10.0;

/// The rate never falls below one request in five seconds (or the ceiling, if that is lower). The
/// controller must notice when a server accepts calls again, and a throttled call never counts as
/// an attempt.
pub const FLOOR_PER_S: f64 = 0.2;

/// A wait that the server asks for is kept for at most a day.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The decrease for one isolated throttled call.
pub(super) const CUT: f64 = 0.01;
/// The decrease for one throttled call among others.
pub(super) const CUT_MAX: f64 = 0.07;
/// A burst lowers the rate by at most half.
pub(super) const CUT_STRONG: f64 = 0.5;
/// The first throttled call takes back the increase of the last five seconds, but at most a tenth.
pub(super) const TAKE_BACK: f64 = 0.9;
pub(super) const TAKE_BACK_PER_S: f64 = 0.2;
/// A rate that is higher than the last limit by this factor is new territory.
pub(super) const NEW_TERRITORY: f64 = 1.05;
/// A longer wait is an exhaustion ...
pub(super) const EXHAUSTION_WAIT_S: f64 = 2.0;
/// ... and one longer than this is a pause of the whole operation, not of one call.
pub(super) const PAUSING_WAIT_S: f64 = 0.25;

// ---- Bursts of throttled calls ----

/// The share of a burst that remains after each accepted call.
pub(super) const BURST_DECAY: f64 = 0.88;
/// A burst: three throttled calls with few accepted ones between.
pub(super) const BURST: f64 = 3.0;
/// With throttled calls `n` accepted calls apart, the rate is too high by about `1/n`. Most of that
/// is taken off at once, and the rest at the next one.
pub(super) const CUT_SHARE: f64 = 0.5;

// ---- Slow start ----

/// The doubling time of slow start, in seconds.
pub(super) const DOUBLING_S: f64 = 0.25;
/// The doubling time in round trips, where they are long.
pub(super) const DOUBLING_ROUND_TRIPS: f64 = 1.5;
/// The doubling time after the first throttled call, in seconds.
pub(super) const RECOVERY_DOUBLING_S: f64 = 2.0;
/// The longest time that one accepted call counts for, in doubling times: silence is no evidence.
pub(super) const LONGEST_STEP: f64 = 0.5;
/// The weight of the latest round trip in their moving average.
pub(super) const ROUND_TRIP_WEIGHT: f64 = 0.2;
/// Accepted calls are counted over this time.
pub(super) const COUNTED: Duration = Duration::from_secs(1);
/// If the ceiling is above the quota, it shows within this time.
pub(super) const AT_CEILING: Duration = Duration::from_secs(2);
/// The share of the calls accepted in the last second that a token bucket can sustain.
pub(super) const SUSTAINED: f64 = 0.5;

// ---- Exhausted quotas ----

/// This many throttled calls, with none accepted between them, mean that the quota is exhausted ...
pub(super) const EXHAUSTED_AFTER: u32 = 4;
/// ... unless they arrive within this time.
pub(super) const EXHAUSTED_FOR_S: f64 = 0.1;
/// When slow start ends, the rate is several times the quota, so a token bucket, too, throttles some
/// calls one after the other. This many mean that the quota is exhausted.
pub(super) const EXHAUSTED_AFTER_SLOW_START: u32 = 6;
/// In the first second, this share of the rate before looks for the end: windows are often that short.
/// The quota of half of the time between two of these requests, ten calls, is lost on average.
pub(super) const PROBED_S: f64 = 1.0;
pub(super) const PROBE_SHARE: f64 = 0.05;
/// Later, each throttled call doubles the time to the next, up to two seconds.
pub(super) const LEAST_PROBES_PER_S: f64 = 0.5;
/// A shorter exhaustion gives no more information about the quota than a single throttled call.
pub(super) const SHORT_S: f64 = 0.3;
/// The rate continues a little below the estimate. The next probe corrects a rate that is too low,
/// while a rate above the quota exhausts every window.
pub(super) const BELOW_ESTIMATE: f64 = 0.997;
/// An estimate from a time when the rate was low is too low. It lowers the rate at most to this
/// share.
pub(super) const LOWEST_SHARE: f64 = 0.4;
/// A short wait after a long time without one means a small excess: the quota is not exceeded by
/// more than this. Servers round their waits, so even this may be too much.
pub(super) const LOWEST_SHARE_AFTER_QUIET: f64 = 0.98;
pub(super) const QUIET_S: f64 = 5.0;
/// There is no estimate from a shorter time than this ...
pub(super) const LEAST_ESTIMATED_S: f64 = 1.0;
/// ... and the rate falls to this share.
pub(super) const WITHOUT_ESTIMATE: f64 = 0.7;

// ---- Probes for the limit ----

/// Ticks between two probes for the limit. With [`CUT`] per throttled call, about 0.6 % of
/// the calls are throttled at ten per second.
pub(super) const PATIENCE: f64 = 180.0;
/// Two minutes. A longer patience would detect a doubled quota too late to be useful.
pub(super) const PATIENCE_MAX: f64 = 1200.0;
/// Each cheap throttled call shortens a patience that an expensive one has extended.
pub(super) const PATIENCE_DECAY: f64 = 0.97;
/// Ticks of patience for each second of exhaustion that a probe caused, beyond the first half:
/// after 2 s of exhaustion, the next probe follows after 45 s.
pub(super) const PATIENCE_PER_S: f64 = 300.0;
/// A probe may also be expensive in calls: with slow answers, many are in flight when the first is
/// throttled. Beyond this number, each adds this share to the patience.
pub(super) const CHEAP: f64 = 5.0;
pub(super) const PATIENCE_PER_CALL: f64 = 0.4;
/// Throttled calls with fewer quiet ticks between them belong to the same probe.
pub(super) const APART: f64 = 10.0;
/// While the quota is unknown, the ramp starts after three quiet seconds.
pub(super) const FIRST_RAMP: f64 = 30.0;
/// A ramp rises by about this share during one window, and by four times as much in two: it may
/// exhaust a window, but not long before its end.
pub(super) const RAMP_IN_WINDOW: f64 = 0.06;
/// With short windows it rises by at most 15 % per second: from 10 to 100 per second in about 20 s.
pub(super) const RAMP_MAX: f64 = 0.015;
/// A single call raises a slow rate by no more than this many ticks would.
pub(super) const TICKS_PER_CALL: f64 = 5.0;
/// The estimate of the window's length in seconds, while nothing is known and at most.
pub(super) const WINDOW_S: f64 = 2.0;
pub(super) const WINDOW_MAX_S: f64 = 120.0;
/// Each cheap throttled call is evidence for a shorter window.
pub(super) const WINDOW_DECAY: f64 = 0.95;
/// The quota is volatile if a lasting rate is less than this share of the lasting rate before (or
/// the other way round) ...
pub(super) const CHANGED: f64 = 0.67;
/// ... for so many ticks: five minutes at ten per second and above.
pub(super) const VOLATILE_TICKS: f64 = 3000.0;
/// Probes for a volatile quota follow after this share of the patience.
pub(super) const VOLATILE_PATIENCE_SHARE: f64 = 0.55;
