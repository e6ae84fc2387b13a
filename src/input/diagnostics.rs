//! What is wrong with a row, and how it is said.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// A column as a message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The field's number from 1; JSON members have none.
    pub number: Option<usize>,
    /// Its name, safe to print; blank where the header has none.
    pub name: String,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, self.name.as_str()) {
            (Some(number), "") => write!(f, "column {number}"),
            (Some(number), name) => write!(f, "column {number} ({name})"),
            (None, name) => write!(f, "member \"{name}\""),
        }
    }
}

/// One thing that is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The sort of problem.
    pub kind: ProblemKind,
    /// The input.
    pub name: Arc<str>,
    /// The physical line on which the row begins, from 1.
    pub line: u64,
    /// The column, unless the row as a whole is wrong.
    pub column: Option<Column>,
    /// What stands there, escaped and cut so that it is safe to print; blank if there is nothing
    /// to show.
    pub found: String,
    /// What to do.
    pub remedy: Cow<'static, str>,
}

impl Problem {
    /// The problem without its place: what an outcome row says of it.
    pub fn message(&self) -> String {
        let mut message = String::new();
        if let Some(column) = &self.column {
            // Writing to a string cannot fail.
            let _ = write!(message, "{column}: ");
        }
        self.say(&mut message);
        message
    }

    fn say(&self, out: &mut String) {
        out.push_str(self.kind.title());
        if !self.found.is_empty() {
            let _ = write!(out, " \"{}\"", self.found);
        }
        let _ = write!(out, ": {}", self.remedy);
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.name, self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", {column}")?;
        }
        let mut said = String::new();
        self.say(&mut said);
        write!(f, ": {said}")
    }
}

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $kind:ident $code:literal $title:literal $remedy:literal)*) => {
        /// The sorts of problem. Their codes are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ProblemKind {
            $($(#[$doc])* $kind,)*
        }

        impl ProblemKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The stable code, in `snake_case`.
            pub fn code(self) -> &'static str {
                match self { $(Self::$kind => $code,)* }
            }

            /// The words that begin a message.
            pub fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }

            /// What usually helps.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$kind => $remedy,)* }
            }
        }
    };
}

problem_kinds! {
    /// Nothing in any cell.
    EmptyRow "empty_row" "empty row" "delete the line"
    /// Fewer fields than the header has.
    MissingFields "missing_fields" "too few fields"
        "give the row as many fields as the header has; a blank one is written as nothing between two separators"
    /// More fields than the header has.
    ExtraFields "extra_fields" "too many fields"
        "give the row as many fields as the header has, and quote a value that holds the separator"
    /// A line that is no JSON.
    BadJson "bad_json" "not JSON" "write one JSON object on each line"
    /// A line of JSON that is not an object.
    NotAnObject "not_an_object" "not a JSON object"
        "write an object such as {\"user\":\"1\",\"kind\":\"host\",\"target\":\"2\",\"account\":\"3\"}"
    /// A JSON member that occurs twice.
    RepeatedMember "repeated_member" "the same member twice" "keep the one that is meant"
    /// Two filled JSON members that mean the same.
    AmbiguousMembers "ambiguous_members" "two members that mean the same"
        "keep one, or say which one is meant with --map"
    /// A JSON value that cannot be an id or a name.
    WrongType "wrong_type" "neither text nor a whole number"
        "write the value as a JSON string"
    /// Neither user nor user group.
    NoGrantee "no_grantee" "blank user" "write the id of the user, or of a user group in a column user_group"
    /// Both user and user group.
    TwoGrantees "two_grantees" "a user and a user group" "fill only one of them; use two rows for both"
    /// No kind.
    BlankKind "blank_kind" "blank kind" "write host, host-group or database"
    /// A kind that there is not.
    UnknownKind "unknown_kind" "unknown kind" "write host, host-group or database"
    /// No target.
    BlankTarget "blank_target" "blank target" "write the id of the host, host group or database"
    /// More than one of host, group and db.
    SeveralTargets "several_targets" "several targets" "fill only one of host, group and db; use a row for each"
    /// Kind or target together with host, group or db.
    MixedForms "mixed_forms" "a target given in two ways"
        "write kind and target, or one of host, group and db"
    /// No account.
    BlankAccount "blank_account" "blank account"
        "write the account id, or * for the whole target and every account on it"
    /// A cell for the bastion host without one, and no default.
    BlankInstance "blank_instance" "blank instance"
        "write the id of the bastion host, or give a default with --instance-id"
    /// `*` where it has no meaning.
    Wildcard "wildcard" "a wildcard"
        "write one id; * has a meaning only as the whole account, for the target and every account on it"
    /// A full-width letter, digit or sign.
    FullWidth "full_width" "full-width characters" "write them in half width, as in 0 to 9 and *"
    /// White space inside a value, or of a sort that only looks like a blank.
    StrayWhiteSpace "stray_white_space" "stray white space" "remove it"
    /// A character that nobody sees.
    InvisibleCharacter "invisible_character" "an invisible character" "remove it; typing the value anew helps"
    /// A control character.
    ControlCharacter "control_character" "a control character" "remove it; typing the value anew helps"
    /// The sign that an earlier conversion lost a character.
    BrokenCharacter "broken_character" "a character lost in an earlier conversion"
        "export the list again, as UTF-8"
    /// A number that a spreadsheet has rounded or rewritten.
    SpreadsheetNumber "spreadsheet_number" "an id rewritten as a number"
        "format the column as text before the id is entered, and export again"
    /// A formula's error.
    SpreadsheetError "spreadsheet_error" "a spreadsheet's error" "mend the formula, and export again"
    /// A quotation mark in an id.
    StrayQuote "stray_quote" "a stray quotation mark"
        "remove it; a quoted field begins directly after the separator"
    /// Something that looks like a list.
    SeveralValues "several_values" "several values in one field" "write a row for each"
    /// A value over [`super::MAX_VALUE_BYTES`].
    TooLong "too_long" "a value over 1024 bytes" "write an id"
    /// Something that is no region.
    BadRegion "bad_region" "not a region" "write the region's id, such as cn-hangzhou"
    /// A bastion host that an earlier row put into another region.
    TwoRegions "two_regions" "one instance in two regions" "write the same region on all its rows"
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// How many characters of a value a message shows.
const SHOWN_CHARS: usize = 60;

/// A piece of somebody else's text, escaped for a terminal and cut to 60 characters.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN_CHARS {
            shown.push_str("...");
            break;
        }
        push_escaped(&mut shown, c);
    }
    shown
}

