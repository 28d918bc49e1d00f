//! Events that Stripe could not deliver to us: asked for, and acted upon as if they had come.

use std::collections::BTreeSet;

use billfold_domain::{CustomerId, PaymentMethodId, SetupIntentId};
use billfold_stripe::{Event, EventQuery, EventType};
use time::Duration;

use crate::{
    ServiceError, Tenant,
    interruption::Interruption,
    service::Parts,
    world::{Mirror as _, Surroundings as _},
};

/// How far back is looked. Stripe itself tries for three days; what is older the sweep has seen.
const LOOK_BACK: Duration = Duration::days(4);

/// What was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchedEvents {
    /// How many events were not delivered.
    pub(crate) events: usize,
    /// Whether all of them were looked at.
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
            world.next_read(&tenant.scope).await?;
            let query = EventQuery {
                delivery_success: Some(false),
                created_gte: Some(since),
                starting_after: last.as_ref(),
            };
            let page = tenant.account(&world.stripe).list_events(&query).await?;
            events += page.items.len();
            self.take_in(tenant, &page.items).await?;
            last = page.items.last().map(|event| event.id.clone());
            if !page.has_more || last.is_none() {
                return Ok(FetchedEvents { events, whole: true });
            }
        }
    }

    /// Looks anew at each object that the events tell of, once. What an event says of it is not believed.
    async fn take_in(&self, tenant: &Tenant, events: &[Event]) -> Result<(), ServiceError> {
        let mut objects: BTreeSet<(ObjectKind, &str)> = BTreeSet::new();
        for event in events {
            if let (Some(kind), Some(id)) = (ObjectKind::of(&event.event_type), &event.object.id) {
                objects.insert((kind, id));
            }
        }
        for (kind, id) in objects {
            // An identifier of another form is of no object of ours.
            match kind {
                ObjectKind::PaymentMethod => {
                    if let Ok(id) = PaymentMethodId::parse(id) {
                        self.engine.refresh_payment_method(tenant, &id).await?;
                    }
                }
                ObjectKind::SetupIntent => {
                    if let Ok(id) = SetupIntentId::parse(id) {
                        self.engine.refresh_setup_intent(tenant, &id).await?;
                    }
                }
                ObjectKind::Customer => {
                    if let Ok(id) = CustomerId::parse(id) {
                        self.engine.refresh_customer(tenant, &id).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What an event is about, as far as we act upon it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ObjectKind {
    PaymentMethod,
    SetupIntent,
    Customer,
}

impl ObjectKind {
    const fn of(event: &EventType) -> Option<Self> {
        match event {
            EventType::PaymentMethodAttached
            | EventType::PaymentMethodAutomaticallyUpdated
            | EventType::PaymentMethodDetached
            | EventType::PaymentMethodUpdated => Some(Self::PaymentMethod),
            EventType::SetupIntentCanceled
            | EventType::SetupIntentSetupFailed
            | EventType::SetupIntentSucceeded => Some(Self::SetupIntent),
            EventType::CustomerDeleted => Some(Self::Customer),
            EventType::Other(_) => None,
        }
    }
}
