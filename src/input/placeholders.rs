//! Words that stand for no value or for every value.
//!
//! Exports and people write them in place of an id. No id is spelt like that: the ids of a bastion
//! host are numbers.

/// Words that exports write for a missing value: SQL (`NULL`, `\N` of `mysqldump` and `COPY`), Python
/// (`None`, `nan`), R (`NA`), Ruby and Go (`nil`), JavaScript (`undefined`), pivot tables
/// (`(blank)`), and people. Compared without ASCII case and without brackets around them.
const MISSING: &[&str] = &[
    "null",
    "none",
    "nil",
    "nan",
    "na",
    "n/a",
    "n.a.",
    "n.a",
    "undefined",
    "blank",
    "empty",
    "\\n",
    "-",
    "--",
    "---",
    "\u{2013}",
    "\u{2014}",
    "\u{2014}\u{2014}",
    "无",
    "空",
    "暂无",
    "没有",
    "空白",
];

/// Words that people write for everything.
const ALL: &[&str] = &[
    "all",
    "any",
    "every",
    "everything",
    "全部",
    "所有",
    "全部账户",
    "所有账户",
    "任意",
    "全體",
    "全体",
];

/// The longest of these words with brackets, in bytes.
const MOST_BYTES: usize = 18;

/// Whether a value stands for a missing value.
pub(super) fn is_placeholder(value: &str) -> bool {
    is_one_of(value, MISSING)
}

/// Whether a value stands for every value.
pub(super) fn is_word_for_all(value: &str) -> bool {
    is_one_of(value, ALL)
}

/// Whether a value is one of either sort.
pub(super) fn is_no_value(value: &str) -> bool {
    value.len() <= MOST_BYTES && (is_placeholder(value) || is_word_for_all(value))
}

fn is_one_of(value: &str, words: &[&str]) -> bool {
    let value = without_brackets(value);
    value.len() <= MOST_BYTES && words.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A value without one pair of brackets around it: `(blank)`, `<null>`, `[NULL]`.
fn without_brackets(value: &str) -> &str {
    let pairs = [('(', ')'), ('<', '>'), ('[', ']'), ('{', '}'), ('\u{ff08}', '\u{ff09}')];
    let inside = pairs.iter().find_map(|&(open, close)| {
        value.strip_prefix(open).and_then(|value| value.strip_suffix(close))
    });
    inside.unwrap_or(value)
}

/// Pairs of typographic quotation marks, and signs that are used as such.
const QUOTES: &[(char, char)] = &[
    ('\u{201c}', '\u{201d}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{201e}', '\u{201d}'),
    ('\u{201a}', '\u{2018}'),
    ('\u{201a}', '\u{2019}'),
    ('\u{201d}', '\u{201d}'),
    ('\u{2019}', '\u{2019}'),
    ('\u{ab}', '\u{bb}'),
    ('\u{bb}', '\u{ab}'),
    ('\u{2039}', '\u{203a}'),
    ('\u{203a}', '\u{2039}'),
    ('\u{300c}', '\u{300d}'),
    ('\u{300e}', '\u{300f}'),
    ('\u{301d}', '\u{301e}'),
    ('\u{300a}', '\u{300b}'),
    ('\u{3010}', '\u{3011}'),
    ('`', '`'),
    ('\u{b4}', '\u{b4}'),
    ('`', '\u{b4}'),
];

/// The value between typographic quotation marks, if it is in such marks.
pub(super) fn without_typographic_quotes(value: &str) -> Option<&str> {
    QUOTES.iter().find_map(|&(open, close)| value.strip_prefix(open)?.strip_suffix(close))
}

/// Whether a value holds a typographic quotation mark anywhere.
pub(super) fn has_typographic_quote(value: &str) -> bool {
    value.contains(|c| QUOTES.iter().any(|&(open, close)| c == open || c == close))
}
