//! The generated list.

use std::io::{self, Write};

use fastrand::Rng;

const KINDS: [&str; 3] = ["host", "host-group", "database"];
const REASONS: [&str; 5] =
    ["left the company", "changed teams", "project ended", "never used", "no owner"];
const NAMES: [&str; 8] =
    ["root", "ops", "ops user", "deploy", "admin", "oracle", "backup", "readonly"];

/// A row of the list.
#[derive(Clone)]
pub(crate) struct Row {
    user: u64,
    kind: usize,
    target: u64,
    /// `None` is the whole target.
    account: Option<u64>,
    reason: &'static str,
    finding: u64,
}

/// Generates the rows, user by user.
pub(crate) fn list(
    rows: usize,
    rng: &mut Rng,
    mut take: impl FnMut(&Row) -> io::Result<()>,
) -> io::Result<()> {
    let mut left = rows;
    let mut user = 10_000;
    let mut finding = 0;
    let mut earlier: Vec<Row> = Vec::new();
    while left > 0 {
        user += rng.u64(1..40);
        let reason = REASONS[rng.usize(..REASONS.len())];
        for _ in 0..targets_of_a_user(rng) {
            let kind = [0, 0, 0, 0, 0, 0, 1, 1, 2, 2][rng.usize(..10)];
            let target = [200_000, 300, 7_000][kind] + rng.u64(..[50_000, 400, 3_000][kind]);
            let whole = rng.f64() < 0.03;
            let accounts = if whole { 1 } else { 1 + rng.u64(..25).min(rng.u64(..25)) };
            for account in 0..accounts {
                if left == 0 {
                    return Ok(());
                }
                finding += 1;
                let account = (!whole).then_some(target * 25 + account);
                let mut row = Row { user, kind, target, account, reason, finding };
                if !earlier.is_empty() && rng.f64() < 0.02 {
                    row = Row { finding, ..earlier[rng.usize(..earlier.len())].clone() };
                }
                take(&row)?;
                left -= 1;
                // Duplicates repeat one of the first thousand rows.
                if earlier.len() < 1000 {
                    earlier.push(row);
                } else {
                    let at = rng.usize(..1000);
                    earlier[at] = row;
                }
            }
        }
    }
    Ok(())
}

/// A log-normal number with a median of 6, at least 1 and at most 400.
fn targets_of_a_user(rng: &mut Rng) -> u32 {
    // The sum of twelve uniform numbers is approximately normal.
    let normal = (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
    let targets = (6.0 * normal.exp()).clamp(1.0, 400.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 400"
    )]
    let targets = targets as u32;
    targets
}

/// The format of the list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// CSV with all columns.
    Csv,
    /// CSV with only the columns that are read.
    Bare,
    /// JSON Lines.
    Json,
}

/// Writes the header, if the format has one.
pub(crate) fn write_header(out: &mut impl Write, form: Form) -> io::Result<()> {
    match form {
        Form::Csv => writeln!(out, "finding,user,kind,target,account,reason"),
        Form::Bare => writeln!(out, "user,kind,target,account"),
        Form::Json => Ok(()),
    }
}

/// Writes a row.
pub(crate) fn write_row(out: &mut impl Write, row: &Row, form: Form) -> io::Result<()> {
    let Row { user, target, finding, reason, .. } = row;
    let kind = KINDS[row.kind];
    // Accounts on host groups are names, some of which repeat with a number.
    let account = match row.account {
        None => "*".to_owned(),
        Some(account) if row.kind == 1 => {
            let (nth, name) = (account % 25, NAMES[usize::try_from(account % 8).unwrap_or(0)]);
            if nth < 8 { name.to_owned() } else { format!("{name}{nth}") }
        }
        Some(account) => account.to_string(),
    };
    match form {
        Form::Csv => writeln!(out, "A-{finding:06},{user},{kind},{target},{account},{reason}"),
        Form::Bare => writeln!(out, "{user},{kind},{target},{account}"),
        Form::Json => writeln!(
            out,
            "{{\"finding\":\"A-{finding:06}\",\"user\":\"{user}\",\"kind\":\"{kind}\",\
             \"target\":\"{target}\",\"account\":\"{account}\",\"reason\":\"{reason}\"}}"
        ),
    }
}
