//! Background work: ends what requests have left open.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use billfold_domain::{ProjectId, ProjectScope};
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{Service, ServiceError, service::Parts};

/// How often open operations are looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many projects are worked on at once. One whose Stripe hangs takes one place.
const PROJECTS_AT_ONCE: usize = 8;

/// The background work of one instance. Any number of instances may run it: an operation is driven by whoever claims it.
pub struct Reconciler {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Service {
    /// Starts the background work. It goes on until it is stopped or the service is gone.
    pub fn start_reconciler(&self) -> Reconciler {
        let (stop, stopped) = watch::channel(false);
        let rounds = Rounds {
            parts: Arc::downgrade(&self.parts),
            at_work: Arc::default(),
            places: Arc::new(Semaphore::new(PROJECTS_AT_ONCE)),
        };
        Reconciler {
            stop,
            task: self.parts.runtime.spawn(rounds.run(stopped)),
        }
    }
}

impl Reconciler {
    /// Begins nothing more, and waits for what it has begun.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the reconciler ended badly");
        }
    }
}

/// How many operations of one project are driven at once. An operation is mostly waiting for Stripe: one after another,
/// those that an outage of minutes leaves would take hours.
const OPERATIONS_AT_ONCE: usize = 8;

struct Rounds {
    parts: Weak<Parts>,
    /// The projects that are being worked on, so that a slow one is not begun again.
    at_work: Arc<Mutex<HashSet<ProjectId>>>,
    places: Arc<Semaphore>,
}

impl Rounds {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let Some(parts) = self.parts.upgrade() else { return };
            match parts.engine.world.operations.projects_due().await {
                Ok(projects) => self.begin(&parts, projects),
                Err(error) => tracing::warn!(%error, "open operations cannot be looked for"),
            }
        }
        // Every place free again: all that was begun has ended.
        let all = u32::try_from(PROJECTS_AT_ONCE).unwrap_or(u32::MAX);
        drop(self.places.acquire_many(all).await);
    }

    fn begin(&self, parts: &Arc<Parts>, projects: Vec<ProjectId>) {
        for project in projects {
            // Without a free place the project waits for a later round.
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                return;
            };
            if !self.at_work.lock().insert(project.clone()) {
                continue;
            }
            let parts = Arc::clone(parts);
            let at_work = Arc::clone(&self.at_work);
            tokio::spawn(async move {
                match parts.reconcile(&project).await {
                    Ok(_) | Err(ServiceError::ProjectNotFound) => {}
                    Err(error) => tracing::warn!(%project, ?error, "a project's open operations wait"),
                }
                at_work.lock().remove(&project);
                drop(place);
            });
        }
    }
}

impl Parts {
    /// Drives the project's operations that are due.
    #[expect(
        clippy::disallowed_methods,
        reason = "the background work goes project by project, on its own authority"
    )]
    async fn reconcile(&self, project: &ProjectId) -> Result<usize, ServiceError> {
        let tenant = self
            .tenants
            .find(ProjectScope::authorized(project.clone()))
            .await?;
        let mut lanes = JoinSet::new();
        for _ in 0..OPERATIONS_AT_ONCE {
            let (engine, tenant) = (Arc::clone(&self.engine), tenant.clone());
            lanes.spawn(async move { engine.drive_due(&tenant).await });
        }
        let mut driven = Ok(0);
        // Each lane goes on to its end, also where another has failed.
        while let Some(lane) = lanes.join_next().await {
            let lane = lane.unwrap_or_else(|error| Err(ServiceError::internal(error.to_string())));
            driven = driven.and_then(|driven| lane.map(|lane| driven + lane));
        }
        driven
    }
}
