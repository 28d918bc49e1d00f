//! Who acts in the simulation: tenants' requests and the reconciler, with what each was told.

use std::{future::Future, pin::Pin, sync::Arc};

use billfold_domain::{PaymentMethodId, PaymentMethodStatus, SetupIntentId, UserId};

use billfold_store::Deletable;

use super::world::SimulatedWorld;
use crate::{
    Confirmation, SavedPaymentMethod, ServiceError, Tenant, attendance::Attendance, engine::Engine,
    interruption::Interruption,
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
    Made(SetupIntentId),
    Done,
    Refused,
    TryAgain,
    /// What no caller may ever be told.
    Fault(String),
}

impl Told {
    /// Whether its wisher has no more to ask.
    pub(super) fn is_definite(&self) -> bool {
        !matches!(self, Self::Nothing | Self::TryAgain)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) wish: Wish,
    /// The name of its operation. A client that keeps it asks again under the same.
    pub(super) operation: String,
    pub(super) keeps_name: bool,
    pub(super) began: u64,
    /// The day on which it began: a name is kept for one.
    pub(super) day: u32,
    pub(super) ended: Option<u64>,
    pub(super) told: Told,
}

pub(super) type Task = Pin<Box<dyn Future<Output = Told> + Send>>;

pub(super) fn act(
    engine: Arc<Engine<SimulatedWorld>>,
    tenant: Tenant,
    wish: Wish,
    operation: String,
) -> Task {
    Box::pin(async move {
        let told = match wish {
            Wish::Create(id, user, confirmation) => engine
                .create_payment_method(
                    &tenant,
                    &operation,
                    &id,
                    &user,
                    confirmation,
                    &Attendance::nobody(),
                )
                .await
                .map(
                    |(SavedPaymentMethod::Created(shown) | SavedPaymentMethod::Existing(shown))| {
                        Told::Saved {
                            available: shown.payment_method.status == PaymentMethodStatus::Available,
                        }
                    },
                ),
            Wish::Delete(id) => engine
                .delete_payment_method(&tenant, &operation, &id, Deletable::Any, &Attendance::nobody())
                .await
                .map(|_| Told::Done),
            Wish::SetupIntent(user) => engine
                .create_setup_intent(&tenant, &operation, user)
                .await
                .map(|made| Told::Made(made.id)),
            Wish::Reconcile => engine
                .drive_due(&tenant, &Interruption::never())
                .await
                .map(|_| Told::Done),
        };
        told.unwrap_or_else(refused)
    })
}

fn refused(error: ServiceError) -> Told {
    match error {
        ServiceError::Busy | ServiceError::Unavailable { .. } => Told::TryAgain,
        ServiceError::Internal { cause } => Told::Fault(cause),
        _ => Told::Refused,
    }
}
