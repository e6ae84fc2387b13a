//! Prints the results of the rate controller as Markdown: `cargo run --example pace_grid`.
//!
//! With `--unseen`: other quotas, latencies and windows, and seeds that were not used during the
//! design.

use std::io::Write as _;

mod lab;

fn main() -> std::io::Result<()> {
    let page = match std::env::args().nth(1).as_deref() {
        Some("--unseen") => lab::page::unseen(),
        Some("--jobs") => lab::page::jobs(),
        _ => lab::page::page(),
    };
    std::io::stdout().lock().write_all(page.as_bytes())
}
