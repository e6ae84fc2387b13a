//! One binary for all integration tests.

mod sdk_conformance;
mod sim_server;
