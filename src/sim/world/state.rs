//! A world over time: writes, reads that see them late, and changes made by others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::behaviour::{Behaviour, Change};
use super::data::{Data, GrantKey};
use super::file::{WorldError, WorldFile};
use super::model::{PublicKey, User, UserGroup};
use super::writes::ItemFaults;
use super::{reads, writes};
use crate::model::{Grantee, GranteeKind, Kind};
use crate::sim::api_error::ApiError;
use crate::sim::call::Call;
use crate::sim::grants::Grants;
use crate::sim::operation::{Action, Read, Spec, Write};

/// The sample that is compiled in, `samples/world.toml`.
const SAMPLE: &str = include_str!("../../../samples/world.toml");

/// Users, groups, assets, grants and rules, and how the service answers about them.
#[derive(Debug, Clone)]
pub struct World {
    data: Arc<Data>,
    behaviour: Behaviour,
    /// States before writes that reads don't see yet, the oldest first.
    hidden_writes: VecDeque<HiddenWrite>,
    /// How many reads were answered.
    reads: u64,
    /// How often each entry of `behaviour.empty_pages` came back empty.
    emptied: BTreeMap<usize, u64>,
    /// Which entries of `behaviour.changes` took effect.
    changed: Vec<bool>,
    /// For each entry of `behaviour.regrants`, its progress.
    regrants: Vec<RegrantState>,
}

/// The state before a write, which reads see until the lag is over.
#[derive(Debug, Clone)]
struct HiddenWrite {
    before: Arc<Data>,
    until: Timestamp,
    until_read: u64,
}

#[derive(Debug, Clone)]
struct RegrantState {
    grant: GrantKey,
    after_reads: u64,
    is_done: bool,
}

impl World {
    /// Builds a world from a file that was parsed, for example one made by a test.
    pub fn new(file: WorldFile) -> Result<Self, WorldError> {
        let (data, behaviour) = file.into_data()?;
        let regrants = behaviour.regrants.iter().filter_map(|regrant| {
            let grant = GrantKey::new(&regrant.grant).ok()?;
            Some(RegrantState { grant, after_reads: regrant.after_reads, is_done: false })
        });
        Ok(Self {
            regrants: regrants.collect(),
            changed: vec![false; behaviour.changes.len()],
            data: Arc::new(data),
            behaviour,
            hidden_writes: VecDeque::new(),
            reads: 0,
            emptied: BTreeMap::new(),
        })
    }

    /// Reads a world file, JSON if its first character is `{`, else TOML.
    pub fn parse(text: &str) -> Result<Self, WorldError> {
        Self::new(WorldFile::parse(text)?)
    }

    /// The built-in world, `samples/world.toml`: eight users, three of them called `li.wei`,
    /// twelve hosts, three host groups and four databases.
    pub fn sample() -> Self {
        match Self::parse(SAMPLE) {
            Ok(world) => world,
            Err(error) => unreachable!("samples/world.toml: {error}"),
        }
    }

    /// The users as they are now, whatever reads see.
    pub fn users(&self) -> &[User] {
        &self.data.users
    }

    /// The user groups as they are now.
    pub fn user_groups(&self) -> &[UserGroup] {
        &self.data.user_groups
    }

    /// The public keys as they are now.
    pub fn public_keys(&self) -> &[PublicKey] {
        &self.data.public_keys
    }

    /// The grants as they are now. [`super::super::Audit`] lists them.
    pub(in crate::sim) fn grants(&self) -> &Grants {
        &self.data.grants
    }

    /// The grants, to be changed by a request that arrived at `now`.
    pub(in crate::sim) fn grants_mut(&mut self, now: Timestamp) -> &mut Grants {
        &mut self.data_mut(now).grants
    }

    /// The error of an operation that this world lacks or forbids.
    pub(in crate::sim) fn refusal(&self, spec: &Spec) -> Option<ApiError> {
        let has = |operations: &[String]| operations.iter().any(|name| name == spec.name);
        if has(&self.behaviour.missing_operations) {
            let why = "Specified api is not found, please check your url and method.";
            return Some(ApiError::new(StatusCode::NOT_FOUND, "InvalidApi.NotFound", why));
        }
        if has(&self.behaviour.denied_operations) {
            let why = "You are not authorized to do this operation.";
            return Some(ApiError::new(StatusCode::FORBIDDEN, "NoPermission", why));
        }
        None
    }

