//! Everything that is tested from outside, in one binary.

mod credentials;
mod endings;
mod faults;
#[cfg(target_os = "linux")]
mod fsync;
mod fuzz_entry;
mod guards;
mod imports;
mod kill;
mod outcome_file;
mod pace_grid;
mod pages;
mod readme;
mod real;
mod resume;
mod revoking;
mod sandbox;
mod sdk_conformance;
mod secrets;
mod sim_server;
mod simulation;
