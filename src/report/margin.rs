//! Standard error as a terminal that is a little narrower than it is.
//!
//! indicatif fills the line of its bar to the end, and a terminal echoes Ctrl-C as `^C` where the
//! cursor stands: on the next line, so that the bar would be left behind when it is taken away.

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};
use std::io;

/// Room for what a terminal echoes.
const MARGIN_COLUMNS: u16 = 4;

/// Draws this often at most.
const HZ: u8 = 20;

#[derive(Debug)]
struct Margin(Term);

/// Where a bar is drawn: nowhere off a terminal.
pub(super) fn standard_error() -> ProgressDrawTarget {
    let terminal = Term::buffered_stderr();
    if terminal.features().is_attended() {
        ProgressDrawTarget::term_like_with_hz(Box::new(Margin(terminal)), HZ)
    } else {
        ProgressDrawTarget::hidden()
    }
}

impl TermLike for Margin {
    fn width(&self) -> u16 {
        TermLike::width(&self.0).saturating_sub(MARGIN_COLUMNS).max(1)
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
