//! What the comparison with Stripe asks of the records, page by page, and the one row that it may add.

use billfold_domain::{CustomerId, PaymentMethod, PaymentMethodId, ProjectScope, UserId};
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _, SelectableHelper as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    Customers, PaymentMethods, StoreError, Subject,
    database::{in_transaction, read},
    payment_method_row::PaymentMethodRow,
    payment_methods::{rows, shown},
    schema::{customers, operations, payment_methods},
    sql_types::StoredInstant,
    stripe_reads::newest_read,
};

/// A payment method that is shown, with the customer that it was attached to when it was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirroredPaymentMethod {
    /// The payment method.
    pub payment_method: PaymentMethod,
    /// The customer; nothing where it is not known.
    pub customer: Option<CustomerId>,
}

/// What the records say of a payment method by its name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is shown.
    Shown(PaymentMethod),
    /// It was here and is deleted.
    Deleted(PaymentMethod),
    /// It was never here.
    Never,
}

/// A payment method that is attached by our own doing and that no row tells of.
#[derive(Clone, Debug)]
pub struct Adoption<'a> {
    /// The payment method, as its row shall be.
    pub payment_method: &'a PaymentMethod,
    /// The customer that it is attached to.
    pub customer: &'a CustomerId,
    /// The operation that attached it.
    pub operation: &'a str,
}

fn customer_id(text: String) -> Result<CustomerId, StoreError> {
    CustomerId::parse(text).map_err(|error| StoreError::Internal(format!("customer: {error}")))
}

fn user_id(text: String) -> Result<UserId, StoreError> {
    UserId::parse(text).map_err(|error| StoreError::Internal(format!("user: {error}")))
}

/// The text that every user's name follows.
fn text_of(after: Option<&UserId>) -> String {
    after.map(ToString::to_string).unwrap_or_default()
}

impl Customers {
    /// At most `limit` of the project's users who have a customer, by name, those after a user.
    pub async fn page(
        &self,
        scope: &ProjectScope,
        after: Option<&UserId>,
        limit: i64,
    ) -> Result<Vec<(UserId, CustomerId)>, StoreError> {
        let found = read!(
            self.database,
            scope,
            customers::table
                .filter(customers::project_id.eq(scope.project().to_string()))
                .filter(customers::user_id.gt(text_of(after)))
                .order(customers::user_id)
                .select((customers::user_id, customers::id))
                .limit(limit) => (String, String)
        )?;
        found
            .into_iter()
            .map(|(user, id)| Ok((user_id(user)?, customer_id(id)?)))
            .collect()
    }
}

impl PaymentMethods {
    /// All that is shown of a user's, waiting ones included.
    pub async fn of_user(
        &self,
        scope: &ProjectScope,
        user: &UserId,
    ) -> Result<Vec<MirroredPaymentMethod>, StoreError> {
        let found = read!(
            self.database,
            scope,
            shown(scope.project().to_string())
                .filter(payment_methods::user_id.eq(user.to_string()))
                .order(payment_methods::id)
                .select((PaymentMethodRow::as_select(), payment_methods::customer_id))
                => (PaymentMethodRow, Option<String>)
        )?;
        found
            .into_iter()
            .map(|(row, customer)| {
                Ok(MirroredPaymentMethod {
                    payment_method: row.try_into()?,
                    customer: customer.map(customer_id).transpose()?,
                })
            })
            .collect()
    }

    /// At most `limit` of the project's users who have payment methods and no customer, by name, those after a user.
    pub async fn users_without_customer(
        &self,
        scope: &ProjectScope,
        after: Option<&UserId>,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let project = scope.project().to_string();
        let found = read!(
            self.database,
            scope,
            shown(project.clone())
                .filter(payment_methods::user_id.gt(text_of(after)))
                .filter(
                    payment_methods::user_id.ne_all(
                        customers::table
                            .filter(customers::project_id.eq(project.clone()))
                            .select(customers::user_id),
                    ),
                )
                .group_by(payment_methods::user_id)
                .order(payment_methods::user_id)
                .select(payment_methods::user_id)
                .limit(limit) => String
        )?;
        found.into_iter().map(user_id).collect()
    }

    /// What the records say of the payment method.
    pub async fn recorded(&self, scope: &ProjectScope, id: &PaymentMethodId) -> Result<Recorded, StoreError> {
        let found = read!(
            self.database,
            scope,
            rows(scope.project().to_string())
                .filter(payment_methods::id.eq(id.to_string()))
                .select((PaymentMethodRow::as_select(), payment_methods::deleted_at))
                => (PaymentMethodRow, Option<StoredInstant>)
        )?;
        Ok(match found.into_iter().next() {
            None => Recorded::Never,
            Some((row, None)) => Recorded::Shown(row.try_into()?),
            Some((row, Some(_))) => Recorded::Deleted(row.try_into()?),
        })
    }

    /// Writes a row for a payment method that has none and on which no operation is open. Says whether it did: one that
    /// was deleted here stays so.
    pub async fn adopt(&self, scope: &ProjectScope, adoption: &Adoption<'_>) -> Result<bool, StoreError> {
        let project = scope.project().as_str();
        let row = PaymentMethodRow::of(adoption.payment_method);
        let subject = Subject::PaymentMethod(adoption.payment_method.id.clone()).to_text();
        in_transaction!(self.database, scope, |connection| {
            let open: i64 = operations::table
                .filter(operations::project_id.eq(project))
                .filter(
                    operations::subject
                        .eq(subject.as_str())
                        .or(operations::id.eq(adoption.operation)),
                )
                .count()
                .get_result(connection)
                .await?;
            if open > 0 {
                return Ok(false);
            }
            let written = diesel::insert_into(payment_methods::table)
                .values((
                    payment_methods::project_id.eq(project),
                    &row,
                    payment_methods::operation_id.eq(adoption.operation),
                    payment_methods::customer_id.eq(adoption.customer.as_str()),
                    payment_methods::applied_read.eq(newest_read(project.to_owned())),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
                .await?;
            Ok(written == 1)
        })
    }
}
