//! Operations: what has begun at Stripe and is not known to have ended.
//!
//! A row is committed before the first call to Stripe and goes away in the transaction that writes the result. Whoever
//! claims it holds a lease and a fence number; when the lease runs out another may claim it, with a higher fence, and
//! only the newest holder's result is written.

use billfold_domain::{CustomerId, PaymentMethod, ProjectScope, SetupIntentId, UtcTimestamp};
use diesel::{ExpressionMethods as _, QueryDsl as _, upsert::excluded};
use diesel_async::RunQueryDsl as _;
use futures_util::future::join4;

use crate::{
    Alongside, Claim, Database, NewOperation, Operation, StoreError,
    alongside::{put_back_alongside, tell_alongside},
    database::{Engine, fallible, in_transaction, with_connection},
    error::still_held,
    operation::operation,
    payment_method_row::PaymentMethodRow,
    postgres::Postgres,
    query_span::traced,
    schema::{customers, operations, payment_methods, setup_intents},
    sql_types::{StoredInstant, database_time_in},
    stripe_reads::newest_read,
};

/// How long a claim holds before another may take over. Short, so that a crash is soon mended; a call to Stripe that
/// takes longer is safe all the same, for its idempotency key and for the fence.
pub(crate) const LEASE_SECONDS: i64 = 8;

/// The fence number of an operation that nobody has taken over yet.
pub(crate) const FIRST_FENCE: i64 = 1;

/// Begins the operation, or takes over the one on the same subject when its lease has run out, in one statement. An
/// expression, since it is compiled for each database's connection.
macro_rules! claim {
    ($connection:expr, $scope:expr, $new:expr, $now:expr) => {{
        use diesel::{ExpressionMethods as _, OptionalExtension as _};
        use $crate::schema::operations;
        let upsert = diesel::insert_into(operations::table)
            .values((
                operations::project_id.eq($scope.project().as_str()),
                operations::id.eq($new.id.as_str()),
                operations::kind.eq($new.kind.as_str()),
                operations::subject.eq($new.subject.to_text()),
                operations::user_id.eq($new.user.as_str()),
                operations::epoch.eq(0),
                operations::fence.eq($crate::operations::FIRST_FENCE),
                operations::lease_expires_at.eq($crate::sql_types::database_time_in(
                    $crate::operations::LEASE_SECONDS,
                )),
                operations::created_at.eq($crate::sql_types::StoredInstant($now)),
                operations::next_attempt_at.eq($crate::sql_types::database_time_in(
                    $crate::operations::LEASE_SECONDS,
                )),
            ))
            .on_conflict((operations::project_id, operations::subject))
            .do_update()
            .set((
                operations::fence.eq(operations::fence + 1),
                operations::lease_expires_at.eq($crate::sql_types::database_time_in(
                    $crate::operations::LEASE_SECONDS,
                )),
            ));
        let expired = operations::lease_expires_at.lt($crate::sql_types::database_now());
        diesel::query_dsl::methods::FilterDsl::filter(upsert, expired)
            .returning($crate::operation::COLUMNS)
            .get_result::<$crate::operation::Row>($connection)
            .await
            .optional()
    }};
}
pub(crate) use claim;

/// The operations of every project, each call within one.
#[derive(Clone, Debug)]
pub struct Operations {
    pub(crate) database: Database,
}

/// An operation as long as this holder holds it.
#[diesel::dsl::auto_type]
pub(crate) fn held<'a>(project: &'a str, id: &'a str, fence: i64) -> _ {
    operations::table
        .filter(operations::project_id.eq(project))
        .filter(operations::id.eq(id))
        .filter(operations::fence.eq(fence))
}

/// Ends an operation inside the transaction that writes its result, and gives how many it was: none where another has taken it
/// over.
macro_rules! end {
    ($connection:expr, $scope:expr, $operation:expr) => {
        diesel::delete(held($scope.project().as_str(), &$operation.id, $operation.fence))
            .execute($connection)
            .await
    };
}

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

