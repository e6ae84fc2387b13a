//! Storing what happens to entries, in Redis, or beside it as long as Redis does not answer.

use super::connection::{Link, LinkError};
use super::leases::Leases;
use super::metrics::Metrics;
use super::outbox::Shelf;
use super::outcome_csv::Table;
use super::scripts::{Seat, Step};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// Where steps are stored.
#[derive(Debug)]
pub struct Store {
    /// This worker's place in its group.
    pub seat: Seat,
    /// The connection.
    pub link: Link,
    /// What this worker holds.
    pub leases: Leases,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    shelf: tokio::sync::Mutex<Shelf>,
    table: Option<Mutex<Table>>,
    answers: AtomicBool,
    trouble: Mutex<Option<LinkError>>,
}

impl Store {
    /// A store at that place.
    pub fn new(
        seat: Seat,
        link: Link,
        leases: Leases,
        shelf: Shelf,
        table: Option<Table>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            seat,
            link,
            leases,
            metrics,
            shelf: tokio::sync::Mutex::new(shelf),
            table: table.map(Mutex::new),
            answers: AtomicBool::new(true),
            trouble: Mutex::new(None),
        }
    }

    /// Whether Redis answered when it was last asked.
    pub fn is_reachable(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }

    /// What keeps this worker from going on at all, if anything does.
    pub fn trouble(&self) -> Option<LinkError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes how a question ended.
    pub fn heard<T>(&self, answer: &Result<T, LinkError>) {
        let error = answer.as_ref().err();
        let answers = !matches!(error, Some(LinkError::Unreachable(_)));
        if self.answers.swap(answers, Ordering::Relaxed) != answers {
            if let Some(error) = error {
                tracing::warn!(%error, "nothing is sent until it does");
            } else {
                tracing::warn!("Redis answers again");
            }
        }
        self.metrics.reachable(answers);
        if let Some(error) = error.filter(|error| !error.may_pass()) {
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            trouble.get_or_insert_with(|| error.clone());
        }
    }

    /// Stores steps; says whether Redis has them. If it has not, outcomes are kept durably on this
    /// machine until it has.
    pub async fn step(&self, steps: Vec<Step>) -> bool {
        if steps.is_empty() {
            return true;
        }
        let answer = self.seat.step(&self.link, &steps).await;
        self.heard(&answer);
        match answer {
            Ok(not_ours) => {
                self.settle(&steps, &not_ours);
                true
            }
            Err(LinkError::NoGroup) => {
                // Redis has lost its data, and with it what these entries were.
                self.leases.lose(steps.iter().map(|step| &step.id));
                true
            }
            Err(_) => {
                let done: Vec<Step> =
                    steps.into_iter().filter(|step| step.outcome.is_some()).collect();
                if !done.is_empty()
                    && let Err(error) = self.shelf.lock().await.put(&self.seat, done)
                {
                    tracing::error!(%error, "outcomes can't be kept on this machine either");
                }
                false
            }
        }
    }

    fn settle(&self, steps: &[Step], not_ours: &[String]) {
        for id in not_ours {
            tracing::warn!(row = id, "another worker has taken this entry over");
        }
        self.leases.lose(not_ours);
        let done = steps.iter().filter(|step| step.outcome.is_some());
        for step in done.filter(|step| !not_ours.contains(&step.id)) {
            self.leases.lose([&step.id]);
            self.metrics.done(step);
            if let Some(table) = &self.table
                && let Err(error) =
                    table.lock().unwrap_or_else(PoisonError::into_inner).append(step)
            {
                tracing::error!(%error, row = step.id, "this outcome is missing in --outcomes");
            }
        }
        self.metrics.committed();
    }

    /// Stores what was kept on this machine, once Redis answers.
    pub async fn empty_the_shelf(&self) {
        let mut kept = self.shelf.lock().await;
        for (consumer, steps) in kept.waiting() {
            let seat = Seat { consumer: consumer.clone(), ..self.seat.clone() };
            let answer = seat.step(&self.link, &steps).await;
            self.heard(&answer);
            match answer {
                Ok(not_ours) => self.settle(&steps, &not_ours),
                // Nothing is left that these outcomes could be acknowledged for.
                Err(LinkError::NoGroup) => self.leases.lose(steps.iter().map(|step| &step.id)),
                Err(_) => return,
            }
            kept.taken(&consumer);
        }
    }

    /// Whether outcomes wait on this machine.
    pub async fn has_a_full_shelf(&self) -> bool {
        !self.shelf.lock().await.is_empty()
    }

    /// Tells Redis that this worker still works on what it holds.
    pub async fn keep(&self) {
        let ids = self.leases.ids();
        let asked_at = Instant::now();
        let answer = self.seat.keep(&self.link, &ids).await;
        self.heard(&answer);
        match answer {
            Ok(ours) => self.leases.kept(&ids, &ours, asked_at),
            Err(LinkError::NoGroup) => {
                self.leases.lose(&ids);
                let made = self.seat.make_group(&self.link).await;
                self.heard(&made);
            }
            Err(_) => {}
        }
    }
}