/// A whole text, escaped for a terminal.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|c| push_escaped(&mut escaped, c));
    escaped
}

fn push_escaped(out: &mut String, c: char) {
    if c.is_control() || is_invisible(c) || (c.is_whitespace() && c != ' ') {
        out.extend(c.escape_default());
    } else {
        out.push(c);
    }
}

/// Characters without a shape of their own: zero-width ones, those that turn the direction of
/// writing, tags, and the soft hyphen (Unicode's category `Cf`, and the fillers).
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// How many invalid rows a [`Report`] keeps in full.
const KEPT_ROWS: usize = 20;

/// Collects the problems of invalid rows: the first twenty rows in full, all of them in numbers.
#[derive(Debug, Clone)]
pub struct Report {
    kept: Vec<Problem>,
    kept_rows: usize,
    rows: u64,
    counts: Vec<u64>,
}

impl Default for Report {
    fn default() -> Self {
        Self { kept: Vec::new(), kept_rows: 0, rows: 0, counts: vec![0; ProblemKind::ALL.len()] }
    }
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one invalid row with all its problems.
    pub fn add(&mut self, problems: &[Problem]) {
        self.rows += 1;
        for problem in problems {
            self.counts[problem.kind as usize] += 1;
        }
        if self.kept_rows < KEPT_ROWS {
            self.kept_rows += 1;
            self.kept.extend_from_slice(problems);
        }
    }

    /// How many invalid rows there were.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The problems of the first twenty invalid rows.
    pub fn problems(&self) -> &[Problem] {
        &self.kept
    }

    /// How often each problem occurred, those that occurred, in the order of [`ProblemKind::ALL`].
    pub fn counts(&self) -> impl Iterator<Item = (ProblemKind, u64)> {
        let counted = ProblemKind::ALL.iter().copied().zip(self.counts.iter().copied());
        counted.filter(|&(_, count)| count > 0)
    }

    /// The whole report as text; blank if no row was invalid.
    pub fn render(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows == 0 {
            return Ok(());
        }
        for problem in &self.kept {
            writeln!(f, "{problem}")?;
        }
        match self.rows - self.kept_rows as u64 {
            0 => {}
            1 => writeln!(f, "... and 1 more invalid row")?,
            more => writeln!(f, "... and {more} more invalid rows")?,
        }
        let rows = if self.rows == 1 { "row" } else { "rows" };
        write!(f, "{} invalid {rows}: ", self.rows)?;
        for (at, (kind, count)) in self.counts().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{} {count}", kind.code())?;
        }
        writeln!(f)
    }
}
