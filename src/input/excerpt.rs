//! A piece of the input, cut and escaped so that a message can show it and underline a cell.

use std::ops::Range;

use super::diagnostics::push_escaped;

/// How many characters of a line are shown: with its number they fit a terminal of 80 columns,
/// where a broken line would leave the mark under something else.
const SHOWN: usize = 64;

/// At most this many characters are of the cell, and at least as many of the text after it.
const WITHIN: usize = 32;
const BEHIND: usize = 12;

/// Marks omitted text.
const CUT: &str = "...";

/// A part of one physical line, safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The physical line on which the marked piece begins, from 1.
    pub line: u64,
    /// The character of that line at which the marked piece begins, from 1.
    pub character: u64,
    /// The line, escaped, and cut around the marked piece.
    pub text: String,
    /// The bytes of [`Excerpt::text`] that are meant; none before a blank cell's separator.
    pub mark: Range<usize>,
}

impl Excerpt {
    /// Cuts an excerpt from a text whose first byte is at the start of the physical line
    /// `first_line`. A piece over several lines is shown up to the end of its first line.
    pub(super) fn cut(text: &str, first_line: u64, piece: Range<usize>) -> Self {
        let start = floor(text, piece.start.min(text.len()));
        let end = floor(text, piece.end.clamp(start, text.len()));
        let (line_start, breaks) = line_start(&text[..start]);
        let line_end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
        let within_end = end.min(line_end);
        let [before, within, behind] =
            [&text[line_start..start], &text[start..within_end], &text[within_end..line_end]];
        let mut shown = String::new();
        let characters = before.chars().count();
        let cell = within.chars().take(WITHIN).count();
        let most_behind = SHOWN.saturating_sub(characters + cell).max(BEHIND);
        let shown_behind = behind.chars().take(most_behind).count();
        let skipped = characters.saturating_sub(SHOWN - cell - shown_behind);
        if skipped > 0 {
            shown.push_str(CUT);
        }
        before.chars().skip(skipped).for_each(|c| push_escaped(&mut shown, c));
        let mark = shown.len();
        push_cut(&mut shown, within, WITHIN);
        if end > line_end {
            // The cell continues after the line break, which is part of it.
            text[line_end..].chars().take(1).for_each(|c| push_escaped(&mut shown, c));
            shown.push_str(CUT);
        }
        let mark = mark..shown.len();
        push_cut(&mut shown, behind, shown_behind);
        Self { line: first_line + breaks, character: characters as u64 + 1, text: shown, mark }
    }
}

fn push_cut(out: &mut String, text: &str, most: usize) {
    for (count, c) in text.chars().enumerate() {
        if count == most {
            out.push_str(CUT);
            return;
        }
        push_escaped(out, c);
    }
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Where the last line of a text begins, and how many line breaks stand before it.
fn line_start(text: &str) -> (usize, u64) {
    let start = text.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    (start, super::lines::line_breaks(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, piece: Range<usize>) -> (u64, u64, String) {
        let Excerpt { line, character, text, mark } = Excerpt::cut(text, 7, piece);
        (
            line,
            character,
            format!("{}[{}]{}", &text[..mark.start], &text[mark.clone()], &text[mark.end..]),
        )
    }

    #[test]
    fn the_piece_is_marked_on_its_own_line() {
        assert_eq!(marked("a,b,c", 2..3), (7, 3, "a,[b],c".into()));
        assert_eq!(marked("a,b,", 4..4), (7, 5, "a,b,[]".into()));
        assert_eq!(marked("a,\"x\r\ny\",中文,c", 9..15), (8, 4, "y\",[中文],c".into()));
        assert_eq!(marked("a,\"x\ny\",b", 3..6), (7, 4, "a,\"[x\\n...]".into()));
    }

    #[test]
    fn a_long_line_is_cut_on_both_sides_and_cannot_control_a_terminal() {
        let text = format!("{},\u{1b}[2J{},{}", "a".repeat(100), "b".repeat(100), "c".repeat(100));
        let (line, character, shown) = marked(&text, 101..205);
        assert_eq!((line, character), (7, 102));
        assert!(shown.starts_with("...aaa") && shown.contains(",[\\u{1b}[2Jbbb"), "{shown}");
        assert!(shown.contains("bbb...],ccc") && shown.ends_with("ccc..."), "{shown}");
        assert!(shown.len() < 160 && !shown.chars().any(char::is_control), "{shown}");
    }

    #[test]
    fn a_place_outside_the_text_or_inside_a_character_does_not_panic() {
        assert_eq!(marked("中", 1..2), (7, 1, "[]中".into()));
        assert_eq!(marked("", 5..9), (7, 1, "[]".into()));
    }
}
