//! The engine's surroundings in production: the database, Stripe, the clock.

use std::{future::Future, sync::Arc, time::Duration};

use billfold_domain::{
    Card, Clock, CustomerId, PaymentMethod, PaymentMethodId, ProjectScope, SetupIntentId, UserId,
    UtcTimestamp,
};
use billfold_store::{
    Alongside, BeginCreate, BeginDelete, Claim, Customers, Deletable, NewOperation, Operation, OperationKind,
    Operations, PaymentMethods, SetupIntents, StripeReads, Subject,
};
use billfold_stripe::{
    Account, CustomerQuery, CustomerState, IdempotencyKey, NewCustomer, NewSetupIntent, SetupIntentQuery,
    StripeClient, StripeCustomer, StripePage, StripePaymentMethod, StripeSetupIntent,
};

use crate::{
    AuditLog, Identifiers, Tenant,
    bulkhead::Bulkheads,
    pacing::Pacers,
    world::{Called, Mirror, Recorded, Records, Stripe, Surroundings},
};

/// A third of a lease: two may be late before it runs out.
const HEARTBEAT: Duration = Duration::from_millis(2_500);

pub(crate) struct RealWorld {
    pub(crate) bulkheads: Arc<Bulkheads>,
    pub(crate) pacers: Arc<Pacers>,
    pub(crate) payment_methods: PaymentMethods,
    pub(crate) customers: Customers,
    pub(crate) operations: Operations,
    pub(crate) setup_intents: SetupIntents,
    pub(crate) reads: StripeReads,
    pub(crate) audit: AuditLog,
    pub(crate) stripe: StripeClient,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) identifiers: Arc<dyn Identifiers>,
}

impl RealWorld {
    /// Makes a call on the tenant's account, in one of its places for that and at the account's pace. All that is done for
    /// a tenant calls here, the background too.
    pub(crate) async fn call<'a, T, Answer>(
        &'a self,
        tenant: &'a Tenant,
        call: impl FnOnce(Account<'a>) -> Answer + Send,
    ) -> Called<T>
    where
        Answer: Future<Output = Called<T>> + Send,
    {
        let bulkhead = self.bulkheads.of(tenant.scope.project());
        let _place = bulkhead.stripe_call().await?;
        let account = tenant.account(&self.stripe);
        let account = match self.pacers.turnstile(tenant) {
            Some(turnstile) => account.through(turnstile),
            None => account,
        };
        call(account).await
    }
}

impl Surroundings for RealWorld {
    fn now(&self) -> UtcTimestamp {
        self.clock.now()
    }

    fn operation_name(&self) -> String {
        self.identifiers.operation()
    }

    async fn heartbeat(&self) {
        tokio::time::sleep(HEARTBEAT).await;
    }

    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Records for RealWorld {
    async fn find_customer(&self, scope: &ProjectScope, user: &UserId) -> Recorded<Option<CustomerId>> {
        self.customers.find(scope, user).await
    }

    async fn forget_customer(&self, scope: &ProjectScope, user: &UserId, gone: &CustomerId) -> Recorded<()> {
        self.customers.forget(scope, user, gone).await
    }

    async fn find_deleted(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
    ) -> Recorded<Option<PaymentMethod>> {
        self.payment_methods.find_deleted(scope, id).await
    }

    async fn confirm(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        setup_intent: &SetupIntentId,
    ) -> Recorded<bool> {
        self.payment_methods.confirm(scope, id, setup_intent).await
    }

    async fn give_up(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        setup_intent: &SetupIntentId,
    ) -> Recorded<()> {
        self.payment_methods
            .give_up(scope, id, setup_intent, self.now())
            .await
    }

    async fn find_setup_intent(
        &self,
        scope: &ProjectScope,
        operation: &str,
    ) -> Recorded<Option<SetupIntentId>> {
        self.setup_intents.made_by(scope, operation).await
    }

    async fn begin(&self, scope: &ProjectScope, new: &NewOperation) -> Recorded<Claim> {
        self.operations.begin(scope, new, self.now()).await
    }

    async fn begin_create(
        &self,
        scope: &ProjectScope,
        new: &NewOperation,
        id: &PaymentMethodId,
        maximum: i64,
        alongside: &Alongside,
    ) -> Recorded<BeginCreate> {
        self.payment_methods
            .begin_create(scope, new, id, maximum, self.now(), alongside)
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
        self.payment_methods
            .begin_delete(scope, operation, id, deletable, self.now(), alongside)
            .await
    }

    async fn claim_due(&self, scope: &ProjectScope) -> Recorded<Option<Operation>> {
        self.operations.claim_due(scope).await
    }

    async fn end(&self, scope: &ProjectScope, operation: &Operation) -> Recorded<()> {
        self.operations.end(scope, operation).await
    }

    async fn release(&self, scope: &ProjectScope, operation: &Operation, retry_in: Duration) -> Recorded<()> {
        self.operations.release(scope, operation, retry_in).await
    }

    async fn extend_lease(&self, scope: &ProjectScope, operation: &Operation) -> Recorded<()> {
        self.operations.extend_lease(scope, operation).await
    }

    async fn raise_epoch(&self, scope: &ProjectScope, operation: Operation) -> Recorded<Operation> {
        self.operations.raise_epoch(scope, operation).await
    }

    async fn finish_payment_method(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        payment_method: &PaymentMethod,
        alongside: &Alongside,
    ) -> Recorded<()> {
        self.operations
            .finish_payment_method(scope, operation, payment_method, alongside)
            .await
    }

    async fn finish_delete(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        alongside: &Alongside,
    ) -> Recorded<()> {
        self.operations.finish_delete(scope, operation, alongside).await
    }

    async fn finish_customer(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        customer: &CustomerId,
    ) -> Recorded<()> {
        self.operations
            .finish_customer(scope, operation, customer, self.now())
            .await
    }

    async fn finish_setup_intent(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        id: &SetupIntentId,
        created_at: UtcTimestamp,
    ) -> Recorded<()> {
        self.operations
            .finish_setup_intent(scope, operation, id, created_at)
            .await
    }

    async fn note_end(&self, scope: &ProjectScope, operation: &Operation, refused: bool) {
        // Nobody asks for a customer: it is made on the way.
        if operation.kind == OperationKind::CreateCustomer {
            return;
        }
        if let Err(error) = self.audit.note_end(scope, operation, refused).await {
            tracing::error!(
                operation = operation.id,
                ?error,
                "what came of an operation cannot be written into the audit log"
            );
        }
    }
}

impl Mirror for RealWorld {
    async fn next_read(&self, scope: &ProjectScope) -> Recorded<i64> {
        let read = self.reads.next(scope).await?;
        self.pause(read.wait).await;
        Ok(read.number)
    }

