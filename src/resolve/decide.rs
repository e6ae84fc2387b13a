//! Decides what a listing says of a name. Promise 9, *no guess*.

use super::directory::{Candidate, Listing};
use crate::input::{NameKind, NameQuery, ObjectKind, Resolution, shown};
use std::fmt::Write as _;

/// How many candidates a message names.
const MOST_SHOWN: usize = 5;

/// The answer that a listing gives to a query.
///
/// Only a complete listing gives an id, and only if exactly one object has exactly this name. The
/// comparison is by bytes: the service's own filters may ignore case.
pub fn decide(query: &NameQuery, listing: &Listing) -> Resolution {
    let candidates = match listing {
        Listing::Complete(candidates) => candidates,
        Listing::Incomplete { candidates, reason } => {
            let found = matches(query, candidates).len();
            return Resolution::NotChecked(format!(
                "the listing is incomplete ({reason}; {found} found so far), so another {} may have \
                 this name; run it again, or {}",
                query.object,
                settle(query)
            ));
        }
        Listing::NotChecked(reason) => {
            return Resolution::NotChecked(format!("{reason}; {}", settle(query)));
        }
    };
    match matches(query, candidates)[..] {
        [one] => Resolution::Id(one.id.clone()),
        [] => Resolution::Unknown(unknown(query, candidates)),
        ref several => Resolution::Ambiguous(ambiguous(query, several)),
    }
}

/// The objects that have exactly this name, each id once.
fn matches<'a>(query: &NameQuery, candidates: &'a [Candidate]) -> Vec<&'a Candidate> {
    let has_name = |candidate: &&Candidate| match query.by {
        NameKind::Name => candidate.name == query.text,
        NameKind::DisplayName => candidate.display_name == query.text,
        NameKind::Address => candidate.addresses.contains(&query.text),
    };
    // The protocol only chooses between accounts of one exact name.
    let has_protocol = |candidate: &&Candidate| {
        query.protocol.is_empty() || candidate.protocol.eq_ignore_ascii_case(&query.protocol)
    };
    let mut found: Vec<&Candidate> = Vec::new();
    for candidate in candidates.iter().filter(has_name).filter(has_protocol) {
        if !found.iter().any(|known| known.id == candidate.id) {
            found.push(candidate);
        }
    }
    found
}

fn unknown(query: &NameQuery, candidates: &[Candidate]) -> String {
    let mut text = format!("there is no {query}");
    let similar: Vec<&Candidate> =
        candidates.iter().filter(|other| is_similar(query, other)).collect();
    if !similar.is_empty() {
        let _ = write!(text, "; similar: {}", described(query, &similar));
    }
    let _ = write!(text, "; correct the name, or {}", settle(query));
    text
}

/// Whether an object is worth naming although it is another one.
fn is_similar(query: &NameQuery, candidate: &Candidate) -> bool {
    let plain = |text: &str| text.trim().to_lowercase();
    let wanted = plain(&query.text);
    let properties = [&candidate.name, &candidate.display_name];
    properties.into_iter().chain(&candidate.addresses).any(|text| plain(text) == wanted)
}

fn ambiguous(query: &NameQuery, several: &[&Candidate]) -> String {
    format!("{} have it: {}; {}", several.len(), described(query, several), settle(query))
}

/// Candidates with what tells them apart.
fn described(query: &NameQuery, candidates: &[&Candidate]) -> String {
    let describe = |candidate: &&Candidate| {
        let Candidate { id, name, display_name, addresses, source, state, protocol } = candidate;
        let by_name = query.by == NameKind::Name && *name == query.text;
        let name = if by_name { "" } else { name.as_str() };
        let all = [name, display_name, source, state, protocol];
        let parts: Vec<String> = all
            .into_iter()
            .chain(addresses.iter().map(String::as_str))
            .filter(|part| !part.is_empty())
            .map(shown)
            .collect();
        if parts.is_empty() {
            format!("id {}", shown(id))
        } else {
            format!("id {} ({})", shown(id), parts.join(", "))
        }
    };
    let mut text: Vec<String> = candidates.iter().take(MOST_SHOWN).map(describe).collect();
    if candidates.len() > MOST_SHOWN {
        text.push(format!("and {} more", candidates.len() - MOST_SHOWN));
    }
    text.join(", ")
}

/// What settles a name.
fn settle(query: &NameQuery) -> &'static str {
    match query.object {
        ObjectKind::User => "write the id in a column user",
        ObjectKind::UserGroup => "write the id in a column user_group",
        ObjectKind::Host => "write the id in a column host",
        ObjectKind::HostGroup => "write the id in a column group",
        ObjectKind::Database => "write the id in a column db",
        ObjectKind::HostAccount | ObjectKind::DatabaseAccount if query.protocol.is_empty() => {
            "write the id in a column account_id, or add a column protocol"
        }
        ObjectKind::HostAccount | ObjectKind::DatabaseAccount => {
            "write the id in a column account_id"
        }
    }
}
