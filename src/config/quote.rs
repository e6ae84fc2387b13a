//! A place in a settings file, and its line with the place underlined.

use crate::input::shown;
use std::ops::Range;

/// The maximum number of shown characters of a line.
const MOST_CHARS: usize = 60;

/// The line and column of a byte of the text, both from 1, the column in characters.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

/// The line on which `span` begins, with the span underlined. Nothing after `until` is shown, since
/// it may be a secret.
pub(super) fn underlined(text: &str, span: &Range<usize>, until: Option<usize>) -> String {
    let (number, column) = place(text, span.start);
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let cut = until.map_or(end, |until| until.clamp(start, end));
    let line = text[start..cut].trim_end();
    let line = if cut < end { format!("{line} ...") } else { line.to_owned() };
    if column > MOST_CHARS {
        return String::new();
    }
    // A tab is shown as its escape, and the underline must have that width.
    let width = |text: &str| console::measure_text_width(&shown(text));
    let indent = width(&text[start..span.start]);
    let marked = text.get(span.start..span.end.min(end).max(span.start)).unwrap_or_default();
    let marks = width(marked).clamp(1, MOST_CHARS + 3 - indent.min(MOST_CHARS));
    let number = number.to_string();
    let gutter = " ".repeat(number.len());
    format!(
        "\n  {number} | {}\n  {gutter} | {}{}",
        shown(&line),
        " ".repeat(indent),
        "^".repeat(marks)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_underline_is_below_the_place() {
        let text = "a = 1\n\u{4e2d}\u{6587} = \"x\"\n";
        let at = text.find('"').unwrap();
        assert_eq!(place(text, at), (2, 6));
        assert_eq!(
            underlined(text, &(at..at + 3), None),
            "\n  2 | \u{4e2d}\u{6587} = \"x\"\n    |        ^^^"
        );
    }

    #[test]
    fn nothing_is_shown_after_the_limit() {
        let text = "secret = \"testsecret\"";
        assert_eq!(underlined(text, &(0..6), Some(6)), "\n  1 | secret ...\n    | ^^^^^^");
    }

    #[test]
    fn any_place_of_any_text_can_be_shown() {
        for text in ["", "\n", "x", "\t\u{1b}[2J\u{4e2d}\r\n", &"y".repeat(500)] {
            for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let quoted = underlined(text, &(at..text.len()), None);
                assert!(!quoted.contains('\u{1b}'), "{quoted:?}");
            }
        }
    }
}