    async fn is_open(&self, scope: &ProjectScope, subject: &Subject) -> Recorded<bool> {
        self.operations.is_open(scope, subject).await
    }

    async fn find_payment_method(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
    ) -> Recorded<Option<PaymentMethod>> {
        self.payment_methods.find(scope, id).await
    }

    async fn find_by_setup_intent(
        &self,
        scope: &ProjectScope,
        setup_intent: &SetupIntentId,
    ) -> Recorded<Option<PaymentMethod>> {
        self.payment_methods
            .find_by_setup_intent(scope, setup_intent)
            .await
    }

    async fn refresh_card(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        read: i64,
        card: &Card,
    ) -> Recorded<bool> {
        self.payment_methods.refresh_card(scope, id, read, card).await
    }

    async fn remove_detached(&self, scope: &ProjectScope, id: &PaymentMethodId, read: i64) -> Recorded<bool> {
        self.payment_methods
            .remove_detached(scope, id, read, self.now())
            .await
    }

    async fn knows_customer(&self, scope: &ProjectScope, customer: &CustomerId) -> Recorded<bool> {
        self.payment_methods.knows_customer(scope, customer).await
    }

    async fn remove_customer(&self, scope: &ProjectScope, customer: &CustomerId) -> Recorded<usize> {
        self.payment_methods
            .remove_customer(scope, customer, self.now())
            .await
    }

    async fn retrieve_customer(&self, tenant: &Tenant, id: &CustomerId) -> Called<CustomerState> {
        self.call(
            tenant,
            |account| async move { account.retrieve_customer(id).await },
        )
        .await
    }
}

impl Stripe for RealWorld {
    async fn retrieve_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
    ) -> Called<StripePaymentMethod> {
        self.call(tenant, |account| async move {
            account.retrieve_payment_method(id).await
        })
        .await
    }

    async fn detach_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
        key: &IdempotencyKey,
    ) -> Called<StripePaymentMethod> {
        self.call(tenant, |account| async move {
            account.detach_payment_method(id, key).await
        })
        .await
    }

    async fn create_customer(
        &self,
        tenant: &Tenant,
        new: &NewCustomer<'_>,
        key: &IdempotencyKey,
    ) -> Called<CustomerId> {
        self.call(tenant, |account| async move {
            account.create_customer(new, key).await
        })
        .await
    }

    async fn list_customers(
        &self,
        tenant: &Tenant,
        query: &CustomerQuery<'_>,
    ) -> Called<StripePage<StripeCustomer>> {
        self.call(
            tenant,
            |account| async move { account.list_customers(query).await },
        )
        .await
    }

    async fn create_setup_intent(
        &self,
        tenant: &Tenant,
        new: &NewSetupIntent<'_>,
        key: &IdempotencyKey,
    ) -> Called<StripeSetupIntent> {
        self.call(tenant, |account| async move {
            account.create_setup_intent(new, key).await
        })
        .await
    }

    async fn retrieve_setup_intent(&self, tenant: &Tenant, id: &SetupIntentId) -> Called<StripeSetupIntent> {
        self.call(tenant, |account| async move {
            account.retrieve_setup_intent(id).await
        })
        .await
    }

    async fn cancel_setup_intent(
        &self,
        tenant: &Tenant,
        id: &SetupIntentId,
        key: &IdempotencyKey,
    ) -> Called<StripeSetupIntent> {
        self.call(tenant, |account| async move {
            account.cancel_setup_intent(id, key).await
        })
        .await
    }

    async fn list_setup_intents(
        &self,
        tenant: &Tenant,
        query: &SetupIntentQuery<'_>,
    ) -> Called<StripePage<StripeSetupIntent>> {
        self.call(tenant, |account| async move {
            account.list_setup_intents(query).await
        })
        .await
    }
}
