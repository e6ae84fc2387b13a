//! Standard error as a terminal that is reported a few columns narrower.
//!
//! indicatif fills the line of its bar, and a terminal echoes Ctrl-C as `^C` at the cursor. Without
//! free columns the echo would wrap to the next line and leave the bar behind.

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io;

/// Columns left free for the echo.
const FREE_COLUMNS: u16 = 4;

/// Maximum redraws per second.
const HZ: u8 = 20;

#[derive(Debug)]
struct NarrowTerminal(Term);

/// A bar with a message on standard error; hidden without a terminal.
pub(super) fn bar(total: u64, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { standard_error() };
    let style = ProgressStyle::with_template("  [{bar:12}] {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::with_draw_target(Some(total), target).with_style(style)
}

fn standard_error() -> ProgressDrawTarget {
    let terminal = Term::buffered_stderr();
    if terminal.features().is_attended() {
        ProgressDrawTarget::term_like_with_hz(Box::new(NarrowTerminal(terminal)), HZ)
    } else {
        ProgressDrawTarget::hidden()
    }
}

impl TermLike for NarrowTerminal {
    fn width(&self) -> u16 {
        TermLike::width(&self.0).saturating_sub(FREE_COLUMNS).max(1)
    }
    fn height(&self) -> u16 {
        TermLike::height(&self.0)
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }
    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
