//! Background work: ends what requests have left open, does each project's chores, and deletes projects.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use billfold_domain::{ProjectId, ProjectScope};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tracing::Instrument as _;

use crate::{
    Service, ServiceError, Tenant, chores, interruption::Interruption, pace, places::Places,
    projects::deletions, service::Parts,
};

/// How often open operations are looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// For how many projects operations are ended at once.
const PROJECTS_AT_ONCE: u32 = 8;

/// The background work of one instance. Any number of instances may run it: an operation is driven, and a chore done, by
/// whoever claims it.
pub struct Reconciler {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Service {
    /// Starts the background work. It goes on until it is stopped or the service is gone.
    pub fn start_reconciler(&self) -> Reconciler {
        let (stop, stopped) = watch::channel(false);
        let parts = Arc::downgrade(&self.parts);
        let runtime = &self.parts.runtime;
        Reconciler {
            stop,
            tasks: vec![
                runtime.spawn(end_operations(Weak::clone(&parts), stopped.clone())),
                runtime.spawn(chores::run(Weak::clone(&parts), stopped.clone())),
                runtime.spawn(deletions::run(parts, stopped)),
            ],
        }
    }
}

impl Reconciler {
    /// Tells the work to begin nothing more, and to leave off what takes long.
    pub fn ask_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Begins nothing more, and waits for what it has begun.
    pub async fn stop(self) {
        self.ask_to_stop();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "the reconciler ended badly");
            }
        }
    }
}

/// How many operations of one project are driven at once. An operation is mostly waiting for Stripe: one after another,
/// those that an outage of minutes leaves would take hours.
const OPERATIONS_AT_ONCE: usize = 8;

async fn end_operations(parts: Weak<Parts>, mut stopped: watch::Receiver<bool>) {
    let places = Places::new(PROJECTS_AT_ONCE);
    let mut look = Duration::ZERO;
    while waits(pace::rest(INTERVAL, look), &mut stopped).await {
        let Some(parts) = parts.upgrade() else { return };
        let began = Instant::now();
        let due = parts.engine.world.operations.projects_due().await;
        look = began.elapsed();
        match due {
            Ok(projects) => places.begin("openOperations", projects, &stopped, |project, interruption| {
                let parts = Arc::clone(&parts);
                async move { parts.reconcile(&project, &interruption).await.map(drop) }
            }),
            Err(error) => tracing::warn!(%error, "open operations cannot be looked for"),
        }
    }
    places.all_free().await;
}

/// Waits, and says whether to go on: not when the work is told to stop.
pub(crate) async fn waits(interval: Duration, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        _ = stopped.wait_for(|stop| *stop) => false,
        () = tokio::time::sleep(interval) => true,
    }
}

impl Parts {
    /// A project as the background work goes about it. [`ServiceError::ProjectNotFound`] when it is shut or gone.
    #[expect(
        clippy::disallowed_methods,
        reason = "the background work goes project by project, on its own authority"
    )]
    pub(crate) async fn tenant_of(&self, project: &ProjectId) -> Result<Tenant, ServiceError> {
        self.tenants.find(ProjectScope::authorized(project.clone())).await
    }

    /// Drives the project's operations that are due, and claims no more after an interruption. Also those of a project that
    /// is shut: what was begun at Stripe must not stay half done there, and who shuts a project wants it still.
    #[expect(
        clippy::disallowed_methods,
        reason = "the background work goes project by project, on its own authority"
    )]
    async fn reconcile(
        &self,
        project: &ProjectId,
        interruption: &Interruption,
    ) -> Result<usize, ServiceError> {
        let scope = ProjectScope::authorized(project.clone());
        let tenant = self.tenants.find_even_shut(scope).await?;
        let mut lanes = JoinSet::new();
        for _ in 0..OPERATIONS_AT_ONCE {
            let (engine, tenant) = (Arc::clone(&self.engine), tenant.clone());
            let interruption = interruption.clone();
            let bulkhead = self.bulkheads.of(project);
            let lane = async move {
                let driving = Box::pin(engine.drive_due(&tenant, &interruption));
                bulkhead.with_connections(driving).await
            };
            lanes.spawn(lane.in_current_span());
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
