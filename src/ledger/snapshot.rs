//! The table `snapshot`: what was granted before a run.

use crate::access::{HeldTarget, TargetKey};
use crate::model::{Grantee, GranteeKind, Kind};
use rusqlite::{Connection, params};

/// Writes a snapshot.
pub(super) fn insert(connection: &Connection, snapshot: &[HeldTarget]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "INSERT INTO snapshot (instance_id, region, grantee_kind, grantee, kind, target, granted, \
         accounts, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for HeldTarget { key, is_granted, accounts, reason } in snapshot {
        let accounts = serde_json::to_string(accounts)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let TargetKey { instance_id, region, grantee, kind, target } = key;
        statement.execute(params![
            instance_id,
            region,
            grantee.kind.name(),
            grantee.id,
            kind.name(),
            target,
            is_granted,
            accounts,
            reason
        ])?;
    }
    Ok(())
}

/// Reads what [`insert`] wrote; nothing if it makes no sense.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Option<Vec<HeldTarget>>> {
    let mut statement = connection.prepare(
        "SELECT instance_id, region, grantee_kind, grantee, kind, target, granted, accounts, \
         reason FROM snapshot ORDER BY rowid",
    )?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(held) = held(row)? else { return Ok(None) };
        all.push(held);
    }
    Ok(Some(all))
}

fn held(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<HeldTarget>> {
    let (grantee_kind, kind) = (row.get_ref(2)?.as_str()?, row.get_ref(4)?.as_str()?);
    let grantees = [GranteeKind::User, GranteeKind::UserGroup];
    let kinds = [Kind::Host, Kind::HostGroup, Kind::Database];
    let grantee_kind = grantees.into_iter().find(|known| known.name() == grantee_kind);
    let kind = kinds.into_iter().find(|known| known.name() == kind);
    let accounts = serde_json::from_str(row.get_ref(7)?.as_str()?);
    let (Some(grantee_kind), Some(kind), Ok(accounts)) = (grantee_kind, kind, accounts) else {
        return Ok(None);
    };
    let key = TargetKey {
        instance_id: row.get(0)?,
        region: row.get(1)?,
        grantee: Grantee { kind: grantee_kind, id: row.get(3)? },
        kind,
        target: row.get(5)?,
    };
    Ok(Some(HeldTarget { key, is_granted: row.get(6)?, accounts, reason: row.get(8)? }))
}

#[cfg(test)]
mod tests {
    use crate::access::{HeldTarget, TargetKey};
    use crate::ledger::{JobSpec, Ledger};
    use crate::model::{Grantee, GranteeKind, Kind};

    #[test]
    fn a_snapshot_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let held =
            |kind, target: &str, is_granted, accounts: &[&str], reason: Option<&str>| HeldTarget {
                key: TargetKey {
                    instance_id: "i".to_owned(),
                    region: "r".to_owned(),
                    grantee: Grantee { kind: GranteeKind::UserGroup, id: "007".to_owned() },
                    kind,
                    target: target.to_owned(),
                },
                is_granted,
                accounts: accounts.iter().map(|name| (*name).to_owned()).collect(),
                reason: reason.map(str::to_owned),
            };
        let snapshot = [
            held(Kind::HostGroup, "2", Some(true), &["a\"b", "根"], None),
            held(Kind::Host, "1", Some(false), &[], None),
            held(Kind::Database, "3", None, &[], Some("NoPermission")),
        ];
        drop(Ledger::create_with(&path, &JobSpec::default(), &snapshot).unwrap());
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.snapshot().unwrap(), snapshot);
        ledger.connection.execute("UPDATE snapshot SET kind = 'hosts'", []).unwrap();
        assert!(ledger.snapshot().is_err());
    }
}
