//! Who acts in the simulation: tenants' requests and the reconciler, with what each was told.

use std::{future::Future, pin::Pin, sync::Arc};

use billfold_domain::{PaymentMethodId, PaymentMethodStatus, UserId};

use super::world::SimulatedWorld;
use crate::{
    Confirmation, SavedPaymentMethod, ServiceError, Tenant, engine::Engine, world::Surroundings as _,
};

/// A wish of a tenant's.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Create(PaymentMethodId, UserId, Confirmation),
    Delete(PaymentMethodId),
    SetupIntent(UserId),
    /// The reconciler's round.
    Reconcile,
}

/// What its wisher was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing: it crashed, or it still runs.
    Nothing,
    Saved {
        available: bool,
    },
    Done,
    Refused,
    TryAgain,
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) wish: Wish,
    pub(super) began: u64,
    pub(super) ended: Option<u64>,
    pub(super) told: Told,
}

pub(super) type Task = Pin<Box<dyn Future<Output = Told> + Send>>;

pub(super) fn act(engine: Arc<Engine<SimulatedWorld>>, tenant: Tenant, wish: Wish) -> Task {
    Box::pin(async move {
        match wish {
            Wish::Create(id, user, confirmation) => {
                let operation = engine.world.operation_name();
                match engine
                    .create_payment_method(&tenant, &operation, &id, &user, confirmation)
                    .await
                {
                    Ok(SavedPaymentMethod::Created(shown) | SavedPaymentMethod::Existing(shown)) => {
                        Told::Saved {
                            available: shown.payment_method.status == PaymentMethodStatus::Available,
                        }
                    }
                    Err(error) => refused(&error),
                }
            }
            Wish::Delete(id) => {
                let operation = engine.world.operation_name();
                engine
                    .delete_payment_method(&tenant, &operation, &id, None)
                    .await
                    .map_or_else(|error| refused(&error), |_| Told::Done)
            }
            Wish::SetupIntent(user) => {
                let operation = engine.world.operation_name();
                engine
                    .create_setup_intent(&tenant, &operation, user)
                    .await
                    .map_or_else(|error| refused(&error), |_| Told::Done)
            }
            Wish::Reconcile => engine
                .drive_due(&tenant)
                .await
                .map_or_else(|error| refused(&error), |_| Told::Done),
        }
    })
}

fn refused(error: &ServiceError) -> Told {
    match error {
        ServiceError::Busy | ServiceError::Unavailable { .. } => Told::TryAgain,
        ServiceError::Internal { cause } => panic!("an internal error: {cause}"),
        _ => Told::Refused,
    }
}
