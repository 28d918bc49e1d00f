//! What the engine stands on: the database's records, Stripe, time and names.
//!
//! The engine knows these three traits and nothing else, so that a seeded simulation can stand where PostgreSQL and
//! Stripe do, lose answers, crash at any wait, and replay. The real ones only hand on.

use std::{future::Future, time::Duration};

use billfold_domain::{
    Card, CustomerId, PaymentMethod, PaymentMethodId, ProjectScope, SetupIntentId, UserId, UtcTimestamp,
};
use billfold_store::{
    Alongside, BeginCreate, BeginDelete, Claim, Deletable, NewOperation, Operation, StoreError, Subject,
};
use billfold_stripe::{
    CustomerQuery, CustomerState, IdempotencyKey, NewCustomer, NewSetupIntent, SetupIntentQuery,
    StripeCustomer, StripeError, StripePage, StripePaymentMethod, StripeSetupIntent,
};

use crate::Tenant;

/// What the database answers.
pub(crate) type Recorded<T> = Result<T, StoreError>;
/// What Stripe answers.
pub(crate) type Called<T> = Result<T, StripeError>;

/// Time and names.
pub(crate) trait Surroundings: Send + Sync {
    /// The present time.
    fn now(&self) -> UtcTimestamp;
    /// A name that no other operation has or will have.
    fn operation_name(&self) -> String;
    /// Comes to its end when it is time to say that a lease is still needed.
    fn heartbeat(&self) -> impl Future<Output = ()> + Send;
    /// Lets some time pass.
    fn pause(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The database's records. Each call is one transaction, and each does what the method of the same meaning in
/// `billfold-store` says.
pub(crate) trait Records: Surroundings {
    fn find_customer(
        &self,
        scope: &ProjectScope,
        user: &UserId,
    ) -> impl Future<Output = Recorded<Option<CustomerId>>> + Send;
    fn forget_customer(
        &self,
        scope: &ProjectScope,
        user: &UserId,
        gone: &CustomerId,
    ) -> impl Future<Output = Recorded<()>> + Send;
    fn find_deleted(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
    ) -> impl Future<Output = Recorded<Option<PaymentMethod>>> + Send;
    fn confirm(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        setup_intent: &SetupIntentId,
    ) -> impl Future<Output = Recorded<bool>> + Send;
    fn give_up(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        setup_intent: &SetupIntentId,
    ) -> impl Future<Output = Recorded<()>> + Send;
    fn find_setup_intent(
        &self,
        scope: &ProjectScope,
        operation: &str,
    ) -> impl Future<Output = Recorded<Option<SetupIntentId>>> + Send;
    fn begin(&self, scope: &ProjectScope, new: &NewOperation)
    -> impl Future<Output = Recorded<Claim>> + Send;
    fn begin_create(
        &self,
        scope: &ProjectScope,
        new: &NewOperation,
        id: &PaymentMethodId,
        maximum: i64,
        alongside: &Alongside,
    ) -> impl Future<Output = Recorded<BeginCreate>> + Send;
    fn begin_delete(
        &self,
        scope: &ProjectScope,
        operation: String,
        id: &PaymentMethodId,
        deletable: Deletable<'_>,
        alongside: &Alongside,
    ) -> impl Future<Output = Recorded<BeginDelete>> + Send;
    fn claim_due(&self, scope: &ProjectScope) -> impl Future<Output = Recorded<Option<Operation>>> + Send;
    fn end(&self, scope: &ProjectScope, operation: &Operation) -> impl Future<Output = Recorded<()>> + Send;
    fn release(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        retry_in: Duration,
    ) -> impl Future<Output = Recorded<()>> + Send;
    fn extend_lease(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
    ) -> impl Future<Output = Recorded<()>> + Send;
    fn raise_epoch(
        &self,
        scope: &ProjectScope,
        operation: Operation,
    ) -> impl Future<Output = Recorded<Operation>> + Send;
    fn finish_payment_method(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        payment_method: &PaymentMethod,
        alongside: &Alongside,
    ) -> impl Future<Output = Recorded<()>> + Send;
    fn finish_delete(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        alongside: &Alongside,
    ) -> impl Future<Output = Recorded<()>> + Send;
    fn finish_customer(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        customer: &CustomerId,
    ) -> impl Future<Output = Recorded<()>> + Send;
    fn finish_setup_intent(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        id: &SetupIntentId,
        created_at: UtcTimestamp,
    ) -> impl Future<Output = Recorded<()>> + Send;
    /// Writes into the audit log that an operation has ended that its beginner left open: refused, or done. A world
    /// without an audit log does nothing.
    fn note_end(
        &self,
        _scope: &ProjectScope,
        _operation: &Operation,
        _refused: bool,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Stripe, for a tenant's account. Each call does what the method of the same name in `billfold-stripe` says.
pub(crate) trait Stripe: Send + Sync {
    fn retrieve_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
    ) -> impl Future<Output = Called<StripePaymentMethod>> + Send;
    fn detach_payment_method(
        &self,
        tenant: &Tenant,
        id: &PaymentMethodId,
        key: &IdempotencyKey,
    ) -> impl Future<Output = Called<StripePaymentMethod>> + Send;
    fn create_customer(
        &self,
        tenant: &Tenant,
        new: &NewCustomer<'_>,
        key: &IdempotencyKey,
    ) -> impl Future<Output = Called<CustomerId>> + Send;
    fn list_customers(
        &self,
        tenant: &Tenant,
        query: &CustomerQuery<'_>,
    ) -> impl Future<Output = Called<StripePage<StripeCustomer>>> + Send;
    fn create_setup_intent(
        &self,
        tenant: &Tenant,
        new: &NewSetupIntent<'_>,
        key: &IdempotencyKey,
    ) -> impl Future<Output = Called<StripeSetupIntent>> + Send;
    fn retrieve_setup_intent(
        &self,
        tenant: &Tenant,
        id: &SetupIntentId,
    ) -> impl Future<Output = Called<StripeSetupIntent>> + Send;
    fn cancel_setup_intent(
        &self,
        tenant: &Tenant,
        id: &SetupIntentId,
        key: &IdempotencyKey,
    ) -> impl Future<Output = Called<StripeSetupIntent>> + Send;
    fn list_setup_intents(
        &self,
        tenant: &Tenant,
        query: &SetupIntentQuery<'_>,
    ) -> impl Future<Output = Called<StripePage<StripeSetupIntent>>> + Send;
}

/// What keeps the records true to Stripe where others change things there. Each does what the method of the same
/// meaning in `billfold-store` or `billfold-stripe` says.
pub(crate) trait Mirror: Send + Sync {
    /// Grants the next read of the tenant's account, and waits until its turn. Gives its number.
    fn next_read(&self, scope: &ProjectScope) -> impl Future<Output = Recorded<i64>> + Send;
    fn is_open(&self, scope: &ProjectScope, subject: &Subject)
    -> impl Future<Output = Recorded<bool>> + Send;
    fn find_payment_method(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
    ) -> impl Future<Output = Recorded<Option<PaymentMethod>>> + Send;
    fn find_by_setup_intent(
        &self,
        scope: &ProjectScope,
        setup_intent: &SetupIntentId,
    ) -> impl Future<Output = Recorded<Option<PaymentMethod>>> + Send;
    fn refresh_card(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        read: i64,
        card: &Card,
    ) -> impl Future<Output = Recorded<bool>> + Send;
    fn remove_detached(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        read: i64,
    ) -> impl Future<Output = Recorded<bool>> + Send;
    fn knows_customer(
        &self,
        scope: &ProjectScope,
        customer: &CustomerId,
    ) -> impl Future<Output = Recorded<bool>> + Send;
    fn remove_customer(
        &self,
        scope: &ProjectScope,
        customer: &CustomerId,
    ) -> impl Future<Output = Recorded<usize>> + Send;
    fn retrieve_customer(
        &self,
        tenant: &Tenant,
        id: &CustomerId,
    ) -> impl Future<Output = Called<CustomerState>> + Send;
}

/// All that the engine stands on.
pub(crate) trait World: Records + Stripe + 'static {}
impl<W: Records + Stripe + 'static> World for W {}
