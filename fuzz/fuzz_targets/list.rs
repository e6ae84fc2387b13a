//! Any bytes as a list of who must lose access.

#![no_main]

#[path = "../entry.rs"]
#[allow(dead_code, reason = "each target calls one of them")]
mod entry;

use libfuzzer_sys::fuzz_target;
use std::fs::File;
use std::sync::{Arc, LazyLock};

static SCRATCH: LazyLock<Arc<File>> =
    LazyLock::new(|| Arc::new(tempfile::tempfile().expect("a scratch file")));

fuzz_target!(|bytes: &[u8]| entry::list(bytes, &SCRATCH));
