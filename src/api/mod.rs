//! The Bastionhost API: builds requests, signs and sends them, and decodes the answers.
//!
//! Product `Yundun-bastionhost`, version `2019-12-09`, RPC style. Facts that are only inferred are
//! marked where they are used. A [`crate::model::Request`] goes in; a
//! [`Reply`](client::Reply) with a [`Judgement`](response::Judgement) comes out.
//!
//! | to change | open |
//! |---|---|
//! | an operation, its parameters and field names | [`operation`], `compose` |
//! | signatures | [`sign`] |
//! | which code means what | [`error`] |
//! | how items of an answer are matched | [`response`] |
//! | rate and retries of reads | [`caller`] |
//! | users, assets, grants and rules, read | [`reading`] |
//! | locks, group members, deletion of keys | [`writing`] |
//! | HTTP, TLS, proxies | [`transport`] |
//! | clock correction, token renewal, retry headers | [`client`] |
//! | sources of keys | [`credentials`] |

pub mod caller;
pub mod client;
mod compose;
pub mod credentials;
pub mod endpoint;
pub mod error;
pub mod operation;
pub mod reading;
pub mod response;
mod sanitize;
pub mod sign;
pub mod transport;
pub mod tree;
pub mod writing;

/// The version of the API, sent with every request.
pub const VERSION: &str = "2019-12-09";
