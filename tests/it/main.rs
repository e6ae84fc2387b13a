//! Everything that is tested from outside, in one binary.

mod configuration;
mod credentials;
mod dependencies;
mod endings;
mod excel;
mod export;
mod faults;
#[cfg(target_os = "linux")]
mod fsync;
mod fuzz_entry;
mod guards;
mod imports;
mod kill;
mod memory;
mod messages;
mod names;
mod on_finish;
mod only;
mod outcome_file;
mod overwriting;
mod pace_grid;
mod pages;
mod prompt;
mod queue;
mod readme;
mod real;
mod resume;
mod revoking;
mod sandbox;
mod sdk_conformance;
mod secrets;
mod sim_server;
mod simulation;
mod sizes;
mod spreadsheets;
mod status;
