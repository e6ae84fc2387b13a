//! The pages that show what was measured.

use std::fmt::Write as _;

use super::client::Outcome;
use super::grid::{self, Cell, SEEDS, STEP_SEEDS};
use super::jobs;
use super::server::Counting;

const HEAD: &str = "\
# The adaptive pace, measured

The quota of the API is unknown, shared with others, and changes. The pace finds it from the
answers alone (`src/engine/rate_controller/`). This page is written by the tests' own simulation, in virtual
time: `cargo run --example pace_grid > docs/src/pace.md`. A test fails when a bound is broken or the
page is out of date.

**used**: accepted calls, of those that the quota allows. **throttled**: throttled calls, of those
sent. **hints**: the server tells how long to wait. **latency**: from sending to answer, uniform
between the two, half of it each way. `--rate` is four times the quota, and there are always
enough workers. Ten minutes are counted after one minute of warm-up, in whole windows where the
server counts in windows. Each number is the mean of three seeds.

**best constant pace**: who knew the quota and sent at a constant share of it could use this much
with at most 1 % throttled (paces in steps of 1 % of the quota). The **bound** is a fixed goal
on token buckets, and on fixed windows with little jitter; elsewhere at most 3 points less of
the quota and 1 point more throttled than that best constant pace.
";

const STEPS: &str = "
## The quota changes

10, 5, 20, 10, 3 calls per second, two minutes each, `--rate 40`, ten seeds; everything is
counted, the start too. The constant pace is told each change at once. Bound: 90 % used, or 4.2
points less than that constant pace where it reaches less than 94 %; 3 % throttled (3.3 % on windows of
a second with much jitter, where slow start shows). With much
jitter it does not reach them: there calls are throttled by chance at the right pace too, and a
fall or a rise is slow to tell from chance.

On windows of 60 s nobody does well: when the quota falls in the middle of a window, the server
is closed until it ends (and is asked meanwhile, hence 4 % throttled at most), and a pace that is
too low shows only by a look at the limit, which may cost half a window.
";

const OTHERS: &str = "
## Other circumstances

Ten per second at 20 to 30 ms unless told otherwise. The constant pace knows neither of the
competitor nor of `--rate` nor of hints. Where a hint is rounded up to whole seconds, every
throttled call costs up to a second of the quota: on windows of a second such a server is used
worse with hints obeyed than without, and they are obeyed all the same.
";

const JOBS: &str = "
## Jobs from their first second

The quota is unknown and `--rate` is far above it, so a run begins with slow start. **floor**: the
least time that the server's counting allows, its burst included. **known**: a constant rate of 99 %
of the quota, known beforehand. **ours**: the controller. Times are in seconds until the last request
is accepted; each is the mean over hints off and on, one operation and three operations that share the
quota, and three seeds. **Bound**: 1.15 x floor + 1.5 s on token buckets and windows of a second; at
most 2 % throttled for 1,000 requests and more. No request fails: a throttled one is sent again.

Rows with **NO** miss a bound, for one of three reasons. The burst of the server covers the whole job
(floor 0), which no client can know beforehand: a rate that knows the quota misses those bounds too.
The latency is long: the calls of a whole round trip are in flight before the first throttled answer
arrives. Or the quota is below the start of 9.5 per second: the first second overshoots, and falling
windows are told from a wrong rate only after some seconds.
";

/// The section about short jobs.
pub(crate) fn jobs() -> String {
    let mut page = JOBS.to_owned();
    page.push_str("\n| server | quota | latency | requests | floor | known | ours | bound | throttled | kept |\n|---|--:|---|--:|--:|--:|--:|--:|--:|---|\n");
    for row in jobs::rows(&grid::SERVERS, &[5.0, 20.0, 50.0, 200.0, 500.0], &SEEDS) {
        let job = row.job;
        let bound = row.bound_s().map_or("-".to_owned(), |bound| format!("{bound:.1}"));
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {bound} | {:.1} % | {} |",
            job.counting.name(),
            job.quota_per_s,
            grid::latency(job.latency_ms),
            job.requests,
            row.floor_s,
            row.known_s,
            row.ours.wall_s,
            row.throttled_percent(),
            if row.holds() { "yes" } else { "**NO**" },
        );
    }
    page
}

/// The whole page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Steady quotas\n\n");
    table(&mut page, &["server", "quota", "latency", "hints"], &steady());
    page.push_str(STEPS);
    page.push('\n');
    table(
        &mut page,
        &["server", "latency", "hints"],
        &grid::steps(&grid::STEPS, &grid::SERVERS, &STEP_SEEDS),
    );
    page.push_str(OTHERS);
    page.push('\n');
    table(&mut page, &["circumstance", "server"], &grid::others(&SEEDS));
    page.push_str(&jobs());
    page
}

/// The steady cells of the page.
pub(crate) fn steady() -> Vec<Cell> {
    grid::steady(&[10.0, 100.0], &SEEDS)
}

/// Other quotas, latencies and windows, and seeds that nothing was chosen by.
pub(crate) fn unseen() -> String {
    let seeds: Vec<u64> = (1001..=1050).collect();
    let mut page = "\
# The adaptive pace on other parameters and fresh seeds

Fifty fresh seeds each: `cargo run --release --example pace_grid -- --unseen`. The bounds are the
same as on `pace.md`, and **NO** marks where they do not hold. The seeds played no part in the
design. The parameters are not wholly unseen: these cells, with other seeds, showed where the
rules for long windows and long latencies were wrong.

## Steady quotas

"
    .to_owned();
    let mut cells = Vec::new();
    let servers = [
        Counting::TokenBucket,
        Counting::FixedWindow(1),
        Counting::FixedWindow(10),
        Counting::FixedWindow(60),
        Counting::SlidingLog,
    ];
    for latency_ms in [(5, 5), (20, 30), (20, 500), (900, 1100)] {
        for counting in servers {
            for quota in [7.0, 23.0, 37.0, 250.0] {
                cells.extend(grid::steady_pair(counting, quota, latency_ms, &seeds));
            }
        }
    }
    table(&mut page, &["server", "quota", "latency", "hints"], &cells);
    for quotas in [[20.0, 8.0, 4.0, 15.0, 30.0], [100.0, 40.0, 150.0, 60.0, 20.0]] {
        let named: Vec<String> = quotas.iter().map(f64::to_string).collect();
        let _ = writeln!(page, "\n## The quota changes: {} per second\n", named.join(", "));
        table(&mut page, &["server", "latency", "hints"], &grid::steps(&quotas, &servers, &seeds));
    }
    page
}

fn table(page: &mut String, names: &[&str], cells: &[Cell]) {
    let rule = "|---".repeat(names.len());
    let names = names.join(" | ");
    let _ = writeln!(
        page,
        "| {names} | used | throttled | best constant pace: used | throttled | bound: used | throttled | kept |\n\
         {rule}|--:|--:|--:|--:|--:|--:|---|"
    );
    for cell in cells {
        let name = cell.name.join(" | ");
        let (least, most) = cell.limits();
        let kept = if cell.holds() { "yes" } else { "**NO**" };
        let _ = writeln!(
            page,
            "| {name} | {} | {} | {least:.1} % | {most:.2} % | {kept} |",
            pair(cell.adaptive),
            pair(cell.best.1),
        );
    }
}

fn pair(outcome: Outcome) -> String {
    format!("{:.1} % | {:.2} %", outcome.used * 100.0, outcome.throttled * 100.0)
}
