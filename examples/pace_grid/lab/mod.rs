//! A laboratory for the adaptive pace: servers with a quota, a network with latency, and clients,
//! all in virtual time. The example prints what it measures; a test holds it to its bounds.

pub(crate) mod client;
pub(crate) mod grid;
pub(crate) mod jobs;
pub(crate) mod page;
pub(crate) mod server;
