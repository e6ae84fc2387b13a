//! The entry point: calls for one instance, and concurrent reads.

use super::membership::Members;
use super::store::{Keeping, KeptTimes};
use crate::api::caller::{CallError, Caller};
use crate::api::operation::Parameter;
use crate::api::transport::Transport;
use crate::api::tree::Branch;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

/// Reads one instance. Clones share the caller and what is cached.
pub struct Reader<T> {
    caller: Arc<Caller<T>>,
    instance: Arc<Instance>,
    /// The ids of projects whose objects are listed by themselves, too.
    projects: Arc<[String]>,
    pub(super) keeping: Keeping,
}

/// The instance that is read, and what is cached of it for the run.
struct Instance {
    id: String,
    region: String,
    lacks_groups_of_user: AtomicBool,
    members: OnceCell<Members>,
    kept_at: KeptTimes,
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self {
            caller: Arc::clone(&self.caller),
            instance: Arc::clone(&self.instance),
            projects: Arc::clone(&self.projects),
            keeping: self.keeping.clone(),
        }
    }
}

impl<T: Transport> Reader<T> {
    /// A reader of that instance. Give all readers of a run the same caller: it holds the rate.
    pub fn new(caller: Arc<Caller<T>>, instance_id: &str, region: &str) -> Self {
        let instance = Instance {
            id: instance_id.to_owned(),
            region: region.to_owned(),
            lacks_groups_of_user: AtomicBool::new(false),
            members: OnceCell::new(),
            kept_at: KeptTimes::default(),
        };
        let (instance, projects) = (Arc::new(instance), Arc::default());
        Self { caller, instance, projects, keeping: Keeping::default() }
    }

    /// A reader that also lists the objects of each of these projects, where the operation takes a
    /// `ProjectId`. Call it before the first read.
    #[must_use]
    pub fn in_projects(self, ids: Vec<String>) -> Self {
        Self { projects: ids.into(), ..self }
    }

    /// The projects to list by themselves, for an operation that takes a `ProjectId` or not.
    pub(super) fn projects_of(&self, has_projects: bool) -> &[String] {
        if has_projects { &self.projects } else { &[] }
    }

    /// The caller, for the number of calls so far.
    pub fn caller(&self) -> &Caller<T> {
        &self.caller
    }

    /// Runs `read` for all inputs at once and returns the results in the order of the inputs. The
    /// caller bounds the calls in flight.
    ///
    /// # Errors
    ///
    /// The first error; the other reads are then stopped.
    pub async fn read_all<I, R, E, F, Fut>(&self, inputs: Vec<I>, read: F) -> Result<Vec<R>, E>
    where
        F: Fn(Self, I) -> Fut,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Send + 'static,
        E: Send + 'static,
    {
        self.read_each(inputs, usize::MAX, read, |_| ()).await
    }

    /// The same for at most `at_once` inputs at a time, in their order. `on_done` is called with
    /// the number of inputs that have been read, at first with 0.
    ///
    /// # Errors
    ///
    /// The first error; the other reads are then stopped.
    pub async fn read_each<I, R, E, F, Fut>(
        &self,
        inputs: Vec<I>,
        at_once: usize,
        read: F,
        mut on_done: impl FnMut(usize),
    ) -> Result<Vec<R>, E>
    where
        F: Fn(Self, I) -> Fut,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Send + 'static,
        E: Send + 'static,
    {
        let mut tasks = JoinSet::new();
        let mut waiting = inputs.into_iter().enumerate();
        let mut results = BTreeMap::new();
        on_done(0);
        loop {
            for (at, input) in waiting.by_ref().take(at_once.max(1) - tasks.len()) {
                let reading = read(self.clone(), input);
                tasks.spawn(async move { (at, reading.await) });
            }
            match tasks.join_next().await {
                Some(Ok((at, result))) => {
                    results.insert(at, result?);
                    on_done(results.len());
                }
                Some(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
                None => return Ok(results.into_values().collect()),
            }
        }
    }

    pub(super) async fn call<R: Send>(
        &self,
        action: &str,
        own: &[(&'static str, &str)],
        decode: &(impl Fn(Branch<'_>) -> R + Sync),
    ) -> Result<R, CallError> {
        let Instance { id, region, .. } = &*self.instance;
        let common = [("InstanceId", id.as_str()), ("RegionId", region.as_str())];
        let parameters = common.into_iter().chain(own.iter().copied());
        let parameters: Vec<Parameter<'_>> =
            parameters.map(|(name, value)| (name.into(), value.into())).collect();
        self.caller.call(region, action, &parameters, decode).await.value
    }

    /// The id and the region of the instance.
    pub(super) fn place(&self) -> (&str, &str) {
        (&self.instance.id, &self.instance.region)
    }

    /// When kept readings that were used had been read.
    pub(super) fn kept_times(&self) -> &KeptTimes {
        &self.instance.kept_at
    }

    /// Whether `ListUserGroupsForUser` was found to be unavailable.
    pub(super) fn lacks_groups_of_user(&self) -> &AtomicBool {
        &self.instance.lacks_groups_of_user
    }

    /// The members of all user groups, read at most once.
    pub(super) fn members(&self) -> &OnceCell<Members> {
        &self.instance.members
    }
}
