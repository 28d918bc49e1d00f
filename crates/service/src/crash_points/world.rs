//! The real world, with one call at which the process ends, or which is made twice.

use std::{
    future::Future,
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use billfold_domain::{
    CustomerId, PaymentMethod, PaymentMethodId, ProjectScope, SetupIntentId, UserId, UtcTimestamp,
};
use billfold_store::{Alongside, BeginCreate, BeginDelete, Claim, Deletable, NewOperation, Operation};
use billfold_stripe::{
    CustomerQuery, IdempotencyKey, NewCustomer, NewSetupIntent, SetupIntentQuery, StripeCustomer, StripePage,
    StripePaymentMethod, StripeSetupIntent,
};

use super::cases::Point;
use crate::{
    Service, Tenant,
    real_world::RealWorld,
    world::{Called, Recorded, Records, Stripe, Surroundings},
};

pub(super) struct CrashingWorld {
    service: Service,
    point: Point,
    /// How many calls were begun.
    calls: AtomicU32,
}

impl CrashingWorld {
    pub(super) fn new(service: Service, point: Point) -> Self {
        Self {
            service,
            point,
            calls: AtomicU32::new(0),
        }
    }

    /// Whether the work got as far as the crash point.
    pub(super) fn reached(&self) -> bool {
        match self.point {
            Point::Before(at) | Point::After(at) | Point::Twice(at) => self.calls.load(Ordering::SeqCst) > at,
            Point::BeforeResult => false,
        }
    }

    fn real(&self) -> &RealWorld {
        &self.service.parts.engine.world
    }

    /// A call that writes an operation's result.
    async fn result<T, Call>(&self, call: impl Fn() -> Call + Send + Sync) -> T
    where
        T: Send,
        Call: Future<Output = T> + Send,
    {
        if self.point == Point::BeforeResult {
            process::abort();
        }
        self.step(call).await
    }

    async fn step<T, Call>(&self, call: impl Fn() -> Call + Send + Sync) -> T
    where
        T: Send,
        Call: Future<Output = T> + Send,
    {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.point == Point::Before(number) {
            process::abort();
        }
        if self.point == Point::Twice(number) {
            drop(call().await);
        }
        let answer = call().await;
        if self.point == Point::After(number) {
            process::abort();
        }
        answer
    }
}

impl Surroundings for CrashingWorld {
    fn now(&self) -> UtcTimestamp {
        self.real().now()
    }

    fn operation_name(&self) -> String {
        self.real().operation_name()
    }

    async fn heartbeat(&self) {
        self.real().heartbeat().await;
    }

    async fn pause(&self, duration: Duration) {
        self.real().pause(duration).await;
    }
}

impl Records for CrashingWorld {
    async fn find_customer(&self, scope: &ProjectScope, user: &UserId) -> Recorded<Option<CustomerId>> {
        self.step(|| self.real().find_customer(scope, user)).await
    }

    async fn forget_customer(&self, scope: &ProjectScope, user: &UserId, gone: &CustomerId) -> Recorded<()> {
        self.step(|| self.real().forget_customer(scope, user, gone)).await
    }

    async fn find_deleted(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
    ) -> Recorded<Option<PaymentMethod>> {
        self.step(|| self.real().find_deleted(scope, id)).await
    }

    async fn confirm(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        setup_intent: &SetupIntentId,
    ) -> Recorded<bool> {
        self.step(|| self.real().confirm(scope, id, setup_intent)).await
    }

    async fn give_up(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        setup_intent: &SetupIntentId,
    ) -> Recorded<()> {
        self.step(|| self.real().give_up(scope, id, setup_intent)).await
    }

    async fn find_setup_intent(
        &self,
        scope: &ProjectScope,
        operation: &str,
    ) -> Recorded<Option<SetupIntentId>> {
        self.step(|| self.real().find_setup_intent(scope, operation))
            .await
    }

    async fn begin(&self, scope: &ProjectScope, new: &NewOperation) -> Recorded<Claim> {
        self.step(|| self.real().begin(scope, new)).await
    }

    async fn begin_create(
        &self,
        scope: &ProjectScope,
        new: &NewOperation,
        id: &PaymentMethodId,
        maximum: i64,
        alongside: &Alongside,
    ) -> Recorded<BeginCreate> {
        self.step(|| self.real().begin_create(scope, new, id, maximum, alongside))
            .await
    }

    async fn begin_delete(
        &self,
        scope: &ProjectScope,
        operation: String,
        id: &PaymentMethodId,
        deletable: Deletable<'_>,
        alongside: &Alongside,
    ) -> Recorded<BeginDelete> {
        self.step(|| {
            self.real()
                .begin_delete(scope, operation.clone(), id, deletable, alongside)
        })
        .await
    }

    async fn claim_due(&self, scope: &ProjectScope) -> Recorded<Option<Operation>> {
        self.step(|| self.real().claim_due(scope)).await
    }

    async fn end(&self, scope: &ProjectScope, operation: &Operation) -> Recorded<()> {
        self.result(|| self.real().end(scope, operation)).await
    }

    async fn release(&self, scope: &ProjectScope, operation: &Operation, retry_in: Duration) -> Recorded<()> {
        self.step(|| self.real().release(scope, operation, retry_in))
            .await
    }

    async fn extend_lease(&self, scope: &ProjectScope, operation: &Operation) -> Recorded<()> {
        self.step(|| self.real().extend_lease(scope, operation)).await
    }

    async fn raise_epoch(&self, scope: &ProjectScope, operation: Operation) -> Recorded<Operation> {
        self.step(|| self.real().raise_epoch(scope, operation.clone()))
            .await
    }

    async fn finish_payment_method(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        payment_method: &PaymentMethod,
        alongside: &Alongside,
    ) -> Recorded<()> {
        self.result(|| {
            self.real()
                .finish_payment_method(scope, operation, payment_method, alongside)
        })
        .await
    }

    async fn finish_delete(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        alongside: &Alongside,
    ) -> Recorded<()> {
        self.result(|| self.real().finish_delete(scope, operation, alongside))
            .await
    }

    async fn finish_customer(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        customer: &CustomerId,
    ) -> Recorded<()> {
        self.result(|| self.real().finish_customer(scope, operation, customer))
            .await
    }

    async fn finish_setup_intent(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        id: &SetupIntentId,
        created_at: UtcTimestamp,
    ) -> Recorded<()> {
        self.result(|| self.real().finish_setup_intent(scope, operation, id, created_at))
            .await
    }
}

impl Stripe for CrashingWorld {
    async fn retrieve_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
    ) -> Called<StripePaymentMethod> {
        self.step(|| self.real().retrieve_payment_method(tenant, id))
            .await
    }

    async fn detach_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
        key: &IdempotencyKey,
    ) -> Called<StripePaymentMethod> {
        self.step(|| self.real().detach_payment_method(tenant, id, key))
            .await
    }

    async fn create_customer(
        &self,
        tenant: &Tenant,
        new: &NewCustomer<'_>,
        key: &IdempotencyKey,
    ) -> Called<CustomerId> {
        self.step(|| self.real().create_customer(tenant, new, key)).await
    }

    async fn list_customers(
        &self,
        tenant: &Tenant,
        query: &CustomerQuery<'_>,
    ) -> Called<StripePage<StripeCustomer>> {
        self.step(|| self.real().list_customers(tenant, query)).await
    }

    async fn create_setup_intent(
        &self,
        tenant: &Tenant,
        new: &NewSetupIntent<'_>,
        key: &IdempotencyKey,
    ) -> Called<StripeSetupIntent> {
        self.step(|| self.real().create_setup_intent(tenant, new, key))
            .await
    }

    async fn retrieve_setup_intent(&self, tenant: &Tenant, id: &SetupIntentId) -> Called<StripeSetupIntent> {
        self.step(|| self.real().retrieve_setup_intent(tenant, id)).await
    }

    async fn cancel_setup_intent(
        &self,
        tenant: &Tenant,
        id: &SetupIntentId,
        key: &IdempotencyKey,
    ) -> Called<StripeSetupIntent> {
        self.step(|| self.real().cancel_setup_intent(tenant, id, key))
            .await
    }

    async fn list_setup_intents(
        &self,
        tenant: &Tenant,
        query: &SetupIntentQuery<'_>,
    ) -> Called<StripePage<StripeSetupIntent>> {
        self.step(|| self.real().list_setup_intents(tenant, query)).await
    }
}
