//! The value of the column `kind`.

use crate::model::Kind;

use super::diagnostics::ProblemSink;
use super::fields::nearest;
use super::problem_kind::ProblemKind;

/// Reports an unknown kind, with the one that is probably meant.
pub(super) fn add_unknown_kind(sink: &mut ProblemSink<'_>, column: Option<usize>, written: &str) {
    let names = [Kind::Host, Kind::HostGroup, Kind::Database].map(Kind::name);
    match nearest(written, names).filter(|_| written.len() <= 64) {
        Some(near) => {
            let remedy = format!("did you mean {near}? The kinds are {}", names.join(", "));
            sink.add_with(ProblemKind::UnknownKind, column, written, remedy);
        }
        None => sink.add(ProblemKind::UnknownKind, column, written),
    }
}

/// The kind that a value names. The plain spellings come first because nearly all rows use them.
pub(super) fn kind_of(written: &str) -> Option<Kind> {
    match written {
        "host" => return Some(Kind::Host),
        "host-group" => return Some(Kind::HostGroup),
        "database" => return Some(Kind::Database),
        _ if written.len() > 64 => return None,
        _ => {}
    }
    // Only ASCII blanks are dropped: any other white space is a mistake worth showing.
    match written.to_lowercase().replace([' ', '-', '_'], "").as_str() {
        "host" | "主机" => Some(Kind::Host),
        "hostgroup" | "group" | "主机组" => Some(Kind::HostGroup),
        "database" | "db" | "数据库" => Some(Kind::Database),
        _ => None,
    }
}
