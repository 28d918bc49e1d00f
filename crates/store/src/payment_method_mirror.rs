//! What happens to payment methods by other hands than ours, written down when it is seen at Stripe.
//!
//! Every change here names the number of the read that saw it. A row keeps the number of the newest read in it, and one
//! that was saved or confirmed keeps the newest that was granted by then: what was read earlier, and came late,
//! changes nothing.

use billfold_domain::{
    Card, CustomerId, PaymentMethod, PaymentMethodId, ProjectScope, SetupIntentId, UtcTimestamp,
};
use diesel::{ExpressionMethods as _, QueryDsl as _, SelectableHelper as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    PaymentMethods, StoreError,
    database::{in_transaction, read, with_connection},
    payment_method_row::PaymentMethodRow,
    payment_methods::shown,
    schema::{customers, payment_methods},
    sql_types::StoredInstant,
};

impl PaymentMethods {
    /// The payment method that waits for its owner's check on this setup intent, or `None`.
    pub async fn find_by_setup_intent(
        &self,
        scope: &ProjectScope,
        setup_intent: &SetupIntentId,
    ) -> Result<Option<PaymentMethod>, StoreError> {
        let found = read!(
            self.database,
            scope,
            shown(scope.project().to_string())
                .filter(payment_methods::setup_intent_id.eq(setup_intent.to_string()))
                .select(PaymentMethodRow::as_select()) => PaymentMethodRow
        )?;
        found.into_iter().next().map(PaymentMethod::try_from).transpose()
    }

    /// Writes what Stripe says of the card, and says whether this read was the newest.
    pub async fn refresh_card(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        read: i64,
        card: &Card,
    ) -> Result<bool, StoreError> {
        with_connection!(self.database, scope, |connection| {
            let changed = diesel::update(unseen(scope.project().to_string(), id.to_string(), read))
                .set((
                    payment_methods::brand.eq(card.brand.as_str()),
                    payment_methods::last4.eq(&card.last4),
                    payment_methods::exp_month.eq(card.exp_month),
                    payment_methods::exp_year.eq(card.exp_year),
                    payment_methods::applied_read.eq(read),
                ))
                .execute(connection)
                .await?;
            Ok(changed == 1)
        })
    }

    /// Writes that an available method is attached to nobody any more: it is removed. Says whether this read was the
    /// newest.
    pub async fn remove_detached(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        read: i64,
        now: UtcTimestamp,
    ) -> Result<bool, StoreError> {
        with_connection!(self.database, scope, |connection| {
            let changed = diesel::update(unseen(scope.project().to_string(), id.to_string(), read))
                .filter(payment_methods::setup_intent_id.is_null())
                .set((
                    payment_methods::deleted_at.eq(StoredInstant(now)),
                    payment_methods::applied_read.eq(read),
                ))
                .execute(connection)
                .await?;
            Ok(changed == 1)
        })
    }

    /// Writes that a customer is deleted at Stripe: its methods can never be used again and are removed, and its user
    /// gets a new one when one is needed. Says how many methods were removed.
    pub async fn remove_customer(
        &self,
        scope: &ProjectScope,
        customer: &CustomerId,
        now: UtcTimestamp,
    ) -> Result<usize, StoreError> {
        let project = scope.project().as_str();
        in_transaction!(self.database, scope, |connection| {
            diesel::delete(
                customers::table
                    .filter(customers::project_id.eq(project))
                    .filter(customers::id.eq(customer.as_str())),
            )
            .execute(connection)
            .await?;
            let removed = diesel::update(shown(project.to_owned()))
                .filter(payment_methods::customer_id.eq(customer.as_str()))
                .set(payment_methods::deleted_at.eq(StoredInstant(now)))
                .execute(connection)
                .await?;
            Ok(removed)
        })
    }

    /// Whether the customer is a user's of this project, or was when a method was saved that is still shown.
    pub async fn knows_customer(
        &self,
        scope: &ProjectScope,
        customer: &CustomerId,
    ) -> Result<bool, StoreError> {
        let of_users = read!(
            self.database,
            scope,
            customers::table
                .filter(customers::project_id.eq(scope.project().to_string()))
                .filter(customers::id.eq(customer.to_string()))
                .select(customers::id)
                .limit(1) => String
        )?;
        if !of_users.is_empty() {
            return Ok(true);
        }
        let of_methods = read!(
            self.database,
            scope,
            shown(scope.project().to_string())
                .filter(payment_methods::customer_id.eq(customer.to_string()))
                .select(payment_methods::id)
                .limit(1) => String
        )?;
        Ok(!of_methods.is_empty())
    }
}

/// The payment method while it is shown and holds no result of this read or a newer one.
#[diesel::dsl::auto_type]
fn unseen(project: String, id: String, read: i64) -> _ {
    let of_project: shown = shown(project);
    of_project
        .filter(payment_methods::id.eq(id))
        .filter(payment_methods::applied_read.lt(read))
}
