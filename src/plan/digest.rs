//! The digest that identifies a plan.

use super::{Plan, place};
use crate::names::Names;
use sha2::{Digest, Sha256};

/// The amount of data digested at once.
const PIECE_BYTES: usize = 1 << 16;

/// Precedes a length that does not fit into a byte.
const LONG: u8 = u8::MAX;

impl Plan {
    /// A digest of the planned requests, in their order: SHA-256 in lower-case hex. Equal digests
    /// mean that the numbers of grants and requests mean the same.
    ///
    /// It covers the names in the list, by first appearance, and then the requests as numbers. So
    /// each name is digested once, and memory is read in order.
    pub fn digest(&self) -> String {
        let mut input = DigestInput::default();
        for names in self.names.all() {
            input.names(names);
        }
        for (context, grantee, requests) in self.scopes_from(0) {
            input.text(context.operation.name());
            input.numbers([context.instance, context.region, grantee]);
            input.numbers([place(requests.len())]);
            for request in requests {
                let grants = self.grants_of(request);
                input.numbers([grants.end - grants.start]);
                for item in &self.items[grants.start as usize..grants.end as usize] {
                    input.numbers(item.numbers());
                }
                input.digest_piece();
            }
        }
        input.digest()
    }
}

/// The data to digest.
#[derive(Default)]
struct DigestInput {
    digested: Sha256,
    /// Not digested yet.
    piece: Vec<u8>,
}

impl DigestInput {
    fn numbers<const N: usize>(&mut self, numbers: [u32; N]) {
        self.piece.extend_from_slice(numbers.map(u32::to_le_bytes).as_flattened());
    }

    fn length(&mut self, length: usize) {
        match u8::try_from(length) {
            Ok(length) if length != LONG => self.piece.push(length),
            _ => {
                self.piece.push(LONG);
                self.piece.extend_from_slice(&(length as u64).to_le_bytes());
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.piece.extend_from_slice(text.as_bytes());
    }

    /// The lengths of all names, then their text.
    fn names(&mut self, names: &Names) {
        self.numbers([place(names.len())]);
        for length in names.lengths() {
            self.length(length);
            self.digest_piece();
        }
        self.digest_all();
        self.digested.update(names.text());
    }

    fn digest_piece(&mut self) {
        if self.piece.len() >= PIECE_BYTES {
            self.digest_all();
        }
    }

    fn digest_all(&mut self) {
        self.digested.update(&self.piece);
        self.piece.clear();
    }

    fn digest(mut self) -> String {
        self.digest_all();
        crate::hex::hex(&self.digested.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Collector;
    use crate::model::{Account, Grant, Grantee, GranteeKind, Kind};
    use crate::plan::Limits;
    use std::collections::HashMap;

    const GRANT: Grant<'static> = Grant {
        instance_id: "i",
        region: "r",
        grantee: Grantee { kind: GranteeKind::User, id: "u" },
        kind: Kind::Host,
        target: "t",
        account: Account::Named("a"),
    };

    fn of<'a>(rows: impl IntoIterator<Item = Grant<'a>>) -> Plan {
        under(rows, Limits::API)
    }

    fn under<'a>(rows: impl IntoIterator<Item = Grant<'a>>, limits: Limits) -> Plan {
        let mut collector = Collector::default();
        for row in rows {
            collector.push(&row).unwrap();
        }
        Plan::with_limits(collector.finish(), limits)
    }

    #[test]
    fn every_difference_of_a_request_changes_the_digest() {
        let group = Grantee { kind: GranteeKind::UserGroup, id: "u" };
        let others = [
            Grant { instance_id: "j", ..GRANT },
            Grant { region: "s", ..GRANT },
            Grant { grantee: group, ..GRANT },
            Grant { grantee: Grantee { id: "v", ..GRANT.grantee }, ..GRANT },
            Grant { kind: Kind::Database, ..GRANT },
            Grant { target: "ta", ..GRANT },
            Grant { target: "", account: Account::Named("ta"), ..GRANT },
            Grant { account: Account::Named(""), ..GRANT },
            Grant { account: Account::Whole, ..GRANT },
        ];
        let all = std::iter::once(GRANT).chain(others);
        let mut plans: Vec<Vec<Grant<'_>>> = all.clone().map(|row| vec![row]).collect();
        for (first, second) in all.clone().flat_map(|one| all.clone().map(move |two| (one, two))) {
            if first != second {
                plans.push(vec![first, second]);
                plans.push(vec![first, second, Grant { target: "tb", ..GRANT }]);
            }
        }
        let mut known = HashMap::new();
        for rows in plans {
            let plan = of(rows.iter().copied());
            let requests: Vec<_> =
                (0..plan.requests()).map(|at| plan.request(at).unwrap()).collect();
            let requests = format!("{requests:?}");
            let before = known.entry(plan.digest()).or_insert_with(|| requests.clone());
            assert_eq!(*before, requests);
        }
    }

    #[test]
    fn the_limits_of_requests_change_the_digest() {
        let rows = || ["a", "b", "c"].map(|name| Grant { account: Account::Named(name), ..GRANT });
        let one = Limits { accounts: 1, ..Limits::API };
        let two = Limits { accounts: 2, ..Limits::API };
        let digests = [Limits::API, one, two].map(|limits| under(rows(), limits).digest());
        assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
    }

    /// The list is longer than one piece. The digest is the same on every machine and in every
    /// version, so the ledgers of earlier versions are recognised.
    #[test]
    fn the_digest_of_a_plan_stays() {
        let long = "a".repeat(300);
        let account = |n| if n == 4 { long.clone() } else { format!("a{n}") };
        let names = |n| [format!("u{}", n % 77), format!("目{}", n % 1_013), account(n % 5)];
        let names: Vec<[String; 3]> = (0..20_000).map(names).collect();
        let rows = names.iter().map(|[user, target, account]| Grant {
            grantee: Grantee { id: user, ..GRANT.grantee },
            target,
            account: if account == "a0" { Account::Whole } else { Account::Named(account) },
            ..GRANT
        });
        assert_eq!(
            of(rows).digest(),
            "6b61adeba7c9d940c246bf588d2868fc1c9b02d66089e319fd1eb4fb395c0df2"
        );
    }
}
