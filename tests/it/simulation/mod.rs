//! Deterministic simulation: the real dispatcher, rate limiter, retry and splitting in virtual
//! time, against the simulated service, over an unreliable network and a disk that can lose
//! unsynced records.
//!
//! A case is generated from its seed alone ([`case`]), run through all its crashes to completion
//! ([`restarts`]) and checked against every promise ([`invariants`]). The same seed gives the same
//! trace, event by event. [`restoring`] adds a restore to a case; [`offboarding`] has the other steps
//! of an offboarding and their restore.
//!
//! * `cargo test --test it simulation` runs 10,000 seeds.
//! * `BASTION_REVOKE_SOAK=N` runs `N` times as many.
//! * `BASTION_REVOKE_SEED=S cargo test --test it one_seed -- --nocapture` replays the seed `S` and
//!   prints its trace.

mod case;
mod clock;
mod disk;
mod environment;
mod faults;
mod invariants;
mod log;
mod offboarding;
mod restarts;
mod restoring;
mod scenario;
mod wire;

use case::Case;
use std::ops::Range;

/// How many seeds every `cargo test` runs.
const SEEDS: u64 = 10_000;
/// Threads, for a test machine with two cores.
const THREADS: u64 = 2;
/// One seed in so many is run twice to compare the traces.
const TWICE: u64 = 16;
/// Stop after so many broken seeds.
const ENOUGH: usize = 5;

/// The result of one seed.
struct Checked {
    broken: Vec<String>,
    hash: u64,
    words: String,
}

/// A runtime with one thread and paused time, which advances only when the runtime is idle.
fn virtual_time() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

/// Runs one seed in a runtime of its own, in virtual time.
fn check(seed: u64, with_trace: bool) -> Checked {
    let result = virtual_time().block_on(restarts::run_to_completion(Case::draw(seed), with_trace));
    let broken = invariants::broken(&result);
    let state = result.environment.state();
    Checked { broken, hash: state.log.hash(), words: state.log.words().to_owned() }
}

/// Runs the seeds and returns the failures.
fn check_all(seeds: Range<u64>, step: u64) -> Vec<String> {
    let mut wrong = Vec::new();
    for seed in seeds.step_by(usize::try_from(step).expect("few threads")) {
        let found = std::panic::catch_unwind(|| {
            let checked = check(seed, false);
            let mut found = checked.broken;
            if seed % TWICE == 0 && check(seed, false).hash != checked.hash {
                found.push("the same seed gave another trace".to_owned());
            }
            found
        });
        let found = found.unwrap_or_else(|_| vec!["a panic, printed above".to_owned()]);
        if !found.is_empty() {
            wrong.push(format!(
                "seed {seed}: {}\n  replay: BASTION_REVOKE_SEED={seed} cargo test --test it \
                 one_seed -- --nocapture",
                found.join("\n  ")
            ));
        }
        if wrong.len() >= ENOUGH {
            break;
        }
    }
    wrong
}

#[test]
fn every_promise_holds_under_every_fault() {
    let times = std::env::var("BASTION_REVOKE_SOAK").ok().and_then(|text| text.parse().ok());
    let seeds = SEEDS * times.unwrap_or(1_u64);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|first| scope.spawn(move || check_all(first..seeds, THREADS)))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_seed_replays_to_the_same_trace() {
    let seed = std::env::var("BASTION_REVOKE_SEED").ok().and_then(|text| text.parse().ok());
    let checked = check(seed.unwrap_or(7), true);
    if seed.is_some() {
        println!("{}", checked.words);
    }
    assert!(checked.broken.is_empty(), "{}", checked.broken.join("\n"));
    let again = check(seed.unwrap_or(7), true);
    let lines = checked.words.lines().zip(again.words.lines());
    if let Some((left, right)) = lines.into_iter().find(|(left, right)| left != right) {
        panic!("the same seed went another way:\n{left}\n{right}");
    }
    assert_eq!(checked.hash, again.hash);
}

/// Plays every scenario of `tests/scenarios`.
#[test]
fn every_scenario_ends_as_expected() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("tests/scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a scenario");
        let found = virtual_time().block_on(scenario::play(&text));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        wrong.extend(found.into_iter().map(|why| format!("{name}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_scenario_with_an_unknown_key_is_refused() {
    let text = std::fs::read_to_string("tests/scenarios/poisoned-id.toml").expect("a scenario");
    for key in ["colour = 1\n", "[settings]\ncolour = 1\n"] {
        let wrong = virtual_time().block_on(scenario::play(&format!("{key}{text}")));
        assert!(wrong.len() == 1 && wrong[0].contains("unknown field `colour`"), "{wrong:?}");
    }
}
