//! The region of each bastion host: one instance under two regions is an invalid row.

use std::collections::HashMap;

/// The region of each bastion host that a valid row has named.
#[derive(Debug, Default)]
pub(super) struct Regions {
    known: HashMap<String, String>,
    /// The last pair. Most lists name one bastion host, row after row.
    last: Option<(String, String)>,
    /// The defaults have been recorded, so that rows without columns of their own need no check.
    pub(super) defaults_recorded: bool,
}

impl Regions {
    /// Whether the last row that was checked named the same pair.
    pub(super) fn is_last(&self, instance: &str, region: &str) -> bool {
        self.last.as_ref().is_some_and(|(i, r)| i == instance && r == region)
    }

    /// The other region of that instance, if an earlier row named one; else records this one.
    pub(super) fn conflict(&mut self, instance: &str, region: &str) -> Option<&str> {
        if self.is_last(instance, region) {
            return None;
        }
        if self.known.get(instance).is_some_and(|known| known != region) {
            return self.known.get(instance).map(String::as_str);
        }
        self.known.entry(instance.to_owned()).or_insert_with(|| region.to_owned());
        self.last = Some((instance.to_owned(), region.to_owned()));
        None
    }
}
