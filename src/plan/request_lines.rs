//! Planned requests as JSON Lines.

use super::Plan;
use crate::model::{Accounts, Name, Request};
use serde::Serialize;
use std::io::{self, Write};

impl Plan {
    /// Writes each planned request as a line of JSON, in order.
    pub fn write_requests(&self, to: &mut impl Write) -> io::Result<()> {
        for number in 0..self.requests() {
            let request = self.request(number).map_err(io::Error::other)?;
            serde_json::to_writer(&mut *to, &Line::of(&request))?;
            to.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// A request as `plan --requests` shows it.
#[derive(Serialize)]
struct Line<'a> {
    operation: &'static str,
    /// Absent where neither the rows nor the settings name one.
    instance_id: Option<&'a str>,
    region: &'a str,
    /// The id of the user, or of the user group for the `...FromUserGroup` operations.
    grantee: &'a str,
    targets: Vec<Target<'a>>,
}

#[derive(Serialize)]
struct Target<'a> {
    id: &'a str,
    /// Absent for a whole target.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<&'a [Name]>,
}

impl<'a> Line<'a> {
    fn of(request: &'a Request) -> Self {
        let targets = request.entries.as_slice().iter().map(|entry| Target {
            id: &entry.target,
            accounts: match &entry.accounts {
                Accounts::Whole => None,
                Accounts::Listed(accounts) => Some(accounts.as_slice()),
            },
        });
        Self {
            operation: request.operation().name(),
            instance_id: Some(request.instance_id.as_str()).filter(|id| !id.is_empty()),
            region: &request.region,
            grantee: &request.grantee.id,
            targets: targets.collect(),
        }
    }
}
