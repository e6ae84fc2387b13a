//! Any bytes as the body of an error.

#![no_main]

#[path = "../entry.rs"]
#[allow(dead_code, reason = "each target calls one of them")]
mod entry;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| entry::error_body(bytes));
