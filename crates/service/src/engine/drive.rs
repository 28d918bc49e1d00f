//! Driving an operation to its end: look at Stripe, act where needed, write the result under the fence.
//!
//! Every call that changes something at Stripe carries the key `{operation}.{step}.{epoch}`, so that whoever drives the
//! operation next, after a crash or an answer that never came, repeats nothing. Whoever comes next also looks for the
//! effect before it acts, so nothing hangs on how long Stripe remembers a key. Stripe gives an answer again for the same
//! key even when it was a failure: after a whole 5xx the effect is looked for, and only where there is none does the
//! epoch rise.

use std::{pin::Pin, time::Duration};

use billfold_domain::{PaymentMethodId, UtcTimestamp};
use billfold_store::{Operation, OperationKind, StoreError, Subject};
use billfold_stripe::{IdempotencyKey, Outcome, StripeError};

use crate::{ServiceError, Tenant, attendance::Attendance, engine::Engine, holding::holding, world::World};

/// Why an operation has not reached its result.
pub(super) enum Failure {
    /// It never will: Stripe said so, and nothing is left behind there.
    Refused(ServiceError),
    /// This time nothing was done.
    NotApplied(ServiceError),
    /// Something may have been done.
    Unknown(ServiceError),
}

impl Failure {
    pub(super) fn into_error(self) -> ServiceError {
        match self {
            Self::Refused(error) | Self::NotApplied(error) | Self::Unknown(error) => error,
        }
    }
}

/// What fails between Stripe's answer and the end of the operation leaves the effect in place.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unknown(error.into())
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Unknown(error)
    }
}

/// What no step expects of Stripe.
impl From<StripeError> for Failure {
    fn from(error: StripeError) -> Self {
        match error.outcome() {
            Outcome::Definite => Self::Refused(error.into()),
            Outcome::NotApplied => Self::NotApplied(error.into()),
            Outcome::Unknown => Self::Unknown(error.into()),
        }
    }
}

/// Whether Stripe will give this failure again, for the same key, whatever the effect was. A key can have been used for
/// another request where an operation of this name has ended before and is asked for anew, by a client whose answer was
/// lost: its subject, or its user's customer, may be another by now.
pub(super) fn is_kept(error: &StripeError) -> bool {
    matches!(
        error,
        StripeError::Unknown { completed: true, .. } | StripeError::IdempotencyKeyReused
    )
}

/// What remains of a failure that is kept, where the step had no effect and can run anew under another key.
pub(super) fn runs_anew(error: StripeError) -> Failure {
    match error {
        StripeError::IdempotencyKeyReused => {
            Failure::Unknown(ServiceError::unavailable(format!("Stripe: {}", error.kind())))
        }
        error => error.into(),
    }
}

/// From when on Stripe may have made what an operation asked for, by a clock that may be behind ours.
pub(super) fn looked_for_since(operation: &Operation) -> UtcTimestamp {
    operation.created_at.plus(time::Duration::minutes(-10))
}

/// How long a step may be sent without a look whether it was done before. Stripe forgets a key after a day at the
/// earliest: a process that stood still for longer would do twice what another has done meanwhile.
const SENT_WITHOUT_A_LOOK: time::Duration = time::Duration::hours(23);

/// How long the reconciler waits before the next attempt: twice as long each time, and so little at most that what an
/// outage left open ends well within a minute of its end.
fn wait_before(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.clamp(0, 6)).unwrap_or(0);
    Duration::from_secs(1 << doublings).min(Duration::from_secs(16))
}

impl<W: World> Engine<W> {
    /// Stripe's idempotency key for a step of an operation, which has now got to that step. Whoever drives an operation
    /// anew has looked; its first driver has not, and may not be too late.
    pub(super) fn key(&self, operation: &mut Operation, step: &str) -> Result<IdempotencyKey, ServiceError> {
        operation.step = Some(step.to_owned());
        let too_late = self.world.now() > operation.created_at.plus(SENT_WITHOUT_A_LOOK);
        if operation.fence == 1 && too_late {
            return Err(ServiceError::unavailable("an operation stood still for a day"));
        }
        let text = format!("{}.{step}.{}", operation.id, operation.epoch);
        IdempotencyKey::parse(text).map_err(|error| ServiceError::internal(error.to_string()))
    }