    /// Answers a read: the members of the answer besides `RequestId`.
    pub(in crate::sim) fn read(
        &mut self,
        now: Timestamp,
        read: Read,
        call: &Call,
    ) -> Result<Map<String, Value>, ApiError> {
        self.apply_regrants(now);
        self.reads += 1;
        let is_empty_page = self.empties_page(call);
        let inherited = self.behaviour.inherited_grants;
        let default = self.behaviour.default_project_only.then(|| self.data.default_project());
        let call = &call.clone().with_project(default.flatten());
        let reply = reads::read(self.visible(now), read, call, now, inherited)?;
        let is_paged = call.spec.is_paged && call.get("PagingOff") != Some("true");
        let page = is_paged.then_some(call.page);
        let members = reply.render(page, is_empty_page, &self.behaviour);
        self.apply_changes(now, call);
        Ok(members)
    }

    /// Applies a write: the members of the answer besides `RequestId`.
    pub(in crate::sim) fn write(
        &mut self,
        now: Timestamp,
        write: Write,
        call: &Call,
        faults: &mut dyn ItemFaults,
    ) -> Result<Map<String, Value>, ApiError> {
        writes::write(self.data_mut(now), write, call, faults)
    }

    /// The state that a read at `now` sees.
    fn visible(&self, now: Timestamp) -> &Data {
        let is_hidden = |write: &&HiddenWrite| write.until > now || write.until_read >= self.reads;
        self.hidden_writes.iter().find(is_hidden).map_or(&self.data, |write| &write.before)
    }

    /// The current state, to be changed at `now`; keeps the state before for reads that lag.
    fn data_mut(&mut self, now: Timestamp) -> &mut Data {
        let (ms, reads) = (self.behaviour.read_lag_ms, self.behaviour.read_lag_reads);
        if ms > 0 || reads > 0 {
            let read = self.reads;
            self.hidden_writes.retain(|write| write.until > now || write.until_read > read);
            let lag = SignedDuration::try_from(Duration::from_millis(ms));
            let until = lag.ok().and_then(|lag| now.checked_add(lag).ok());
            self.hidden_writes.push_back(HiddenWrite {
                before: Arc::clone(&self.data),
                until: until.unwrap_or(Timestamp::MAX),
                until_read: read + reads,
            });
        }
        Arc::make_mut(&mut self.data)
    }

    /// Whether this page comes back empty; counts it.
    fn empties_page(&mut self, call: &Call) -> bool {
        let pages = (0..).zip(&self.behaviour.empty_pages);
        let found = pages.into_iter().find(|(at, empty)| {
            let times = self.emptied.get(at).copied().unwrap_or(0);
            let is_this = empty.operation == call.spec.name && empty.page == call.page.number;
            is_this && times < empty.times
        });
        match found {
            Some((at, _)) => {
                *self.emptied.entry(at).or_default() += 1;
                true
            }
            None => false,
        }
    }

    /// Applies the changes that follow the page that was just answered.
    fn apply_changes(&mut self, now: Timestamp, call: &Call) {
        if !matches!(call.spec.action, Action::Read(_)) {
            return;
        }
        for at in 0..self.behaviour.changes.len() {
            let change = &self.behaviour.changes[at];
            let is_due = change.operation == call.spec.name
                && change.after_page == call.page.number
                && !self.changed[at];
            if is_due {
                self.changed[at] = true;
                let change = change.clone();
                apply_change(self.data_mut(now), change);
            }
        }
    }

    /// Adds the grants again that were removed and have waited long enough.
    fn apply_regrants(&mut self, now: Timestamp) {
        for at in 0..self.regrants.len() {
            let state = &mut self.regrants[at];
            if state.is_done || self.data.holds(&state.grant) {
                continue;
            }
            if state.after_reads > 0 {
                state.after_reads -= 1;
                continue;
            }
            state.is_done = true;
            let grant = state.grant.clone();
            self.data_mut(now).attach(&grant);
        }
    }
}

fn apply_change(data: &mut Data, change: Change) {
    if let Some(host) = change.add_host {
        data.hosts.push(host);
    }
    if let Some(id) = change.remove_host {
        data.hosts.retain(|host| host.id != id);
        for group in &mut data.host_groups {
            group.hosts.retain(|host| *host != id);
        }
        data.grants.delete_target(Kind::Host, &id);
    }
    if let Some(user) = change.add_user {
        data.users.push(user);
    }
    if let Some(id) = change.remove_user {
        data.users.retain(|user| user.id != id);
        for group in &mut data.user_groups {
            group.members.retain(|user| *user != id);
        }
        data.public_keys.retain(|key| key.user != id);
        data.grants.delete_grantee(&Grantee { kind: GranteeKind::User, id: &id });
    }
    data.register_objects();
    for (grant, is_added) in [(change.attach, true), (change.detach, false)] {
        if let Some(Ok(grant)) = grant.as_ref().map(GrantKey::new) {
            if is_added { data.attach(&grant) } else { data.detach(&grant) }
        }
    }
}
