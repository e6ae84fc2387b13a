//! One binary for all integration tests.

mod pace_grid;
mod sdk_conformance;
mod sim_server;
mod simulation;