    /// Drives an operation that another began, for its own sake. Its refusal is its beginner's to know.
    pub(crate) async fn drive_older(
        &self,
        tenant: &Tenant,
        operation: Operation,
    ) -> Result<(), ServiceError> {
        let left_open = operation.clone();
        let driven = match (&operation.kind, operation.subject.clone()) {
            (
                OperationKind::CreatePaymentMethod | OperationKind::CreateAvailablePaymentMethod,
                Subject::PaymentMethod(id),
            ) => self
                .drive_create(tenant, operation, &id, &Attendance::nobody())
                .await
                .map(|_| ()),
            (OperationKind::DeletePaymentMethod, Subject::PaymentMethod(id)) => {
                self.drive_older_delete(tenant, &operation, &id).await
            }
            (OperationKind::CreateCustomer, _) => self.drive_customer(tenant, operation).await.map(|_| ()),
            (OperationKind::CreateSetupIntent, _) => {
                self.drive_setup_intent(tenant, operation).await.map(|_| ())
            }
            (kind, subject) => Err(ServiceError::internal(format!(
                "{kind:?} cannot work on {subject:?}"
            ))),
        };
        match driven {
            Err(
                error @ (ServiceError::Unavailable { .. }
                | ServiceError::Internal { .. }
                | ServiceError::Busy),
            ) => Err(error),
            ended => {
                let refused = ended.is_err();
                self.world.note_end(&tenant.scope, &left_open, refused).await;
                Ok(())
            }
        }
    }

    async fn drive_older_delete(
        &self,
        tenant: &Tenant,
        operation: &Operation,
        id: &PaymentMethodId,
    ) -> Result<(), ServiceError> {
        let payment_method = self.world.find_deleted(&tenant.scope, id).await?;
        // Another has ended it since this driver claimed it, and the payment method was saved anew.
        let payment_method =
            payment_method.ok_or_else(|| ServiceError::unavailable("the deletion is not open any more"))?;
        self.drive_delete(tenant, operation, &payment_method, &Attendance::nobody())
            .await
    }

    /// Drives an operation, and says now and then that it is still being driven. Without that, whoever waits long for Stripe
    /// would be taken for dead, and so would whoever takes over.
    pub(super) async fn holding<T>(
        &self,
        tenant: &Tenant,
        operation: &Operation,
        drive: Pin<Box<dyn Future<Output = T> + Send + '_>>,
    ) -> T {
        let extend = || async {
            // Whoever was taken over finds that out when it writes the result.
            if let Err(error) = self.world.extend_lease(&tenant.scope, operation).await {
                tracing::debug!(operation = operation.id, %error, "a lease could not be extended");
            }
        };
        holding(|| self.world.heartbeat(), extend, drive).await
    }

    /// Closes an operation that failed for good, and leaves any other open for whoever tries next.
    pub(super) async fn settle<T>(
        &self,
        tenant: &Tenant,
        operation: &Operation,
        result: Result<T, Failure>,
    ) -> Result<T, ServiceError> {
        let (error, ended) = match result {
            Ok(value) => return Ok(value),
            Err(Failure::Refused(error)) => (error, true),
            // The first holder knows that nothing was ever done; a later one does not know what the first did.
            Err(Failure::NotApplied(error)) => (error, operation.fence == 1),
            Err(Failure::Unknown(error)) => (error, false),
        };
        let settled = if ended {
            self.world.end(&tenant.scope, operation).await
        } else {
            self.world
                .release(&tenant.scope, operation, wait_before(operation.attempts))
                .await
        };
        if let Err(settling) = settled {
            tracing::warn!(operation = operation.id, error = %settling, "an operation could not be settled; its lease will run out");
        }
        Err(error)
    }
}
