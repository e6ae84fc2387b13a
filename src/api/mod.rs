//! The Bastionhost API: build a request, sign it, send it, decode and judge the answer.
//!
//! Product `Yundun-bastionhost`, version `2019-12-09`, RPC style. What is known of it only by
//! inference is said where it is used.

pub mod client;
mod compose;
pub mod credentials;
pub mod endpoint;
pub mod error;
mod fit;
pub mod operation;
pub mod response;
pub mod sign;
pub mod transport;
pub mod tree;

/// The version of the API, sent with every request.
pub const VERSION: &str = "2019-12-09";
