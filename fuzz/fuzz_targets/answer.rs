//! Any bytes as the answer to an accepted request.

#![no_main]

#[path = "../entry.rs"]
#[allow(dead_code, reason = "each target calls one of them")]
mod entry;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    entry::answer(bytes);
});
