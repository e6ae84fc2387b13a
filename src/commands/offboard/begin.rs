//! The beginning of an offboarding: reads, shows, checks and confirms. Changes nothing.

use super::{Offboarding, asked_text, sha256};
use crate::access::{self, COLUMNS, RouteKind, Survey, routes};
use crate::api::reading::{Lookup, User};
use crate::cli::user::UserName;
use crate::clock::utc_seconds;
use crate::commands::export::resolved;
use crate::commands::job::Job;
use crate::commands::reading::save;
use crate::commands::{confirm, list};
use crate::config::{Confirmation, RunSettings, offboard};
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::guards::Protection;
use crate::input::shown;
use crate::model::{Grantee, GranteeKind};
use crate::offboard::{Begun, OffboardOptions, OffboardPlan, StepLog, plan};
use crate::report::offboarding::plan_text;
use crate::report::print;
use crate::report::text::things;
use std::collections::BTreeMap;
use std::fmt::Write as _;

impl Offboarding<'_> {
    /// Reads, shows, checks and confirms. Nothing is changed before the record exists. `None`: it is
    /// a dry run.
    pub(super) async fn begin(
        &self,
        asked: Vec<UserName>,
        confirmation: &Confirmation,
    ) -> Result<Option<StepLog>, Failure> {
        let args = self.args;
        for path in [&self.files.out, &self.files.revocations()] {
            if !args.dry_run && std::fs::symlink_metadata(path).is_ok() {
                let name = path.display();
                let message = format!("{name} exists and is of another run; pass another --out");
                return Err(Failure::new(Exit::Usage, message));
            }
        }
        let texts = asked.iter().map(asked_text).collect();
        let place = (args.instance.instance_id.as_str(), args.instance.region.as_str());
        let ids = resolved(asked, &self.connection.caller, place).await?;
        let survey = self.survey(ids).await?;
        refuse_missing(&survey)?;
        let routes = routes(&survey, &[], self.clock.now());
        let protection = match &args.guards.protect {
            Some(path) => list::protection(&path.to_string_lossy(), &list::protect_content(path)?)?,
            None => Protection::default(),
        };
        let options = OffboardOptions {
            lock: args.lock,
            leave_groups: args.leave_groups,
            delete_keys: args.delete_keys,
        };
        let planned = plan(&survey, options, &protection, &routes);
        let instance = format!("{} ({})", args.instance.instance_id, args.instance.region);
        self.print_plan(&planned, &instance)?;
        self.refuse_own_lock(&planned).await?;
        let not_checked = routes.iter().filter(|route| route.kind == RouteKind::NotChecked).count();
        let (list, rows) = self.guarded_list(&survey, &planned, not_checked).await?;
        self.refuse_unread_accounts(&survey).await?;
        if args.dry_run {
            self.show.line("Dry run: nothing was changed")?;
            return Ok(None);
        }
        let users = planned.users.len();
        confirm::confirm_number(confirmation, users, "users", String::new()).await?;
        save(&self.files.revocations(), &list)?;
        let locked = planned.users.iter().filter(|user| user.is_locked);
        let begun = Begun {
            asked: texts,
            users: planned.users.iter().map(|user| user.id.clone()).collect(),
            locked_before: locked.map(|user| user.id.clone()).collect(),
            instance_id: args.instance.instance_id.clone(),
            region: args.instance.region.clone(),
            endpoint: self.endpoint(),
            steps: planned.steps(),
            list_sha256: sha256(&list),
            rows,
            at: utc_seconds(self.clock.now()),
        };
        Ok(Some(StepLog::create(&self.files.steps(), begun)?))
    }

    fn print_plan(&self, plan: &OffboardPlan, instance: &str) -> Result<(), Failure> {
        if self.show.is_hidden() {
            return Ok(());
        }
        print::text(&plan_text(plan, instance, access::NOT_VISIBLE))
    }

    /// The user whose keys are used is never locked. Keys belong to RAM users, so only users from RAM
    /// can be the caller.
    async fn refuse_own_lock(&self, plan: &OffboardPlan) -> Result<(), Failure> {
        if self.args.rehearse {
            return Ok(());
        }
        let is_ram = |user: &User| user.source.trim().eq_ignore_ascii_case("Ram");
        let locked = plan.users.iter().filter(|user| user.lock && is_ram(&user.user));
        let locked: Vec<_> = locked.collect();
        if locked.is_empty() {
            return Ok(());
        }
        let unknown = |why: &str| {
            let message = format!(
                "cannot tell whose keys are used, and the user of the keys must not be locked: \
                 {why}; nothing was changed"
            );
            Failure::new(Exit::Refused, message)
        };
        let session = &self.connection.session;
        if !session.may_ask_sts() {
            return Err(unknown("with --endpoint, set BASTION_REVOKE_STS_ENDPOINT, too"));
        }
        let identity = session.identity().await.map_err(|error| unknown(&error.to_string()))?;
        let name = identity.arn.rsplit_once(":user/").map(|(_, name)| name);
        let own = locked.into_iter().find(|planned| {
            let user = &planned.user;
            let is_id = !identity.user_id.is_empty()
                && user.source_user_id.trim() == identity.user_id.trim();
            is_id || name.is_some_and(|name| user.name.trim().eq_ignore_ascii_case(name))
        });
        own.map_or(Ok(()), |own| {
            let (id, arn) = (shown(&own.id), shown(&identity.arn));
            let message = format!(
                "user {id} is the owner of the keys that are used ({arn}), and would lock itself \
                 out; use the keys of somebody else; nothing was changed"
            );
            Err(Failure::new(Exit::Refused, message))
        })
    }

    /// The snapshot of the revocations is read after the locks. One call for each kind of target
    /// shows now whether the keys may read the accounts on it, so that nothing begins otherwise.
    async fn refuse_unread_accounts(&self, survey: &Survey) -> Result<(), Failure> {
        if self.args.allow_incomplete_snapshot || self.args.dry_run {
            return Ok(());
        }
        let mut first = BTreeMap::new();
        for user in &survey.users {
            for target in user.all_targets() {
                first.entry(target.kind).or_insert((&user.id, &target.id));
            }
        }
        for (kind, (user, target)) in first {
            let grantee = Grantee { kind: GranteeKind::User, id: user.clone() };
            let accounts = self.connection.reader.granted_accounts(&grantee, kind, target).await?;
            let Some(reason) = accounts.reason() else { continue };
            let (user, target) = (shown(user), shown(target));
            let message = format!(
                "the accounts on {kind} {target} of user {user} could not be read: {reason}; allow \
                 these reads, or pass --allow-incomplete-snapshot: what is not read cannot be \
                 restored; nothing was changed"
            );
            return Err(Failure::new(Exit::Refused, message));
        }
        Ok(())
    }

    /// The list of revocations, after all guards.
    async fn guarded_list(
        &self,
        survey: &Survey,
        plan: &OffboardPlan,
        not_checked: usize,
    ) -> Result<(Vec<u8>, usize), Failure> {
        let args = self.args;
        let refused =
            |why: String| Failure::new(Exit::Refused, format!("{why}; nothing was changed"));
        let most = args.guards.max_users;
        if let Some(most) = most.filter(|most| plan.users.len() > *most) {
            return Err(refused(format!("users: {}, and --max-users is {most}", plan.users.len())));
        }
        if !plan.protected.is_empty() && !args.guards.skip_protected {
            let what = plan.protected.join("\n  ");
            return Err(refused(format!(
                "these steps are protected; leave them out with --skip-protected:\n  {what}\n"
            )));
        }
        if not_checked > 0 && !args.allow_incomplete_snapshot && !args.dry_run {
            return Err(refused(format!(
                "{} could not be read; allow these reads, or pass \
                 --allow-incomplete-snapshot: what is not read cannot be shown or restored",
                things(not_checked, "thing", "things")
            )));
        }
        let now = self.clock.now();
        let rows = access::rows(survey, &args.instance.instance_id, &args.instance.region, now);
        let (rows, unusable) = access::usable(rows)?;
        if let Some(unusable) = unusable.first() {
            return Err(refused(format!("a grant cannot be listed: {}", unusable.reason)));
        }
        let text = access::csv_text(COLUMNS, rows.iter().map(|row| &row.0));
        if !rows.is_empty() {
            let file_error = |error: std::io::Error| {
                Failure::new(Exit::File, format!("cannot write a temporary file: {error}"))
            };
            let folder = tempfile::tempdir().map_err(file_error)?;
            let path = folder.path().join("list.csv");
            std::fs::write(&path, &text).map_err(file_error)?;
            let out = folder.path().join("out.csv");
            let settings = offboard::revocations(args, &path, out.clone());
            // Reading the job checks every guard on the revocations.
            Job::read(&RunSettings { rehearse: true, ..settings }, &RunFiles::new(out)).await?;
        }
        Ok((text, rows.len()))
    }
}

/// A user that does not exist is not a user without access.
fn refuse_missing(survey: &Survey) -> Result<(), Failure> {
    let mut message = String::new();
    for user in &survey.users {
        match &user.user {
            Lookup::Found(_) => {}
            Lookup::NotFound => {
                let _ = writeln!(message, "user {}: the service has no such user", shown(&user.id));
            }
            Lookup::NotChecked(why) => {
                let _ = writeln!(message, "user {}: cannot be read: {why}", shown(&user.id));
            }
        }
    }
    if message.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::InvalidInput, format!("{message}nothing was changed")))
}
