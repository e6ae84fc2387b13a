//! The rows of an outcome file, with the meaning of its columns.

use super::PageError;
use super::remedy::Remedy;
use super::verified::Verified;
use crate::input::Field;
use crate::model::{
    Action, OUTCOME_COLUMNS, REHEARSAL, RESOLVED_COLUMNS, Status, TEXT_MARK, TEXT_MARK_COLUMN,
    VERIFIED_COLUMNS,
};
use csv::StringRecord;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Columns of an exported list that hold names of users.
const USER_LABELS: [&str; 2] = ["login", "display"];
/// The same for targets.
const TARGET_LABELS: [&str; 2] = ["target_label", "target_address"];

/// Where an outcome has what the page shows.
#[derive(Debug)]
pub(super) struct Layout {
    names: Vec<String>,
    fields: Vec<Option<Field>>,
    outcome: [usize; OUTCOME_COLUMNS.len()],
    verified: [Option<usize>; VERIFIED_COLUMNS.len()],
    resolved: [Option<usize>; RESOLVED_COLUMNS.len()],
    user_labels: Vec<usize>,
    target_labels: Vec<usize>,
    text_mark: Option<usize>,
    /// Columns that are carried along and have no meaning here.
    pub(super) others: Vec<usize>,
}

impl Layout {
    /// The meaning of a header; `map` has the fields and columns of `--map`. The error is the name
    /// of a column that is missing.
    fn of(names: Vec<String>, map: &[(Field, String)]) -> Result<Self, &'static str> {
        let last = |name: &str| names.iter().rposition(|column| column == name);
        let mut outcome = [0; OUTCOME_COLUMNS.len()];
        for (place, name) in outcome.iter_mut().zip(OUTCOME_COLUMNS) {
            *place = last(name).ok_or(name)?;
        }
        // A list may have a column of one of these names itself.
        let behind = |name: &str| last(name).filter(|at| *at > outcome[0]);
        let is_verified = VERIFIED_COLUMNS.iter().all(|name| behind(name).is_some());
        let verified = VERIFIED_COLUMNS.map(|name| behind(name).filter(|_| is_verified));
        let resolved = RESOLVED_COLUMNS.map(last);
        let text_mark = last(TEXT_MARK_COLUMN);
        let taken = outcome.into_iter().chain(verified.into_iter().flatten());
        let taken = taken.chain(resolved.into_iter().flatten()).chain(text_mark);
        let taken: Vec<usize> = taken.collect();
        let meaning = |(at, name): (usize, &String)| {
            let mapped = map.iter().find(|(_, column)| column == name).map(|(field, _)| *field);
            mapped.or_else(|| name.parse().ok()).filter(|_| !taken.contains(&at))
        };
        let fields: Vec<Option<Field>> = names.iter().enumerate().map(meaning).collect();
        let labels = |wanted: &[&str]| -> Vec<usize> {
            (0..names.len()).filter(|at| wanted.contains(&names[*at].as_str())).collect()
        };
        let (user_labels, target_labels) = (labels(&USER_LABELS), labels(&TARGET_LABELS));
        let others = (0..names.len())
            .filter(|at| fields[*at].is_none_or(|field| field == Field::Protocol))
            .filter(|at| ![&taken, &user_labels, &target_labels].iter().any(|s| s.contains(at)))
            .collect();
        let all = (outcome, verified, resolved, user_labels, target_labels, text_mark);
        let (outcome, verified, resolved, user_labels, target_labels, text_mark) = all;
        Ok(Self {
            names,
            fields,
            outcome,
            verified,
            resolved,
            user_labels,
            target_labels,
            text_mark,
            others,
        })
    }

    /// The name of a column.
    pub(super) fn name(&self, column: usize) -> &str {
        &self.names[column]
    }

    /// Whether the outcome was verified.
    pub(super) fn is_verified(&self) -> bool {
        self.verified[0].is_some()
    }
}

/// What is known about the meaning of an outcome from its ledger.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The fields and columns of `--map`.
    pub(super) map: Vec<(Field, String)>,
    /// What the job did.
    pub(super) action: Option<Action>,
}

