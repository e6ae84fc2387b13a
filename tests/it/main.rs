//! One binary for all integration tests.

mod fuzz_entry;
mod outcome_file;
mod pace_grid;
mod sdk_conformance;
mod sim_server;
mod simulation;
