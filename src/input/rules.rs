//! A list of rules: patterns for users, targets and accounts, in a file like other lists.
//!
//! A rule that can't be parsed would protect nothing. Therefore an unknown column, an invalid row
//! and a file without a rule are errors.

use std::fmt;

use crate::model::Kind;

use super::cells::Union;
use super::columns::{HeaderFault, Layout, ambiguous, list, refuse_repeated};
use super::diagnostics::{Problem, ProblemSink, shown};
use super::error::{DamageKind, InputError};
use super::fields::Field;
use super::format::Syntax;
use super::open::open;
use super::options::Options;
use super::problem_kind::ProblemKind;
use super::record::Record;
use super::source::Source;
use super::target_kind::{add_unknown_kind, kind_of};
use super::text::WINDOW_BYTES;
use super::values::{check_id, check_name, trimmed};

/// The fields that a rule may have; an account is one, whatever its column is called.
const FIELDS: [Field; 7] = [
    Field::User,
    Field::UserGroup,
    Field::Kind,
    Field::Target,
    Field::Account,
    Field::AccountId,
    Field::AccountName,
];

/// How many wrong rules a message shows.
const MOST_SHOWN: usize = 20;

/// One rule: `*` matches any text within a value, and a blank value matches anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// The users.
    pub user: String,
    /// The user groups.
    pub user_group: String,
    /// The kind of target; `None` is any.
    pub kind: Option<Kind>,
    /// The targets.
    pub target: String,
    /// The accounts.
    pub account: String,
}

/// Why a file of rules can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// It cannot be read, or its header is wrong.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Some of its rules are wrong (exit code 65).
    #[error("{}", ProblemList(.0))]
    Wrong(Vec<Problem>),
}

/// Problems, a line each.
struct ProblemList<'a>(&'a [Problem]);

impl fmt::Display for ProblemList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().take(MOST_SHOWN).enumerate() {
            write!(f, "{}{problem}", if at > 0 { "\n" } else { "" })?;
        }
        match self.0.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n... and {more} more"),
        }
    }
}

/// Reads a file of rules: at least one.
pub fn rules(source: &Source) -> Result<Vec<Rule>, RulesError> {
    let options = Options::default();
    let mut union = Union::default();
    let (mut reader, format) = open(source, &options, &mut union, WINDOW_BYTES, &columns)?;
    if format.syntax == Syntax::JsonLines {
        let remedy = "write it as CSV that begins with user,kind,target,account";
        return Err(reader.damage(DamageKind::NotAList, "this is JSON", remedy).into());
    }
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    while reader.find()? {
        let mut flaws = Vec::new();
        let record = reader.read(&mut union, &options, &mut flaws)?;
        let sink = record.sink(&mut flaws);
        rules.push(rule(&record, sink));
        problems.append(&mut flaws);
    }
    if !problems.is_empty() {
        return Err(RulesError::Wrong(problems));
    }
    if rules.is_empty() {
        let found = "a header and no rule below it, which protects nothing";
        let remedy = "write a line for each rule; leave --protect out if that is meant";
        return Err(reader.damage(DamageKind::NoRules, found, remedy).into());
    }
    Ok(rules)
}

/// Finds the column of every field in a header, which must have no others.
fn columns(names: &[String]) -> Result<Layout, HeaderFault> {
    refuse_repeated(names)?;
    let mut layout = Layout::NONE;
    for (at, name) in names.iter().enumerate() {
        let Some(field) = Field::of_column(name).filter(|field| FIELDS.contains(field)) else {
            let found = format!("{} is not a column of rules; {}", shown(name), list(names));
            let remedy = "start with a header of user, user_group, kind, target and account, or \
                          some of these; each following line is a rule";
            return Err(HeaderFault::new(DamageKind::UnknownColumn, found, remedy).at(at));
        };
        let field = if field.is_account() { Field::Account } else { field };
        if let Some(before) = layout.get(field) {
            let fault = ambiguous(names, field, before, at);
            return Err(HeaderFault { remedy: "keep one of them".into(), ..fault });
        }
        layout.set(field, at);
    }
    Ok(layout)
}

/// Parses one rule, and adds its problems to `sink`.
fn rule(record: &Record<'_>, mut sink: ProblemSink<'_>) -> Rule {
    let value = |field| record.layout.get(field).map_or("", |at| trimmed(record.cells.own(at)));
    let written = value(Field::Kind);
    let kind = kind_of(written);
    if kind.is_none() && !matches!(written, "" | "*") {
        add_unknown_kind(&mut sink, record.layout.get(Field::Kind), written);
    }
    let of_ids = matches!(kind, Some(Kind::Host | Kind::Database));
    let check_account = if of_ids { check_id } else { check_name };
    let mut checked = |field, check: fn(&str) -> Result<(), ProblemKind>| {
        let value = value(field);
        // A star is the one thing that a pattern may hold and a value may not.
        if let Err(flaw) = check(&value.replace('*', "a")) {
            sink.add(flaw, record.layout.get(field), value);
        }
        value.to_owned()
    };
    let rule = Rule {
        user: checked(Field::User, check_id),
        user_group: checked(Field::UserGroup, check_id),
        kind,
        target: checked(Field::Target, check_id),
        account: checked(Field::Account, check_account),
    };
    if FIELDS.iter().all(|field| value(*field).is_empty()) {
        let remedy = "it would protect everything; write * if that is meant";
        sink.add_with(ProblemKind::EmptyRow, None, "", remedy);
    }
    rule
}