/// Reads an outcome row by row.
pub(super) struct OutcomeFile {
    path: PathBuf,
    table: csv::Reader<File>,
    pub(super) layout: Layout,
    record: StringRecord,
    number: u64,
    action: Option<Action>,
}

impl OutcomeFile {
    /// Opens an outcome.
    pub(super) fn open(path: &Path, reading: &Reading) -> Result<Self, PageError> {
        let file =
            File::open(path).map_err(|source| PageError::Read { path: path.to_owned(), source })?;
        let mut table = csv::Reader::from_reader(file);
        let header = table.headers().map_err(|error| csv_error(path, &error))?;
        let names = header.iter().map(str::to_owned).collect();
        let layout =
            Layout::of(names, &reading.map).map_err(|missing| PageError::NotAnOutcome {
                path: path.to_owned(),
                line: 1,
                what: format!("it has no column {missing}"),
            })?;
        let record = StringRecord::new();
        let action = reading.action;
        Ok(Self { path: path.to_owned(), table, layout, record, number: 0, action })
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<(&Layout, OutcomeRow<'_>)>, PageError> {
        let read = self.table.read_record(&mut self.record);
        if !read.map_err(|error| csv_error(&self.path, &error))? {
            return Ok(None);
        }
        self.number += 1;
        let Self { path, layout, record, number, action, .. } = self;
        let is_marked =
            layout.text_mark.and_then(|at| record.get(at)).is_some_and(|m| !m.is_empty());
        if is_marked {
            let cells = record.iter().map(|cell| cell.strip_prefix(TEXT_MARK).unwrap_or(cell));
            *record = cells.collect();
        }
        let cells = OutcomeRow {
            number: *number,
            status: Status::Unknown,
            verified: None,
            action: *action,
            layout: &*layout,
            record: &*record,
        };
        let wrong = |column: &str, word: &str| {
            let line = cells.record.position().map_or(*number + 1, csv::Position::line);
            let what = format!("unknown {column} {:?}", crate::input::shown(word));
            PageError::NotAnOutcome { path: path.clone(), line, what }
        };
        let word = cells.of_outcome(0);
        let status = word.parse().map_err(|_| wrong("status", word))?;
        let verified = match cells.of_verified(0) {
            "" => None,
            word => {
                let found = Verified::ALL.into_iter().find(|verified| verified.name() == word);
                let found = found.ok_or_else(|| wrong("value of verified", word))?;
                // Both are times in UTC of one format, so they compare as text.
                let is_outdated = cells.of_verified(1) < cells.of_outcome(5);
                Some(if is_outdated { Verified::Unchecked } else { found })
            }
        };
        Ok(Some((layout, OutcomeRow { status, verified, ..cells })))
    }
}

fn csv_error(path: &Path, error: &csv::Error) -> PageError {
    let line = error.position().map_or(1, csv::Position::line);
    PageError::NotAnOutcome { path: path.to_owned(), line, what: error.to_string() }
}

/// One row of an outcome.
pub(super) struct OutcomeRow<'a> {
    /// Its number, from 1.
    pub(super) number: u64,
    pub(super) status: Status,
    pub(super) verified: Option<Verified>,
    action: Option<Action>,
    layout: &'a Layout,
    record: &'a StringRecord,
}

