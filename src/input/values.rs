//! Checks of single values. Ids are opaque text; the checks refuse what no id contains and mistakes
//! leave behind.

use super::MAX_VALUE_BYTES;
use super::diagnostics::is_invisible;
use super::placeholders::{
    has_typographic_quote, is_no_value, is_placeholder, is_word_for_all, without_typographic_quotes,
};
use super::problem_kind::ProblemKind;

/// A value without the ASCII blanks around it.
pub(super) fn trimmed(text: &str) -> &str {
    let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    // Nearly no value has blanks around it, and this is asked several times for every row.
    if blank(text.as_bytes().first()) || blank(text.as_bytes().last()) {
        text.trim_matches([' ', '\t'])
    } else {
        text
    }
}

/// Checks the id of a user, a target, an account on a host or a database, or an instance.
pub(super) fn check_id(id: &str) -> Result<(), ProblemKind> {
    if id.len() <= 32 && id.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if id.len() <= MAX_VALUE_BYTES && id.bytes().all(plain) {
        return if is_number_of_a_spreadsheet(id) {
            Err(ProblemKind::SpreadsheetNumber)
        } else {
            check_no_value(id)
        };
    }
    check_no_value(id)?;
    if ERRORS_OF_SPREADSHEETS.contains(&id) {
        return Err(ProblemKind::Placeholder);
    }
    if is_json_list(id) {
        return Err(ProblemKind::SeveralValues);
    }
    check_text(id)?;
    if has_typographic_quote(id) {
        return Err(ProblemKind::TypographicQuotes);
    }
    if id.chars().any(|c| matches!(c, '\u{ff01}'..='\u{ff5e}')) {
        return Err(ProblemKind::FullWidth);
    }
    if is_number_of_a_spreadsheet(id) {
        return Err(ProblemKind::SpreadsheetNumber);
    }
    if id.contains(' ') {
        return Err(ProblemKind::StrayWhiteSpace);
    }
    if id.contains(['"', '\'']) {
        return Err(ProblemKind::StrayQuote);
    }
    if has_thousands(id) {
        return Err(ProblemKind::SpreadsheetNumber);
    }
    if id.contains([',', ';', '|']) {
        return Err(ProblemKind::SeveralValues);
    }
    Ok(())
}

/// Checks the name of an account on a host group. Names may hold blanks and any letters.
pub(super) fn check_name(name: &str) -> Result<(), ProblemKind> {
    check_text(name)?;
    if name == "\u{ff0a}" {
        return Err(ProblemKind::FullWidth);
    }
    if is_scientific(name) {
        return Err(ProblemKind::SpreadsheetNumber);
    }
    if name.starts_with('"') {
        return Err(ProblemKind::StrayQuote);
    }
    if without_typographic_quotes(name).is_some() {
        return Err(ProblemKind::TypographicQuotes);
    }
    if is_json_list(name) {
        return Err(ProblemKind::SeveralValues);
    }
    Ok(())
}

/// Checks a name in a column for several names, where a separator makes several of them.
pub(super) fn check_one_name(name: &str) -> Result<(), ProblemKind> {
    check_name(name)?;
    if name.contains([',', ';', '\u{ff0c}']) {
        return Err(ProblemKind::SeveralValues);
    }
    Ok(())
}

/// Checks that an id is not a word for a missing value or for every value.
fn check_no_value(id: &str) -> Result<(), ProblemKind> {
    if !is_no_value(id) {
        Ok(())
    } else if is_placeholder(id) {
        Err(ProblemKind::Placeholder)
    } else {
        debug_assert!(is_word_for_all(id));
        Err(ProblemKind::WordForAll)
    }
}

/// Whether a value is written as a JSON list, as the API takes several ids: `["1","2"]`.
pub(super) fn is_json_list(value: &str) -> bool {
    value.starts_with('[')
        && value.ends_with(']')
        && serde_json::from_str::<Vec<serde_json::Value>>(value).is_ok()
}

