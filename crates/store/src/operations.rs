//! Operations: what has begun at Stripe and is not known to have ended.
//!
//! A row is committed before the first call to Stripe and goes away in the transaction that writes the result. Whoever
//! claims it holds a lease and a fence number; when the lease runs out another may claim it, with a higher fence, and
//! only the newest holder's result is written.

use billfold_domain::{ProjectScope, UtcTimestamp};
use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    Claim, Database, NewOperation, Operation, StoreError, database::with_connection, error::still_held,
    operation::operation, schema::operations, sql_types::database_time_in,
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

pub(crate) use end;

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
}
