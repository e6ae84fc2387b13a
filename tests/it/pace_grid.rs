//! The rate controller against simulated servers: every published cell keeps its bound.

use std::path::Path;

#[path = "../../examples/pace_grid/lab/mod.rs"]
#[expect(dead_code, reason = "the example can print more than the test checks")]
mod lab;

use bastion_revoke::engine::rate_controller::RateController;
use lab::client::{Outcome, Pacer, Scenario, play};
use lab::grid::{self, SEEDS};
use lab::page;
use lab::server::Counting;

fn run(scenario: &Scenario, seed: u64) -> Outcome {
    play(scenario, Pacer::Adaptive(Box::new(RateController::new(scenario.ceiling_per_s))), seed)
}

#[test]
fn every_cell_keeps_its_bound_and_the_page_shows_it() {
    let page = page::page();
    let (steady, jobs) =
        page.split_once("\n## Jobs from their first second\n").expect("both parts");
    let broken: Vec<&str> = steady.lines().filter(|line| line.contains("**NO**")).collect();
    assert!(broken.is_empty(), "bounds broken:\n{}", broken.join("\n"));

    // The page explains the rows that miss it.
    let missed = jobs.lines().filter(|line| line.ends_with("| **NO** |")).count();
    assert!(missed <= 60, "{missed} rows of jobs miss their bound");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/pace.md");
    let published = std::fs::read_to_string(path).expect("docs/src/pace.md is there");
    assert!(
        published == page,
        "docs/src/pace.md is out of date; cargo run --example pace_grid > docs/src/pace.md"
    );
}

#[test]
fn other_seeds_and_another_quota_give_the_same_result_on_average() {
    let seeds: Vec<u64> = (5001..=5010).collect();
    for cell in grid::steady(&[7.0], &seeds) {
        // If nothing announces the end of a window of a minute, the controller probes, and is a
        // little late: five points below the goal at worst.
        let slack = if cell.name[0] == "fixed window 60 s" { 5.0 } else { 0.0 };
        let (used, throttled) = cell.limits();
        assert!(cell.adaptive.used * 100.0 >= used - slack, "{cell:?}");
        assert!(cell.adaptive.throttled * 100.0 <= throttled, "{cell:?}");
    }
}

#[test]
fn below_the_quota_nothing_is_throttled_and_no_gap_is_too_short() {
    for seed in SEEDS {
        for counting in grid::SERVERS {
            let mut scenario = Scenario::steady(counting, 10.0, (20, 500));
            scenario.ceiling_per_s = 7.0;
            let outcome = run(&scenario, seed);
            assert!(outcome.shortest_gap_s >= 1.0 / 7.0 - 1e-9, "{outcome:?}");
            assert!(outcome.used > 0.69, "{outcome:?}");
            // With large jitter, evenly sent calls may arrive in bursts: only then can a window or
            // a log be full.
            if counting == Counting::TokenBucket {
                assert!(outcome.throttled <= 0.0, "{outcome:?}");
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let scenario = Scenario::steady(Counting::SlidingLog, 10.0, (20, 500));
    assert_eq!(run(&scenario, 4), run(&scenario, 4));
    assert_ne!(run(&scenario, 4), run(&scenario, 5));
}

#[test]
fn a_quota_below_the_floor_still_lets_the_run_finish() {
    // One call in ten seconds: half of the calls are throttled, and none is the last.
    let mut scenario = Scenario::steady(Counting::FixedWindow(60), 0.1, (20, 30));
    scenario.ceiling_per_s = 10.0;
    let outcome = run(&scenario, 1);
    assert!(outcome.used > 0.7, "{outcome:?}");
}
