//! What an operator asks for one project at a time, in a process of its own: `billfold reconcile`.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use billfold_domain::{ProjectId, UserId, UtcTimestamp};
use billfold_store::Operation;

use crate::{
    Service, ServiceError, SweepReport, Tenant, interruption::Interruption, service::Parts,
    world::Surroundings as _,
};

/// How many operations are listed in one statement.
const PAGE: i64 = 500;

/// How often an operation is driven in one pass. The second time is for what the first one only found out.
const DRIVES: u32 = 2;

/// How long to wait before looking again at operations that others hold.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// After how many operations in a row that stay open the rest is left: then it is Stripe or the database.
const FAILURES_IN_A_ROW: usize = 3;

/// What became of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drive {
    /// Another holds it, or it has ended by another's hand.
    NotMine,
    /// It has ended.
    Ended,
    /// It could not be ended now.
    StaysOpen,
}

/// An operation that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOperation {
    /// Its name, which is in the metadata of what it made at Stripe.
    pub id: String,
    /// What it does.
    pub kind: &'static str,
    /// What it works on, such as `paymentMethod:pm_…`.
    pub subject: String,
    /// The user whom it is for.
    pub user: UserId,
    /// The step that the last attempt got to.
    pub step: Option<String>,
    /// How many attempts ended without a result.
    pub attempts: i32,
    /// When it began.
    pub created_at: UtcTimestamp,
}

impl From<Operation> for OpenOperation {
    fn from(operation: Operation) -> Self {
        Self {
            kind: operation.kind.as_str(),
            subject: operation.subject.to_text(),
            id: operation.id,
            user: operation.user,
            step: operation.step,
            attempts: operation.attempts,
            created_at: operation.created_at,
        }
    }
}

/// What became of a project's open operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedOperations {
    /// How many were driven to their end.
    pub ended: usize,
    /// Those that are still open.
    pub open: Vec<OpenOperation>,
}

impl Service {
    /// The time as the service tells it.
    pub fn now(&self) -> UtcTimestamp {
        self.parts.engine.world.now()
    }

    /// The project's open operations, the oldest first.
    pub async fn open_operations(&self, project: &ProjectId) -> Result<Vec<OpenOperation>, ServiceError> {
        let tenant = self.parts.tenant_of(project).await?;
        let open = self.parts.all_open(&tenant).await?;
        Ok(open.into_iter().map(OpenOperation::from).collect())
    }

    /// Drives the project's open operations, whether they are due or not. Those that others hold are waited for, as long
    /// as `patience` lasts.
    pub async fn end_open_operations(
        &self,
        project: &ProjectId,
        patience: Duration,
    ) -> Result<EndedOperations, ServiceError> {
        let tenant = self.parts.tenant_of(project).await?;
        let deadline = Instant::now() + patience;
        let mut drives: HashMap<String, u32> = HashMap::new();
        for operation in self.parts.all_open(&tenant).await? {
            drives.insert(operation.id, 0);
        }
        let begun = drives.len();
        let mut failures_in_a_row = 0;
        loop {
            let open = self.parts.all_open(&tenant).await?;
            // Those that others began meanwhile are theirs.
            let open: Vec<_> = open
                .into_iter()
                .filter(|operation| drives.contains_key(&operation.id))
                .collect();
            let untried =
                |operation: &&Operation| drives.get(&operation.id).is_some_and(|drives| *drives < DRIVES);
            if open.iter().filter(untried).count() == 0 || Instant::now() >= deadline {
                return Ok(EndedOperations {
                    ended: begun - open.len(),
                    open: open.into_iter().map(OpenOperation::from).collect(),
                });
            }
            let mut held_by_others = false;
            for operation in open {
                let Some(drives) = drives.get_mut(&operation.id).filter(|drives| **drives < DRIVES) else {
                    continue;
                };
                if failures_in_a_row >= FAILURES_IN_A_ROW {
                    *drives = DRIVES;
                    continue;
                }
                match self.parts.drive(&tenant, &operation.id).await? {
                    Drive::NotMine => held_by_others = true,
                    Drive::Ended => {
                        failures_in_a_row = 0;
                        *drives += 1;
                    }
                    Drive::StaysOpen => {
                        failures_in_a_row += 1;
                        *drives += 1;
                    }
                }
            }
            if held_by_others {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// Compares the project's records with Stripe, both ways, and mends what differs; a dry run only says what it would
    /// do. Takes as long as the project has customers: five calls a second.
    pub async fn sweep(&self, project: &ProjectId, dry_run: bool) -> Result<SweepReport, ServiceError> {
        self.sweep_watched(project, dry_run, &|_| ()).await
    }

    /// The same as [`Service::sweep`], and tells after each user how many were looked at.
    pub async fn sweep_watched(
        &self,
        project: &ProjectId,
        dry_run: bool,
        watch: &(dyn Fn(usize) + Send + Sync),
    ) -> Result<SweepReport, ServiceError> {
        let tenant = self.parts.tenant_of(project).await?;
        self.parts
            .sweep(&tenant, dry_run, &Interruption::never(), watch)
            .await
    }

    /// Asks Stripe for the events that it could not deliver, acts upon them, and says how many there are.
    pub async fn fetch_undelivered_events(&self, project: &ProjectId) -> Result<usize, ServiceError> {
        let tenant = self.parts.tenant_of(project).await?;
        let fetched = self
            .parts
            .fetch_undelivered_events(&tenant, &Interruption::never())
            .await?;
        Ok(fetched.events)
    }

    /// The objects, by type and identifier, that Stripe told of and that could not be looked at anew for so long that
    /// nobody tries any more.
    pub async fn parked_objects(&self, project: &ProjectId) -> Result<Vec<(String, String)>, ServiceError> {
        let tenant = self.parts.tenant_of(project).await?;
        let parked = self.parts.webhook_work.parked(&tenant.scope).await?;
        let named = parked.iter().map(|parked| parked.object.key());
        Ok(named
            .map(|(object_type, id)| (object_type.to_owned(), id.to_owned()))
            .collect())
    }

    /// Takes up again the objects that nobody tries any more, each with all its tries before it, and says how many there
    /// are. For whoever has seen to what kept them from being looked at; the background looks at them.
    pub async fn unpark(&self, project: &ProjectId) -> Result<usize, ServiceError> {
        let tenant = self.parts.tenant_of(project).await?;
        Ok(self.parts.webhook_work.unpark(&tenant.scope).await?)
    }
}

impl Parts {
    pub(crate) async fn all_open(&self, tenant: &Tenant) -> Result<Vec<Operation>, ServiceError> {
        let mut all: Vec<Operation> = Vec::new();
        loop {
            let after = all.last().map(|operation| operation.id.as_str());
            let page = self
                .engine
                .world
                .operations
                .open(&tenant.scope, after, PAGE)
                .await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    pub(crate) async fn drive(&self, tenant: &Tenant, id: &str) -> Result<Drive, ServiceError> {
        let Some(operation) = self.engine.world.operations.claim(&tenant.scope, id).await? else {
            return Ok(Drive::NotMine);
        };
        let kind = operation.kind;
        match self.engine.drive_older(tenant, operation).await {
            Ok(()) => Ok(Drive::Ended),
            Err(error) => {
                tracing::warn!(operation = id, ?kind, ?error, "an operation stays open");
                Ok(Drive::StaysOpen)
            }
        }
    }
}
