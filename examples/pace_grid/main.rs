//! Prints how well the adaptive pace does, as Markdown: `cargo run --example pace_grid`.
//!
//! With `--unseen`: other quotas, latencies and windows, and seeds that nothing was tuned by.

use std::io::Write as _;

mod lab;

fn main() -> std::io::Result<()> {
    let unseen = std::env::args().nth(1).is_some_and(|option| option == "--unseen");
    let page = if unseen { lab::page::unseen() } else { lab::page::page() };
    std::io::stdout().lock().write_all(page.as_bytes())
}
