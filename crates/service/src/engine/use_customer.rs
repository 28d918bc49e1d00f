//! A user's Stripe customer, made when it is first needed.

use std::time::Duration;

use billfold_domain::{CustomerId, UserId};
use billfold_store::{Claim, NewOperation, OperationKind, Subject};

use crate::{ServiceError, Tenant, engine::Engine, world::World};

/// How often, and how long each time, to wait for another request that makes the same user's customer: some seconds
/// altogether, about as long as a call to Stripe takes on a bad day.
const LOOKS: u32 = 60;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The longest wait, also where each look takes long.
const LONGEST_WAIT: time::Duration = time::Duration::seconds(6);

impl<W: World> Engine<W> {
    /// The user's customer, made now if there is none. Requests that need the same one wait for the first.
    pub(crate) async fn customer(&self, tenant: &Tenant, user: &UserId) -> Result<CustomerId, ServiceError> {
        let until = self.world.now().plus(LONGEST_WAIT);
        for _ in 0..LOOKS {
            if self.world.now() > until {
                break;
            }
            if let Some(customer) = self.world.find_customer(&tenant.scope, user).await? {
                return Ok(customer);
            }
            let id = self.world.operation_name();
            let subject = Subject::Customer(user.clone());
            let new = NewOperation {
                id,
                kind: OperationKind::CreateCustomer,
                subject,
                user: user.clone(),
            };
            match self.world.begin(&tenant.scope, &new).await? {
                Claim::Held(operation) => return self.drive_customer(tenant, operation).await,
                Claim::Busy => self.world.pause(BETWEEN_LOOKS).await,
            }
        }
        Err(ServiceError::Busy)
    }
}
