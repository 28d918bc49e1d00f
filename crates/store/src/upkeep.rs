//! Forgetting what has been kept long enough, and what waits for a person.

use billfold_domain::{ProjectScope, UtcTimestamp};
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{in_transaction, read},
    schema::{idempotency_keys, webhook_events, webhook_work},
    sql_types::StoredInstant,
};

/// The upkeep of every project's records, each call within one.
#[derive(Clone, Debug)]
pub struct Upkeep {
    database: Database,
}

/// Deletes about `limit` of a project's oldest rows whose time is before a point, and says how many. The last of them may
/// share its time with others, which then go too: so one bound on the time does for both databases.
macro_rules! forget {
    ($database:expr, $scope:expr, $table:ident.$time:ident, $before:expr, $limit:expr) => {{
        let project = $scope.project().as_str();
        let before = StoredInstant($before);
        in_transaction!($database, |connection| {
            let last = $table::table
                .filter($table::project_id.eq(project))
                .filter($table::$time.lt(before))
                .order($table::$time)
                .offset($limit.saturating_sub(1).max(0))
                .select($table::$time)
                .first::<StoredInstant>(connection)
                .await
                .optional()?;
            let rows = $table::table.filter($table::project_id.eq(project));
            let forgotten: QueryResult<usize> = match last {
                Some(last) => {
                    diesel::delete(rows.filter($table::$time.le(last)))
                        .execute(connection)
                        .await
                }
                None => {
                    diesel::delete(rows.filter($table::$time.lt(before)))
                        .execute(connection)
                        .await
                }
            };
            Ok(forgotten?)
        })
    }};
}

impl Upkeep {
    /// The upkeep of a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Forgets about `limit` idempotency keys that were first used before a point in time, the oldest first, and says how
    /// many.
    pub async fn forget_idempotency_keys(
        &self,
        scope: &ProjectScope,
        before: UtcTimestamp,
        limit: i64,
    ) -> Result<usize, StoreError> {
        forget!(self.database, scope, idempotency_keys.created_at, before, limit)
    }

    /// Forgets about `limit` events that were received before a point in time, the oldest first, and says how many.
    pub async fn forget_webhook_events(
        &self,
        scope: &ProjectScope,
        before: UtcTimestamp,
        limit: i64,
    ) -> Result<usize, StoreError> {
        forget!(self.database, scope, webhook_events.received_at, before, limit)
    }

    /// The objects, by type and identifier, that events told of and that could not be looked at anew for so long that
    /// nobody tries any more: the first 1,000 of them.
    pub async fn parked_objects(&self, scope: &ProjectScope) -> Result<Vec<(String, String)>, StoreError> {
        read!(
            self.database,
            webhook_work::table
                .filter(webhook_work::project_id.eq(scope.project().to_string()))
                .filter(webhook_work::parked_at.is_not_null())
                .order((webhook_work::object_type, webhook_work::object_id))
                .select((webhook_work::object_type, webhook_work::object_id))
                .limit(1_000) => (String, String)
        )
    }
}
