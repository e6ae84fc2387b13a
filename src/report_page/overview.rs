//! The first pass over an outcome: rows by status, by user and by what to do.

use super::PageError;
use super::outcome_file::{OutcomeFile, OutcomeRow};
use super::remedy::Remedy;
use super::verified::Verified;
use crate::model::Status;
use crate::outcome::Tally;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Reasons that are kept apart. The API has fewer codes; more come from a foreign file only.
const MOST_REASONS: usize = 200;

/// Instances that are named in the page.
const MOST_INSTANCES: usize = 20;

/// The rows of one user or user group.
#[derive(Debug, Default)]
pub(super) struct User {
    /// `user` or `group`.
    pub(super) grantee: &'static str,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) instance: String,
    pub(super) rows: u64,
    /// Rows that are as the run wants them.
    pub(super) done: u64,
    pub(super) by_status: [u32; Status::ALL.len()],
    pub(super) by_verified: [u32; Verified::ALL.len()],
}

impl User {
    /// Rows that are not known to be as the run wants them.
    pub(super) fn remaining(&self) -> u64 {
        self.rows - self.done
    }
}

/// Rows that ended for the same reason.
#[derive(Debug, Default)]
pub(super) struct Reason {
    pub(super) rows: u64,
    /// The message of the first of them.
    pub(super) message: String,
}

/// What distinguishes a reason.
pub(super) type ReasonKey = (Status, Option<Verified>, Remedy, String);

/// What the rows of an outcome are together.
#[derive(Debug, Default)]
pub(super) struct Overview {
    pub(super) tally: Tally,
    /// Rows that are as the run wants them: by their status, and by `verify` where it was run.
    pub(super) done: u64,
    pub(super) by_verified: [u64; Verified::ALL.len()],
    /// The last time at which a row was read back.
    pub(super) verified_at: String,
    /// By first appearance.
    pub(super) users: Vec<User>,
    pub(super) reasons: BTreeMap<ReasonKey, Reason>,
    /// Instances that rows name.
    pub(super) instances: BTreeSet<String>,
    pub(super) has_more_instances: bool,
    pub(super) is_rehearsed: bool,
    /// Whether it is the outcome of a restore.
    pub(super) is_restore: bool,
    places: HashMap<(&'static str, String, String), usize>,
}

impl Overview {
    /// Reads an outcome to its end.
    pub(super) fn read(outcome: &mut OutcomeFile) -> Result<Self, PageError> {
        let mut overview = Self::default();
        while let Some((_, row)) = outcome.next()? {
            overview.add(&row);
        }
        overview.places = HashMap::new();
        Ok(overview)
    }

    /// Rows that are not known to be as the run wants them.
    pub(super) fn remaining(&self) -> u64 {
        self.tally.rows() - self.done
    }

    fn add(&mut self, row: &OutcomeRow<'_>) {
        self.tally.add(row.status);
        self.done += u64::from(row.is_done());
        self.is_rehearsed |= row.is_rehearsed();
        self.is_restore |= matches!(row.status, Status::Restored | Status::AlreadyPresent);
        if let Some(verified) = row.verified {
            self.by_verified[verified as usize] += 1;
            if row.of_verified(1) > self.verified_at.as_str() {
                row.of_verified(1).clone_into(&mut self.verified_at);
            }
        }
        if let Some(instance) = row.instance().filter(|id| !self.instances.contains(*id)) {
            if self.instances.len() < MOST_INSTANCES {
                self.instances.insert(instance.to_owned());
            } else {
                self.has_more_instances = true;
            }
        }
        self.add_to_user(row);
        if !row.is_done() {
            self.add_reason(row);
        }
    }

    fn add_to_user(&mut self, row: &OutcomeRow<'_>) {
        let instance = row.instance().unwrap_or_default();
        let key = (row.grantee(), row.user().to_owned(), instance.to_owned());
        let place = *self.places.entry(key).or_insert_with_key(|(grantee, id, instance)| {
            self.users.push(User {
                grantee,
                id: id.clone(),
                name: row.user_name().to_owned(),
                instance: instance.clone(),
                ..User::default()
            });
            self.users.len() - 1
        });
        let user = &mut self.users[place];
        user.rows += 1;
        user.done += u64::from(row.is_done());
        user.by_status[row.status as usize] += 1;
        if let Some(verified) = row.verified {
            user.by_verified[verified as usize] += 1;
        }
    }

    fn add_reason(&mut self, row: &OutcomeRow<'_>) {
        let code = row.of_outcome(1);
        // What verify found matters only where the status says that the access is gone.
        let verified = row.verified.filter(|_| row.status.is_gone());
        let mut key = (row.status, verified, row.remedy(), code.to_owned());
        if self.reasons.len() >= MOST_REASONS && !self.reasons.contains_key(&key) {
            key.3 = String::new();
        }
        let reason = self.reasons.entry(key).or_default();
        reason.rows += 1;
        if reason.message.is_empty() {
            let note = if verified.is_some() { row.of_verified(2) } else { row.of_outcome(2) };
            note.clone_into(&mut reason.message);
        }
    }
}
