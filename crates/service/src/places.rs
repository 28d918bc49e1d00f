//! How many projects one kind of background work is done for at once.

use std::{collections::HashSet, future::Future, sync::Arc};

use billfold_domain::ProjectId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::Instrument as _;

use crate::{ServiceError, background, interruption::Interruption};

/// A bounded number of places, of which a project takes one at most: one whose Stripe hangs holds up no other.
pub(crate) struct Places {
    number: u32,
    free: Arc<Semaphore>,
    at_work: Arc<Mutex<HashSet<ProjectId>>>,
}

/// A project's place. It is free again when this is dropped, however the work ended.
struct Place {
    project: ProjectId,
    at_work: Arc<Mutex<HashSet<ProjectId>>>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            number,
            free: Arc::new(Semaphore::new(usize::try_from(number).unwrap_or(usize::MAX))),
            at_work: Arc::default(),
        }
    }

    /// Begins the work of each project that gets a place, to be interrupted when all work is told to stop. Any other waits
    /// for a later round, as one does whose work fails; one that is shut or gone has none.
    pub(crate) fn begin<Work>(
        &self,
        kind: &'static str,
        projects: Vec<ProjectId>,
        stopped: &watch::Receiver<bool>,
        work: impl Fn(ProjectId, Interruption) -> Work,
    ) where
        Work: Future<Output = Result<(), ServiceError>> + Send + 'static,
    {
        for project in projects {
            let Some(place) = self.take(&project) else {
                continue;
            };
            let work = work(project.clone(), Interruption::of(stopped.clone()));
            let span = background::span(kind, &project);
            let working = async move {
                let outcome = match work.await {
                    Ok(()) | Err(ServiceError::ProjectNotFound) => "ok",
                    Err(error) => {
                        tracing::warn!(%project, kind, ?error, "background work waits");
                        "failed"
                    }
                };
                metrics::counter!("billfold_background_work_total", "operation" => kind, "outcome" => outcome)
                    .increment(1);
                drop(place);
            };
            tokio::spawn(working.instrument(span));
        }
    }

    /// Takes a place for the project, unless it has one or none is free.
    fn take(&self, project: &ProjectId) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        if !self.at_work.lock().insert(project.clone()) {
            return None;
        }
        Some(Place {
            project: project.clone(),
            at_work: Arc::clone(&self.at_work),
            _permit: permit,
        })
    }

    /// Waits until every place is free: all that was begun has ended.
    pub(crate) async fn all_free(&self) {
        drop(self.free.acquire_many(self.number).await);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.at_work.lock().remove(&self.project);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use super::*;

    #[tokio::test]
    async fn a_project_takes_one_place_and_gives_it_back() {
        let places = Places::new(2);
        let [demo, acme, shop] = ["demo", "acme", "shop"].map(|name| ProjectId::parse(name).unwrap());
        let first = places.take(&demo).unwrap();
        assert!(places.take(&demo).is_none(), "it has one");
        let second = places.take(&acme).unwrap();
        assert!(places.take(&shop).is_none(), "none is free");
        drop(first);
        let third = places.take(&shop).unwrap();
        assert!(places.take(&demo).is_none(), "none is free");
        drop((second, third));
        places.all_free().await;
        assert!(places.take(&demo).is_some());
    }
}