impl<'a> OutcomeRow<'a> {
    /// The cell of a column.
    pub(super) fn cell(&self, column: usize) -> &'a str {
        self.record.get(column).unwrap_or_default()
    }

    /// The cell of one of [`OUTCOME_COLUMNS`].
    pub(super) fn of_outcome(&self, column: usize) -> &'a str {
        self.cell(self.layout.outcome[column])
    }

    /// The cell of one of [`VERIFIED_COLUMNS`].
    pub(super) fn of_verified(&self, column: usize) -> &'a str {
        self.layout.verified[column].map_or("", |at| self.cell(at))
    }

    /// The first filled cell of these fields.
    fn field(&self, fields: &[Field]) -> Option<(Field, &'a str)> {
        fields.iter().find_map(|field| {
            let places = self.layout.fields.iter().enumerate();
            let cells = places.filter(|(_, found)| **found == Some(*field));
            let mut cells = cells.map(|(at, _)| self.cell(at).trim());
            cells.find(|cell| !cell.is_empty()).map(|cell| (*field, cell))
        })
    }

    fn resolved(&self, column: usize) -> Option<&'a str> {
        let cell = self.layout.resolved[column].map(|at| self.cell(at).trim());
        cell.filter(|cell| !cell.is_empty())
    }

    /// `group` if a user group loses access, else `user`.
    pub(super) fn grantee(&self) -> &'static str {
        let group = self.field(&[Field::UserGroup, Field::UserGroupName]);
        if group.is_some() { "group" } else { "user" }
    }

    /// The id of the user or user group; its name if the row has no id.
    pub(super) fn user(&self) -> &'a str {
        let id = self.field(&[Field::User, Field::UserGroup]).map(|(_, id)| id);
        id.or_else(|| self.resolved(0)).unwrap_or_else(|| self.user_name())
    }

    /// The name of the user or user group, if the row has one.
    pub(super) fn user_name(&self) -> &'a str {
        let names = [Field::UserName, Field::UserDisplayName, Field::UserGroupName];
        let name = self.field(&names).map(|(_, name)| name);
        name.or_else(|| self.label(&self.layout.user_labels)).unwrap_or_default()
    }

    fn label(&self, columns: &[usize]) -> Option<&'a str> {
        columns.iter().map(|at| self.cell(*at).trim()).find(|cell| !cell.is_empty())
    }

    /// The kind of the target, as the row writes it.
    pub(super) fn kind(&self) -> &'a str {
        if let Some((_, kind)) = self.field(&[Field::Kind]) {
            return kind;
        }
        let by_column = [
            Field::Host,
            Field::HostName,
            Field::HostAddress,
            Field::HostGroup,
            Field::HostGroupName,
            Field::Database,
            Field::DatabaseName,
            Field::DatabaseAddress,
        ];
        match self.field(&by_column).map(|(field, _)| field) {
            Some(Field::Host | Field::HostName | Field::HostAddress) => "host",
            Some(Field::HostGroup | Field::HostGroupName) => "host-group",
            Some(_) => "database",
            None => "",
        }
    }

    /// The id of the target; its name if the row has no id.
    pub(super) fn target(&self) -> &'a str {
        let ids = [Field::Target, Field::Host, Field::HostGroup, Field::Database];
        let id = self.field(&ids).map(|(_, id)| id);
        id.or_else(|| self.resolved(1)).unwrap_or_else(|| self.target_name())
    }

    /// The name of the target, if the row has one.
    pub(super) fn target_name(&self) -> &'a str {
        let names = [
            Field::HostName,
            Field::HostAddress,
            Field::HostGroupName,
            Field::DatabaseName,
            Field::DatabaseAddress,
        ];
        let name = self.field(&names).map(|(_, name)| name);
        name.or_else(|| self.label(&self.layout.target_labels)).unwrap_or_default()
    }

    /// The account, as the row writes it.
    pub(super) fn account(&self) -> &'a str {
        let fields = [Field::Account, Field::AccountId, Field::AccountName];
        let account = self.field(&fields).map(|(_, account)| account);
        account.or_else(|| self.resolved(2)).unwrap_or_default()
    }

    /// The instance that the row names.
    pub(super) fn instance(&self) -> Option<&'a str> {
        self.field(&[Field::InstanceId]).map(|(_, id)| id)
    }

    /// Whether it is of a rehearsal, in which nothing was changed.
    pub(super) fn is_rehearsed(&self) -> bool {
        self.of_outcome(2).starts_with(REHEARSAL)
    }

    /// What to do about it.
    pub(super) fn remedy(&self) -> Remedy {
        // An unknown revocation that a reading finds gone is gone.
        let is_known_gone = self.status == Status::Unknown
            && self.verified == Some(Verified::Gone)
            && self.action.is_some_and(|action| action.is_detach());
        if is_known_gone {
            return Remedy::Nothing;
        }
        Remedy::of(self.status, self.of_outcome(1), self.verified)
    }

    /// Whether the row is as the run wants it: its access is gone, or is there again.
    pub(super) fn is_done(&self) -> bool {
        self.remedy() == Remedy::Nothing
    }
}
