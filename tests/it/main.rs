//! One binary for all integration tests.

mod kill;
mod pace_grid;
mod real;
mod resume;
mod sdk_conformance;
mod sim_server;