/// Checks the id of a region. It becomes part of a host name, so that nothing else may pass.
pub(super) fn check_region(region: &str) -> Result<(), ProblemKind> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    check_no_value(region)?;
    if region.len() <= 63 && region.bytes().all(good) && !region.starts_with('-') {
        Ok(())
    } else {
        Err(ProblemKind::BadRegion)
    }
}

/// What no value may hold, be it an id or a name.
fn check_text(text: &str) -> Result<(), ProblemKind> {
    if text.len() > MAX_VALUE_BYTES {
        return Err(ProblemKind::TooLong);
    }
    for c in text.chars() {
        let flaw = match c {
            ' ' => continue,
            '*' => ProblemKind::Wildcard,
            '\u{fffd}' => ProblemKind::BrokenCharacter,
            // Line ends and tabs are white space to a reader, and control characters besides.
            '\t' | '\n' | '\r' => ProblemKind::StrayWhiteSpace,
            c if c.is_control() => ProblemKind::ControlCharacter,
            c if c.is_whitespace() => ProblemKind::StrayWhiteSpace,
            c if is_invisible(c) => ProblemKind::InvisibleCharacter,
            _ => continue,
        };
        return Err(flaw);
    }
    if is_error_of_a_spreadsheet(text) {
        return Err(ProblemKind::SpreadsheetError);
    }
    // Writing to an encoding without its characters leaves nothing else of a name.
    if !text.is_empty() && text.bytes().all(|b| b == b'?') {
        return Err(ProblemKind::BrokenCharacter);
    }
    Ok(())
}

/// The errors of formulas.
const ERRORS_OF_SPREADSHEETS: &[&str] = &[
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#NAME?",
    "#DIV/0!",
    "#NULL!",
    "#NUM!",
    "#ERROR!",
    "#SPILL!",
    "#CALC!",
    "#FIELD!",
    "#BLOCKED!",
    "#CONNECT!",
    "#BUSY!",
    "#UNKNOWN!",
    "#GETTING_DATA",
];

/// `#N/A`, `#REF!` and their like; `Err:502` is what `LibreOffice` writes, and `####` is what Excel
/// writes of a number or date for which the column was too narrow.
fn is_error_of_a_spreadsheet(text: &str) -> bool {
    if let Some(code) = text.strip_prefix("Err:") {
        return all_digits(code);
    }
    text.starts_with('#')
        && (ERRORS_OF_SPREADSHEETS.contains(&text)
            || text.len() > 1 && text.bytes().all(|b| b == b'#'))
}

/// `1.2E+15`, or `1001.0`: what spreadsheets and data frames make of long or partly blank columns
/// of ids. The digits that are gone cannot be guessed.
fn is_number_of_a_spreadsheet(id: &str) -> bool {
    if !id.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-')) {
        return false;
    }
    let zeros = id.rsplit_once('.').is_some_and(|(whole, zeros)| {
        let whole = whole.trim_start_matches(['+', '-']);
        all_digits(whole) && !zeros.is_empty() && zeros.bytes().all(|b| b == b'0')
    });
    zeros || is_scientific(id)
}

/// `1,027`: a number with its thousands set apart. Two ids would rarely look like that.
fn has_thousands(id: &str) -> bool {
    let mut groups = id.split(',');
    let first = groups.next().unwrap_or_default();
    let mut rest = groups.peekable();
    rest.peek().is_some()
        && first.len() <= 3
        && all_digits(first)
        && rest.all(|group| group.len() == 3 && all_digits(group))
}

/// A mantissa with a decimal sign or an exponent with a sign: `12e5` alone may well be an id.
fn is_scientific(id: &str) -> bool {
    let Some((mantissa, exponent)) = id.split_once(['e', 'E']) else { return false };
    let mantissa = mantissa.trim_start_matches(['+', '-']);
    let power = exponent.trim_start_matches(['+', '-']);
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    let written = mantissa.len() > whole.len() || exponent.len() > power.len();
    written && all_digits(whole) && all_digits(fraction) && all_digits(power)
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
