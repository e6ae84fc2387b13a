//! Sanitizes texts of the service: every character is printable, and the length is bounded.

use std::borrow::Cow;

/// Marks a truncated text.
const CUT: &str = "...";

/// Returns a text of at most `most` bytes, with control and invisible characters escaped, such as
/// `\u{1b}`. Borrowed texts are this tool's own and are returned unchanged.
pub(super) fn sanitize(text: Cow<'static, str>, most: usize) -> Cow<'static, str> {
    if matches!(text, Cow::Borrowed(_)) {
        return text;
    }
    if text.len() <= most && !text.chars().any(is_unseen) {
        return text;
    }
    let mut fitted = String::with_capacity(text.len().min(most));
    // As long as the text would be if it ended here and had to be cut.
    let mut cut_at = 0;
    for c in text.chars() {
        if is_unseen(c) {
            fitted.extend(c.escape_default());
        } else {
            fitted.push(c);
        }
        if fitted.len() > most {
            fitted.truncate(cut_at);
            fitted.push_str(CUT);
            break;
        }
        if fitted.len() + CUT.len() <= most {
            cut_at = fitted.len();
        }
    }
    fitted.into()
}

/// Control characters (of which a line end would break a row in two), ends of lines and paragraphs,
/// and what turns the direction of writing or has no width.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelt_out() {
        let dirty = "a\u{1b}[2J\n\u{7f}\u{9b}\u{202e}\u{2066}\u{feff}\0\u{4e2d} \u{e9}";
        let clean = r"a\u{1b}[2J\n\u{7f}\u{9b}\u{202e}\u{2066}\u{feff}\u{0}".to_owned();
        assert_eq!(sanitize(dirty.to_owned().into(), 2048), clean + "\u{4e2d} \u{e9}");
        assert!(matches!(sanitize("a plain one".into(), 2048), Cow::Borrowed(_)));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        for (text, most, expected) in [
            ("abcdef".to_owned(), 6, "abcdef"),
            ("abcdefg".to_owned(), 6, "abc..."),
            ("\u{4e2d}".repeat(3), 8, "\u{4e2d}..."),
            // An escape is cut as a whole, for half of one could be read as something else.
            ("ab\u{1b}cdefgh".to_owned(), 9, "ab..."),
        ] {
            assert_eq!(sanitize(text.clone().into(), most), expected, "{text}");
        }
        let long = "\u{1b}\u{4e2d}x".repeat(100_000);
        let kept = sanitize(long.into(), 2048);
        assert!(kept.len() <= 2048 && kept.len() > 2030 && kept.ends_with(CUT), "{}", kept.len());
    }
}
