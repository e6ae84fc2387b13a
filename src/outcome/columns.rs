//! The columns of an outcome and their sources.

use super::COLUMNS;
use crate::model::{CONFIRMED_COLUMNS, RESOLVED_COLUMNS, TEXT_MARK_COLUMN, VERIFIED_COLUMNS};

/// The prefix of an input column whose name is also a column of the outcome.
const OWN: &str = "input_";

/// The columns of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// The input columns that are carried into the outcome.
    pub(super) own: Vec<usize>,
    /// Whether those are the first, the second and so on.
    pub(super) in_order: bool,
    /// Their names in the outcome.
    pub(super) names: Vec<String>,
    /// The input's column for each of [`COLUMNS`], if it is an outcome.
    pub(super) before: [Option<usize>; COLUMNS.len()],
    /// The input's column for each of [`RESOLVED_COLUMNS`], if they are replaced; `None` if the
    /// outcome has none of them.
    pub(super) resolved: Option<[Option<usize>; RESOLVED_COLUMNS.len()]>,
}

impl Columns {
    /// An input with all columns of an outcome is one, and they are replaced. With `--only`, an
    /// input is an outcome whatever columns it has.
    ///
    /// Any other list keeps a column of such a name under another name: a table with two columns
    /// `status` could not be fed back, nor read by most tools. Case is ignored, as in many tools.
    pub(super) fn of(input: &[String], is_chosen_from: bool, has_names: bool) -> Self {
        let place = |name: &str| input.iter().position(|column| column == name);
        let is_outcome = is_chosen_from || COLUMNS.iter().all(|name| place(name).is_some());
        let resolved_names = || RESOLVED_COLUMNS.into_iter().filter(move |_| has_names);
        let of_outcome = || COLUMNS.into_iter().chain([TEXT_MARK_COLUMN]).chain(resolved_names());
        if is_outcome {
            // What was read back of an earlier outcome says nothing of what is sent after it.
            let replaced = || of_outcome().chain(CONFIRMED_COLUMNS);
            let last = COLUMNS.last().and_then(|name| place(name));
            let is_stale = |at: usize| {
                last.is_some_and(|last| at > last) && VERIFIED_COLUMNS.contains(&input[at].as_str())
            };
            let own: Vec<usize> = (0..input.len())
                .filter(|at| !replaced().any(|name| name == input[*at]) && !is_stale(*at))
                .collect();
            let names = own.iter().map(|at| input[*at].clone()).collect();
            let in_order = own.iter().copied().eq(0..own.len());
            let resolved = has_names.then(|| RESOLVED_COLUMNS.map(place));
            return Self { own, in_order, names, before: COLUMNS.map(place), resolved };
        }
        let clashes = |name: &str| of_outcome().any(|other| other.eq_ignore_ascii_case(name));
        let mut names: Vec<String> = Vec::with_capacity(input.len());
        for name in input {
            let mut renamed = name.clone();
            if clashes(name) {
                renamed = format!("{OWN}{name}");
                while input.contains(&renamed) || names.contains(&renamed) {
                    renamed.insert_str(0, OWN);
                }
            }
            names.push(renamed);
        }
        let own = (0..input.len()).collect();
        let resolved = has_names.then_some([None; RESOLVED_COLUMNS.len()]);
        Self { own, in_order: true, names, before: [None; COLUMNS.len()], resolved }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(input: &[&str], is_chosen_from: bool) -> Vec<String> {
        let input: Vec<String> = input.iter().map(|name| (*name).to_owned()).collect();
        Columns::of(&input, is_chosen_from, false).names
    }

    #[test]
    fn the_columns_of_an_outcome_are_replaced() {
        let outcome =
            [&["user"][..], &CONFIRMED_COLUMNS, &COLUMNS, &[TEXT_MARK_COLUMN, "note"]].concat();
        assert_eq!(names(&outcome, false), ["user", "note"]);
        assert_eq!(names(&["user", "status", "note"], true), ["user", "note"]);
    }

    #[test]
    fn the_columns_of_an_earlier_verification_are_dropped() {
        let outcome = [&["user", "verified"][..], &COLUMNS, &VERIFIED_COLUMNS].concat();
        assert_eq!(names(&outcome, true), ["user", "verified"], "the list's own column stays");
    }

    #[test]
    fn the_columns_of_resolved_ids_are_replaced_only_where_names_are_looked_up() {
        let input: Vec<String> = [&["user_name"][..], &RESOLVED_COLUMNS, &COLUMNS]
            .concat()
            .iter()
            .map(|n| (*n).to_owned())
            .collect();
        let columns = Columns::of(&input, false, true);
        assert_eq!(columns.names, ["user_name"]);
        assert_eq!(columns.resolved, Some([Some(1), Some(2), Some(3)]));
        let columns = Columns::of(&input, false, false);
        assert_eq!(columns.names.len(), 4);
        assert_eq!(columns.resolved, None);
    }

    #[test]
    fn columns_with_a_replaced_one_between_them_are_not_in_order() {
        let in_order = |input: &[&str]| {
            Columns::of(
                &input.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(),
                true,
                false,
            )
            .in_order
        };
        assert!(in_order(&["user", "note"]));
        assert!(in_order(&["user", "note", "status"]));
        assert!(!in_order(&["user", "status", "note"]));
    }

    #[test]
    fn a_list_keeps_its_own_columns_of_such_names_under_another() {
        assert_eq!(names(&["status", "user"], false), ["input_status", "user"]);
        assert_eq!(
            names(&["input_status", "Status", "status", "code"], false),
            ["input_status", "input_Status", "input_input_status", "input_code"]
        );
    }
}
