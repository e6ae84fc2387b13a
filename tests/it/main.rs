//! One binary for all integration tests.

mod credentials;
mod pace_grid;
mod sdk_conformance;
mod sim_server;
