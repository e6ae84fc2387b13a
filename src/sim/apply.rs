//! The effect of a valid request on the grants or the world, and its answer.

use super::api_error::ApiError;
use super::audit::{Attempt, AuditLog};
use super::call::Call;
use super::faults::{Fault, FaultPlan};
use super::grants::{Grants, ItemCode};
use super::http_types::HttpResponse;
use super::operation::Action;
use super::request::{Change, GrantRequest};
use super::response::{ResponseContext, TargetResult};
use super::service::Service;
use super::world::ItemFaults;
use crate::model::Grantee;

impl Service {
    /// Removes or adds the grants of a request, and answers item by item.
    pub(super) fn apply_grants(
        &mut self,
        request: &GrantRequest,
        context: ResponseContext<'_>,
        plan: &FaultPlan,
        attempt: &mut Attempt,
    ) -> HttpResponse {
        attempt.applied = true;
        self.log.counts.applied += 1;
        let grants = match &mut self.settings.world {
            Some(world) => world.grants_mut(context.now),
            None => &mut self.settings.grants,
        };
        let mut items = Items { log: &mut self.log, plan, attempt };
        let mut results = Vec::with_capacity(request.targets.len());
        let mut place = 0;
        for entry in &request.targets {
            let mut accounts = Vec::new();
            let mut outer = ItemCode::Ok;
            let mut is_missing = false;
            if let Some(names) = &entry.accounts {
                for account in names {
                    place += 1;
                    let code = items.change(grants, request, &entry.target, Some(account), place);
                    if !items.is_missing(place) {
                        accounts.push((account.clone(), code));
                    }
                }
                let GrantRequest { instance_id, grantee, operation, .. } = request;
                let grantee = Grantee { kind: grantee.kind, id: grantee.id.as_str() };
                if !grants.exists(instance_id, &grantee, operation.kind, &entry.target) {
                    // The answer about a target that doesn't exist has no accounts.
                    accounts.clear();
                    outer = ItemCode::NotFound;
                }
            } else {
                place += 1;
                outer = items.change(grants, request, &entry.target, None, place);
                is_missing = items.is_missing(place);
            }
            if !is_missing {
                results.push(TargetResult { target: entry.target.clone(), code: outer, accounts });
            }
        }
        self.record_shape_faults(plan, attempt);
        context.success(request, results, plan)
    }

    /// Answers a read, or applies a write that names no grants.
    pub(super) fn apply_call(
        &mut self,
        call: &Call,
        context: ResponseContext<'_>,
        plan: &FaultPlan,
        attempt: &mut Attempt,
    ) -> HttpResponse {
        let Some(world) = &mut self.settings.world else {
            let why = "This simulated service has no world; start it with --world FILE.";
            let error = ApiError::bad("InvalidParameter", why);
            attempt.code.clone_from(&error.code);
            return context.error(&error);
        };
        let answer = match call.spec.action {
            Action::Read(read) => {
                self.log.counts.reads += 1;
                world.read(context.now, read, call)
            }
            Action::Write(write) => {
                attempt.applied = true;
                self.log.counts.writes += 1;
                let mut items = Items { log: &mut self.log, plan, attempt };
                world.write(context.now, write, call, &mut items)
            }
            // A request of this kind never holds a detach or attach operation.
            Action::Detach(_) | Action::Attach(_) => {
                Err(ApiError::bad("InvalidParameter", "Not an operation on the world."))
            }
        };
        match answer {
            Ok(members) => {
                self.record_shape_faults(plan, attempt);
                context.call(call.spec.name, members, plan)
            }
            Err(error) => {
                attempt.code.clone_from(&error.code);
                context.error(&error)
            }
        }
    }

    fn record_shape_faults(&mut self, plan: &FaultPlan, attempt: &mut Attempt) {
        let shape_faults =
            [Fault::ShuffledItems, Fault::NumericIds, Fault::ObjectForOne, Fault::AccountsApart];
        for fault in shape_faults.into_iter().filter(|fault| plan.injects(*fault, 0)) {
            self.log.record_fault(attempt, fault);
        }
    }
}

/// The items of one request, the faults planned for them, and their record.
struct Items<'a> {
    log: &'a mut AuditLog,
    plan: &'a FaultPlan,
    attempt: &'a mut Attempt,
}

impl Items<'_> {
    /// Removes or adds one item, unless a fault makes it unexpected.
    fn change(
        &mut self,
        grants: &mut Grants,
        request: &GrantRequest,
        target: &str,
        account: Option<&str>,
        place: u64,
    ) -> ItemCode {
        self.log.counts.items += 1;
        if self.is_unexpected(place) {
            return ItemCode::Unexpected;
        }
        let GrantRequest { instance_id, grantee, operation, .. } = request;
        let grantee = Grantee { kind: grantee.kind, id: grantee.id.as_str() };
        let kind = operation.kind;
        match (request.change, account) {
            (Change::Attach, account) => {
                grants.attach(instance_id, &grantee, kind, target, account)
            }
            (Change::Detach, None) => grants.remove_whole(instance_id, &grantee, kind, target),
            (Change::Detach, Some(account)) => {
                grants.remove_account(instance_id, &grantee, kind, target, account)
            }
        }
    }

    fn injects(&mut self, fault: Fault, place: u64) -> bool {
        let is_injected = self.plan.injects(fault, place);
        if is_injected {
            self.log.record_fault(self.attempt, fault);
        }
        is_injected
    }
}

impl ItemFaults for Items<'_> {
    fn is_unexpected(&mut self, place: u64) -> bool {
        self.injects(Fault::UnexpectedItems, place)
    }

    fn is_missing(&mut self, place: u64) -> bool {
        self.injects(Fault::MissingItems, place)
    }
}
