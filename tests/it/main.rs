//! One binary for all integration tests.
mod pace_grid;
