//! How operations end: in the transaction that writes their result, if the fence is still its holder's.

use billfold_domain::{CustomerId, PaymentMethod, ProjectScope, SetupIntentId, UtcTimestamp};
use diesel::{ExpressionMethods as _, QueryDsl as _, upsert::excluded};
use diesel_async::RunQueryDsl as _;
use futures_util::future::join4;

use crate::{
    Alongside, Operation, Operations, StoreError,
    alongside::{put_back_alongside, tell_alongside},
    database::{Engine, fallible, in_transaction},
    error::still_held,
    operations::{end, held},
    payment_method_row::PaymentMethodRow,
    postgres::Postgres,
    query_span::traced,
    schema::{customers, payment_methods, setup_intents},
    sql_types::StoredInstant,
    stripe_reads::newest_read,
};

/// Writes a payment method that an operation has saved.
macro_rules! save {
    ($connection:expr, $project:expr, $operation:expr, $row:expr) => {{
        let customer = customers::table
            .filter(customers::project_id.eq($project))
            .filter(customers::user_id.eq($operation.user.as_str()))
            .select(customers::id)
            .single_value();
        diesel::insert_into(payment_methods::table)
            .values((
                payment_methods::project_id.eq($project),
                $row,
                payment_methods::operation_id.eq($operation.id.as_str()),
                payment_methods::customer_id.eq(customer),
                payment_methods::applied_read.eq(newest_read($project.to_owned())),
            ))
            .on_conflict((payment_methods::project_id, payment_methods::id))
            .do_update()
            .set((
                $row,
                payment_methods::operation_id.eq(excluded(payment_methods::operation_id)),
                payment_methods::customer_id.eq(excluded(payment_methods::customer_id)),
                payment_methods::applied_read.eq(excluded(payment_methods::applied_read)),
                payment_methods::deleted_at.eq(None::<StoredInstant>),
            ))
            .execute($connection)
            .await
    }};
}

/// Writes the customer that an operation has made.
macro_rules! know_customer {
    ($connection:expr, $scope:expr, $operation:expr, $customer:expr, $now:expr) => {
        diesel::insert_into(customers::table)
            .values((
                customers::project_id.eq($scope.project().as_str()),
                customers::user_id.eq($operation.user.as_str()),
                customers::id.eq($customer.as_str()),
                customers::created_at.eq(StoredInstant($now)),
            ))
            .execute($connection)
            .await
    };
}

