//! What is done for each project every now and then: by whichever instance claims it, for several projects at once.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use billfold_domain::{ProjectId, UtcTimestamp};
use billfold_store::{Chore, ChoreKind, StoreError};
use tokio::sync::{oneshot, watch};
use tracing::Instrument as _;

use crate::{
    ServiceError, Tenant, interruption::Interruption, pace, places::Places, reconciler::waits,
    service::Parts, world::Surroundings as _,
};

/// How often chores that are due are looked for.
const INTERVAL: Duration = Duration::from_secs(5);

/// After how many such rounds projects that lack chores are looked for.
const ROUNDS_BETWEEN_NEW_PROJECTS: u32 = 12;

/// How often whoever does a chore says that it is still at it.
const SIGN_OF_LIFE: Duration = Duration::from_mins(1);

/// How soon a chore is done again that was left off for the process's end.
const AFTER_INTERRUPTION: Duration = Duration::from_secs(30);

/// How long idempotency keys are kept, and how long events of Stripe's.
const KEYS_KEPT: time::Duration = time::Duration::hours(24);
const EVENTS_KEPT: time::Duration = time::Duration::days(30);

/// How many rows are forgotten in one transaction, so that none holds up the writers for long.
const FORGOTTEN_AT_ONCE: i64 = 1_000;

/// When one kind of chore is done.
struct Schedule {
    kind: ChoreKind,
    /// The time from one end to the next beginning.
    interval: Duration,
    /// The same when it could not be done.
    retry: Duration,
    /// For how many projects at once.
    places: u32,
}

static SCHEDULES: [Schedule; 3] = [
    Schedule {
        kind: ChoreKind::UndeliveredEvents,
        interval: Duration::from_hours(1),
        retry: Duration::from_mins(5),
        places: 4,
    },
    Schedule {
        kind: ChoreKind::Sweep,
        interval: Duration::from_hours(24),
        retry: Duration::from_mins(15),
        places: 4,
    },
    Schedule {
        kind: ChoreKind::Cleaning,
        interval: Duration::from_hours(1),
        retry: Duration::from_mins(5),
        places: 2,
    },
];

/// How far a chore got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Whole,
    LeftOff,
}

/// Does the chores until it is told to stop.
pub(crate) async fn run(parts: Weak<Parts>, mut stopped: watch::Receiver<bool>) {
    let places = SCHEDULES
        .each_ref()
        .map(|schedule| (Places::new(schedule.places), schedule));
    let mut looks = Duration::ZERO;
    for round in 0_u32.. {
        if !waits(pace::rest(INTERVAL, looks), &mut stopped).await {
            break;
        }
        let Some(parts) = parts.upgrade() else { return };
        looks = Duration::ZERO;
        if round.is_multiple_of(ROUNDS_BETWEEN_NEW_PROJECTS)
            && let Err(error) = parts.give_chores().await
        {
            tracing::warn!(?error, "new projects cannot be looked for");
        }
        for &(ref places, schedule) in &places {
            let began = Instant::now();
            let due = parts.chores.projects_due(schedule.kind).await;
            looks += began.elapsed();
            match due {
                Ok(projects) => places.begin(
                    schedule.kind.as_str(),
                    projects,
                    &stopped,
                    |project, interruption| {
                        let parts = Arc::clone(&parts);
                        async move { parts.do_chore(&project, schedule, interruption).await }
                    },
                ),
                Err(error) => tracing::warn!(%error, "chores cannot be looked for"),
            }
        }
    }
    for (places, _) in &places {
        places.all_free().await;
    }
}

/// When a project's chore is first done: after half its interval at the earliest and one at the latest, at a point that the
/// project's name decides, so that many that are made at once do not come at once for ever.
fn first_in(project: &ProjectId, schedule: &Schedule) -> Duration {
    let mut hasher = DefaultHasher::new();
    (project.as_str(), schedule.kind).hash(&mut hasher);
    let per_mille = u32::try_from(hasher.finish() % 1_000).unwrap_or(0);
    schedule.interval / 2 + schedule.interval / 2 * per_mille / 1_000
}

impl Parts {
    /// Gives new projects their chores.
    async fn give_chores(&self) -> Result<(), ServiceError> {
        for project in self.chores.projects_without().await? {
            let tenant = match self.tenant_of(&project).await {
                Err(ServiceError::ProjectNotFound) => continue,
                found => found?,
            };
            for schedule in &SCHEDULES {
                let first_in = first_in(&project, schedule);
                self.chores.ensure(&tenant.scope, schedule.kind, first_in).await?;
            }
        }
        Ok(())
    }

