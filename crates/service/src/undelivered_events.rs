//! Events that Stripe could not deliver to us: asked for, and stored as if they had come.

use billfold_stripe::EventQuery;
use time::Duration;

use crate::{
    ServiceError, Tenant,
    interruption::Interruption,
    service::Parts,
    webhooks::new_event,
    world::{Mirror as _, Surroundings as _},
};

/// How far back is looked. Stripe itself tries for three days; what is older the sweep has seen.
const LOOK_BACK: Duration = Duration::days(4);

/// What was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchedEvents {
    /// How many events were not delivered.
    pub(crate) events: usize,
    /// Whether all of them were stored.
    pub(crate) whole: bool,
}

impl Parts {
    /// Asks for the events that were not delivered, page by page, and takes them in.
    pub(crate) async fn fetch_undelivered_events(
        &self,
        tenant: &Tenant,
        interruption: &Interruption,
    ) -> Result<FetchedEvents, ServiceError> {
        let world = &self.engine.world;
        let since = world.now().plus(-LOOK_BACK);
        let mut last = None;
        let mut events = 0;
        loop {
            if interruption.is_due() {
                return Ok(FetchedEvents { events, whole: false });
            }
            self.tenant_of(tenant.scope.project()).await?;
            world.next_read(&tenant.scope).await?;
            let query = EventQuery {
                delivery_success: Some(false),
                created_gte: Some(since),
                starting_after: last.as_ref(),
            };
            let page = world
                .call(tenant, |account| async move { account.list_events(&query).await })
                .await?;
            events += page.items.len();
            last = page.items.last().map(|event| event.id.clone());
            let items = page.items.into_iter().map(|event| new_event(tenant, event));
            let now = world.now();
            self.webhook_events
                .record(&tenant.scope, &items.collect::<Vec<_>>(), now)
                .await?;
            if !page.has_more || last.is_none() {
                return Ok(FetchedEvents { events, whole: true });
            }
        }
    }
}
