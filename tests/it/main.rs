//! Everything that is tested from outside, in one binary.

mod endings;
mod faults;
mod imports;
mod pace_grid;
mod pages;
mod readme;
mod revoking;
mod sandbox;
mod sdk_conformance;
mod secrets;
mod sim_server;