/// What an operation's end writes beside it.
#[derive(Clone, Copy)]
enum Written<'a> {
    PaymentMethod(&'a PaymentMethodRow),
    Customer(&'a CustomerId, UtcTimestamp),
    Nothing,
}

impl Operations {
    /// Writes the payment method that the operation saved. One that was deleted before under the same name lives again.
    pub async fn finish_payment_method(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        payment_method: &PaymentMethod,
        alongside: &Alongside,
    ) -> Result<(), StoreError> {
        let row = PaymentMethodRow::of(payment_method);
        let project = scope.project().as_str();
        if let Engine::Postgres(postgres) = &self.database.engine {
            let finished = traced!(
                self.database,
                Box::pin(finish_at_once(
                    postgres,
                    scope,
                    operation,
                    Written::PaymentMethod(&row),
                    alongside
                ))
                .await
            );
            if finished?.is_some() {
                return Ok(());
            }
        }
        in_transaction!(self.database, scope, |connection| {
            still_held(end!(connection, scope, operation)?)?;
            save!(connection, project, operation, &row)?;
            tell_alongside!(connection, scope, alongside);
            put_back_alongside!(connection, scope, &alongside.tokens);
            Ok(())
        })
    }

    /// Writes the customer that the operation made.
    pub async fn finish_customer(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        customer: &CustomerId,
        now: UtcTimestamp,
    ) -> Result<(), StoreError> {
        if let Engine::Postgres(postgres) = &self.database.engine {
            let result = Written::Customer(customer, now);
            let finished = traced!(
                self.database,
                Box::pin(finish_at_once(
                    postgres,
                    scope,
                    operation,
                    result,
                    Alongside::nothing()
                ))
                .await
            );
            if finished?.is_some() {
                return Ok(());
            }
        }
        in_transaction!(self.database, scope, |connection| {
            still_held(end!(connection, scope, operation)?)?;
            know_customer!(connection, scope, operation, customer, now)?;
            Ok(())
        })
    }

    /// Writes that the setup intent that the operation made is this project's.
    pub async fn finish_setup_intent(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        id: &SetupIntentId,
        created_at: UtcTimestamp,
    ) -> Result<(), StoreError> {
        in_transaction!(self.database, scope, |connection| {
            still_held(end!(connection, scope, operation)?)?;
            let inserted = diesel::insert_into(setup_intents::table)
                .values((
                    setup_intents::project_id.eq(scope.project().as_str()),
                    setup_intents::id.eq(id.as_str()),
                    setup_intents::user_id.eq(operation.user.as_str()),
                    setup_intents::created_at.eq(StoredInstant(created_at)),
                    setup_intents::operation_id.eq(operation.id.as_str()),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
                .await?;
            if inserted == 0 {
                // An earlier operation of this name may have ended just before this one began: then Stripe gave the same
                // setup intent again. Any other has no right to it.
                let made_by = setup_intents::table
                    .filter(setup_intents::project_id.eq(scope.project().as_str()))
                    .filter(setup_intents::id.eq(id.as_str()))
                    .select(setup_intents::operation_id)
                    .first::<Option<String>>(connection)
                    .await?;
                if made_by.as_deref() != Some(operation.id.as_str()) {
                    return Err(StoreError::Duplicate(format!("setup intent {id}")));
                }
            }
            Ok(())
        })
    }

    /// Ends a deletion that is done.
    pub async fn finish_delete(
        &self,
        scope: &ProjectScope,
        held_operation: &Operation,
        alongside: &Alongside,
    ) -> Result<(), StoreError> {
        if let Engine::Postgres(postgres) = &self.database.engine {
            let finished = traced!(
                self.database,
                Box::pin(finish_at_once(
                    postgres,
                    scope,
                    held_operation,
                    Written::Nothing,
                    alongside
                ))
                .await
            );
            if finished?.is_some() {
                return Ok(());
            }
        }
        in_transaction!(self.database, scope, |connection| {
            still_held(end!(connection, scope, held_operation)?)?;
            tell_alongside!(connection, scope, alongside);
            put_back_alongside!(connection, scope, &alongside.tokens);
            Ok(())
        })
    }
}

/// Ends an operation that nobody has taken over, with its statements sent together: none of them needs anything of another,
/// nor waits for a row that another of them can have kept from whoever has that row.
async fn finish_at_once(
    postgres: &Postgres,
    scope: &ProjectScope,
    operation: &Operation,
    result: Written<'_>,
    alongside: &Alongside,
) -> Result<Option<()>, StoreError> {
    let project = scope.project().as_str();
    let session = postgres.begin(Some(scope.project())).await?;
    let connection = session.shared_connection();
    let (mut first, mut second, mut third, mut fourth) = (connection, connection, connection, connection);
    let finished = fallible(async {
        let (ended, written, told, put_back) = join4(
            async { end!(&mut first, scope, operation) },
            fallible(async {
                match result {
                    Written::PaymentMethod(row) => save!(&mut second, project, operation, row)?,
                    Written::Customer(id, now) => know_customer!(&mut second, scope, operation, id, now)?,
                    Written::Nothing => 0,
                };
                Ok(())
            }),
            fallible(async {
                tell_alongside!(&mut third, scope, alongside);
                Ok(())
            }),
            fallible(async {
                put_back_alongside!(&mut fourth, scope, alongside.tokens_of_users());
                Ok(())
            }),
        )
        .await;
        if ended? != 1 {
            return Ok(None);
        }
        written?;
        told?;
        put_back?;
        put_back_alongside!(&mut first, scope, alongside.tokens_of_projects());
        Ok(Some(()))
    })
    .await;
    postgres.end_batch(session, finished).await
}