impl Operations {
    /// The operations in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Begins an operation whose beginning needs nothing but a free subject.
    pub async fn begin(
        &self,
        scope: &ProjectScope,
        new: &NewOperation,
        now: UtcTimestamp,
    ) -> Result<Claim, StoreError> {
        let claimed = with_connection!(self.database, scope, |connection| Ok(claim!(
            connection, scope, new, now
        )?))?;
        Ok(match claimed {
            Some(row) => Claim::Held(operation(row)?),
            None => Claim::Busy,
        })
    }

    /// Ends an operation whose result needs no writing: one that came to nothing.
    pub async fn end(&self, scope: &ProjectScope, held_operation: &Operation) -> Result<(), StoreError> {
        with_connection!(self.database, scope, |connection| still_held(end!(
            connection,
            scope,
            held_operation
        )?))
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
                finish_at_once(postgres, scope, held_operation, None, alongside).await
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

    /// Leaves an operation of unknown outcome open, with the step at which this attempt stopped: a caller may claim it at
    /// once, the reconciler after a while. Does nothing when another has taken it over.
    pub async fn release(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        retry_in: std::time::Duration,
    ) -> Result<(), StoreError> {
        let retry_in = i64::try_from(retry_in.as_secs()).unwrap_or(i64::MAX);
        with_connection!(self.database, scope, |connection| {
            diesel::update(held(scope.project().as_str(), &operation.id, operation.fence))
                .set((
                    operations::lease_expires_at.eq(database_time_in(-1)),
                    operations::next_attempt_at.eq(database_time_in(retry_in)),
                    operations::step.eq(operation.step.as_deref()),
                    operations::attempts.eq(operations::attempts + 1),
                ))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Goes on holding an operation. [`StoreError::Fenced`] when another has taken it over.
    pub async fn extend_lease(&self, scope: &ProjectScope, operation: &Operation) -> Result<(), StoreError> {
        with_connection!(self.database, scope, |connection| still_held(
            diesel::update(held(scope.project().as_str(), &operation.id, operation.fence))
                .set(operations::lease_expires_at.eq(database_time_in(LEASE_SECONDS)))
                .execute(connection)
                .await?
        ))
    }

    /// Lets the operation's steps run anew at Stripe, under new idempotency keys.
    pub async fn raise_epoch(
        &self,
        scope: &ProjectScope,
        operation: Operation,
    ) -> Result<Operation, StoreError> {
        let epoch = operation.epoch + 1;
        with_connection!(self.database, scope, |connection| still_held(
            diesel::update(held(scope.project().as_str(), &operation.id, operation.fence))
                .set((
                    operations::epoch.eq(epoch),
                    operations::lease_expires_at.eq(database_time_in(LEASE_SECONDS)),
                ))
                .execute(connection)
                .await?
        ))?;
        Ok(Operation { epoch, ..operation })
    }

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
                finish_at_once(postgres, scope, operation, Some(&row), alongside).await
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
        in_transaction!(self.database, scope, |connection| {
            still_held(end!(connection, scope, operation)?)?;
            diesel::insert_into(customers::table)
                .values((
                    customers::project_id.eq(scope.project().as_str()),
                    customers::user_id.eq(operation.user.as_str()),
                    customers::id.eq(customer.as_str()),
                    customers::created_at.eq(StoredInstant(now)),
                ))
                .execute(connection)
                .await?;
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
}

/// Ends an operation that nobody has taken over, with its statements sent together: none of them needs anything of another,
/// nor waits for a row that another of them can have kept from whoever has that row.
async fn finish_at_once(
    postgres: &Postgres,
    scope: &ProjectScope,
    operation: &Operation,
    saved: Option<&PaymentMethodRow>,
    alongside: &Alongside,
) -> Result<Option<()>, StoreError> {
    let project = scope.project().as_str();
    let session = postgres.begin(Some(scope.project())).await?;
    let connection = session.shared_connection();
    let (mut first, mut second, mut third, mut fourth) = (connection, connection, connection, connection);
    let finished = fallible(async {
        let (ended, saved, told, put_back) = join4(
            async { end!(&mut first, scope, operation) },
            fallible(async {
                if let Some(row) = saved {
                    save!(&mut second, project, operation, row)?;
                }
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
        saved?;
        told?;
        put_back?;
        put_back_alongside!(&mut first, scope, alongside.tokens_of_projects());
        Ok(Some(()))
    })
    .await;
    postgres.end_batch(session, finished).await
}
