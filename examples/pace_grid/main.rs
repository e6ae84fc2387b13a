//! Prints how well the adaptive pace does, as Markdown: `cargo run --example pace_grid`.
//!
//! With `--unseen`: quotas, latencies, windows and seeds that the bounds were not set by.

use std::io::Write as _;

mod lab;

fn main() -> std::io::Result<()> {
    let unseen = std::env::args().nth(1).is_some_and(|option| option == "--unseen");
    let page = if unseen { lab::page::unseen() } else { lab::page::page() };
    std::io::stdout().lock().write_all(page.as_bytes())
}
