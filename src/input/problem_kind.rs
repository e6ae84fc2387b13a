//! The sorts of problem, and what each says.

use std::fmt;

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
    /// A character without a visible shape.
    InvisibleCharacter "invisible_character" "an invisible character" "remove it; type the value again"
    /// A control character.
    ControlCharacter "control_character" "a control character" "remove it; type the value again"
    /// The sign that an earlier conversion lost a character.
    BrokenCharacter "broken_character" "a character lost in an earlier conversion"
        "export the list again, as UTF-8"
    /// A number that a spreadsheet has rounded or rewritten.
    SpreadsheetNumber "spreadsheet_number" "an id rewritten as a number"
        "format the column as text before the id is entered, and export again"
    /// A formula's error.
    SpreadsheetError "spreadsheet_error" "a spreadsheet's error" "correct the formula, and export the list again"
    /// A quotation mark in an id.
    StrayQuote "stray_quote" "a stray quotation mark"
        "remove it; a quoted field begins directly after the separator, and an apostrophe only marks text in a spreadsheet"
    /// Typographic quotation marks around a value.
    TypographicQuotes "typographic_quotes" "typographic quotation marks" "remove them"
    /// A word that exports write for a missing value, such as `NULL`.
    Placeholder "placeholder" "a placeholder for a missing value"
        "write the id, or delete the line if there is none"
    /// A word for everything in place of an id, such as `all`.
    WordForAll "word_for_all" "a word for everything"
        "write one id; there is no way to name all of them"
    /// The header line among the rows.
    RepeatedHeader "repeated_header" "the header line again"
        "delete the line; files that are joined keep only the first header"
    /// Something that looks like a list.
    SeveralValues "several_values" "several values in one field" "write one row for each of them"
    /// A value over [`super::MAX_VALUE_BYTES`].
    TooLong "too_long" "a value over 1024 bytes" "write an id"
    /// In an outcome of which only some rows are to be sent: a word that is no status.
    UnknownStatus "unknown_status" "unknown status"
        "write revoked, already_absent, not_found, failed, unknown, invalid, protected or unprocessed"
    /// An id over 15 digits with nothing but zeros behind the 15th: perhaps rounded.
    RoundedId "rounded_id" "an id that a spreadsheet may have rounded"
        "compare it with its source: spreadsheets keep 15 digits of a number and put zeros behind them"
    /// Every id over 15 digits in a column ends in zeros: the column has been rounded.
    RoundedColumn "rounded_column" "ids rounded by a spreadsheet"
        "export the list again with the column formatted as text before the ids are entered"
    /// An id shorter than others in its column that begin with zeros.
    ShortId "short_id" "an id shorter than others in its column that begin with zeros"
        "compare it with its source: spreadsheets drop the zeros before a number"
    /// A name where the API takes an id.
    NameForId "name_for_id" "an account's name where its id is needed"
        "give the ids in a column account_id; if this column holds ids, pass --map account=COLUMN"
    /// A name that no object has.
    UnknownName "unknown_name" "a name that was not found" "compare it with the console"
    /// A name that several objects have.
    AmbiguousName "ambiguous_name" "a name of several objects" "write the id of the one that is meant"
    /// A name that could not be looked up completely.
    NameNotChecked "name_not_checked" "a name that could not be looked up" "write the id"
    /// Two columns that name the same object in a row.
    SeveralNames "several_names" "two names for one object"
        "fill only one of them, or write the id"
    /// A header and nothing below it.
    NoRows "no_rows" "no rows below the header" "give the list with its rows, unless there are none today"
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
