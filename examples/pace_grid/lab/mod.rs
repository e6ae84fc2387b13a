//! A test bench for the rate controller: servers with a quota, a network with latency, and clients,
//! all in virtual time. The example prints the results; a test checks their bounds.

pub(crate) mod client;
pub(crate) mod grid;
pub(crate) mod jobs;
pub(crate) mod page;
pub(crate) mod server;