    async fn do_chore(
        self: &Arc<Self>,
        project: &ProjectId,
        schedule: &Schedule,
        interruption: Interruption,
    ) -> Result<(), ServiceError> {
        let tenant = self.tenant_of(project).await?;
        let Some(chore) = self.chores.claim_due(&tenant.scope, schedule.kind).await? else {
            return Ok(());
        };
        let (done, at_it) = oneshot::channel();
        let keeping = keep_alive(
            Arc::clone(self),
            tenant.clone(),
            chore,
            interruption.clone(),
            at_it,
        );
        let keeper = tokio::spawn(keeping.in_current_span());
        let result = self.work_on(&tenant, chore.kind, &interruption).await;
        drop(done);
        if let Err(error) = keeper.await {
            tracing::error!(%error, "a chore's keeper ended badly");
        }
        let next_in = match &result {
            Ok(Done::Whole) => schedule.interval,
            Ok(Done::LeftOff) => AFTER_INTERRUPTION,
            Err(_) => schedule.retry,
        };
        match self.chores.end(&tenant.scope, &chore, next_in).await {
            // Another does it by now: then its end counts.
            Ok(()) | Err(StoreError::Fenced) => {}
            Err(error) => return Err(error.into()),
        }
        result.map(|_| ())
    }

    async fn work_on(
        &self,
        tenant: &Tenant,
        kind: ChoreKind,
        interruption: &Interruption,
    ) -> Result<Done, ServiceError> {
        match kind {
            ChoreKind::UndeliveredEvents => {
                let fetched = self.fetch_undelivered_events(tenant, interruption).await?;
                if fetched.events > 0 {
                    let project = tenant.scope.project();
                    tracing::info!(%project, events = fetched.events, "events that could not be delivered were fetched");
                }
                Ok(done(fetched.whole))
            }
            ChoreKind::Sweep => {
                let report = self.sweep(tenant, false, interruption, &|_| ()).await?;
                report.log();
                Ok(done(report.whole))
            }
            ChoreKind::Cleaning => self.clean(tenant, interruption).await,
        }
    }

    /// Forgets what has been kept long enough, a bounded number of rows at a time.
    async fn clean(&self, tenant: &Tenant, interruption: &Interruption) -> Result<Done, ServiceError> {
        let now: UtcTimestamp = self.engine.world.now();
        let scope = &tenant.scope;
        let (keys_before, events_before) = (now.plus(-KEYS_KEPT), now.plus(-EVENTS_KEPT));
        loop {
            let keys = self
                .idempotency_keys
                .forget_older(scope, keys_before, FORGOTTEN_AT_ONCE)
                .await?;
            let events = self
                .webhook_events
                .forget_older(scope, events_before, FORGOTTEN_AT_ONCE)
                .await?;
            let buckets = self.hard_limits.forget(scope).await?;
            if keys + events + buckets == 0 {
                return Ok(Done::Whole);
            }
            if interruption.is_due() {
                return Ok(Done::LeftOff);
            }
        }
    }
}

const fn done(whole: bool) -> Done {
    if whole { Done::Whole } else { Done::LeftOff }
}

/// Keeps a chore's claim until its work is done, or until another has it.
async fn keep_alive(
    parts: Arc<Parts>,
    tenant: Tenant,
    chore: Chore,
    interruption: Interruption,
    mut done: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = &mut done => return,
            () = tokio::time::sleep(SIGN_OF_LIFE) => {}
        }
        match parts.chores.keep_alive(&tenant.scope, &chore).await {
            Ok(()) => {}
            Err(StoreError::Fenced) => {
                interruption.overtake();
                return;
            }
            // The claim holds for a while longer; the database may be back by then.
            Err(error) => tracing::warn!(%error, "a chore's claim cannot be kept"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use super::*;

    #[test]
    fn projects_do_not_come_at_once_and_none_at_its_beginning() {
        for schedule in &SCHEDULES {
            let mut first: Vec<Duration> = (0..100)
                .map(|number| {
                    let project = ProjectId::parse(format!("project-{number}")).unwrap();
                    first_in(&project, schedule)
                })
                .collect();
            first.sort_unstable();
            assert!(first[0] >= schedule.interval / 2);
            assert!(first[99] <= schedule.interval);
            assert!(first[99] > first[0] + schedule.interval / 4, "{first:?}");
            first.dedup();
            assert!(first.len() > 50, "{first:?}");
        }
        let kinds: Vec<ChoreKind> = SCHEDULES.iter().map(|schedule| schedule.kind).collect();
        assert_eq!(kinds, ChoreKind::ALL);
    }
}
