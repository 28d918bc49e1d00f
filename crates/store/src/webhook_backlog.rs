//! What is done to all of a project's webhook work at once.
//!
//! Deliveries write the same rows, many in one transaction and in the order of their keys. So that neither waits for the
//! other for ever, these take their rows in that order too; SQLite has one writer, and no need.

use std::time::Duration;

use billfold_domain::ProjectScope;
use diesel::{
    ExpressionMethods as _, QueryDsl as _, sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::RunQueryDsl as _;

use crate::{
    StoreError, WebhookWork,
    database::{Engine, postgres_transaction},
    query_span::traced,
    schema::webhook_work,
    sql_types::{StoredInstant, database_now, database_time_in},
    webhook_work::whole_seconds,
};

/// Puts off what is due in `$1` within `$2` seconds.
const POSTPONE_IN_POSTGRES: &str = "\
    update webhook_work as work \
    set next_attempt_at = clock_timestamp() + $2 * interval '1 second' \
    from ( \
        select object_type, object_id from webhook_work \
        where project_id = $1 and parked_at is null \
            and next_attempt_at < clock_timestamp() + $2 * interval '1 second' \
        order by object_type, object_id \
        for update \
    ) as taken \
    where work.project_id = $1 and work.object_type = taken.object_type and work.object_id = taken.object_id";

/// Takes up again what is parked in `$1`.
const UNPARK_IN_POSTGRES: &str = "\
    update webhook_work as work \
    set parked_at = null, attempts = 0, next_attempt_at = clock_timestamp() \
    from ( \
        select object_type, object_id from webhook_work \
        where project_id = $1 and parked_at is not null \
        order by object_type, object_id \
        for update \
    ) as taken \
    where work.project_id = $1 and work.object_type = taken.object_type and work.object_id = taken.object_id";

impl WebhookWork {
    /// Puts off all that is due in the project by some seconds, because nothing of it can be done now. What events tell of
    /// later is due at once all the same.
    pub async fn postpone(&self, scope: &ProjectScope, retry_in: Duration) -> Result<(), StoreError> {
        let project = scope.project().as_str();
        let seconds = whole_seconds(retry_in);
        traced!(
            self.database,
            match &self.database.engine {
                Engine::Postgres(postgres) => {
                    postgres_transaction!(postgres, Some(scope.project()), |connection| {
                        sql_query(POSTPONE_IN_POSTGRES)
                            .bind::<Text, _>(project)
                            .bind::<BigInt, _>(seconds)
                            .execute(connection)
                            .await?;
                        Ok(())
                    })
                }
                Engine::Sqlite(sqlite) => {
                    let mut guard = sqlite.writer().await?;
                    let then = database_time_in(seconds);
                    diesel::update(
                        webhook_work::table
                            .filter(webhook_work::project_id.eq(project))
                            .filter(webhook_work::parked_at.is_null())
                            .filter(webhook_work::next_attempt_at.lt(then)),
                    )
                    .set(webhook_work::next_attempt_at.eq(then))
                    .execute(&mut *guard)
                    .await?;
                    Ok(())
                }
            }
        )
    }

    /// Takes up again all that is parked in the project: each object is due at once and has all its tries before it. Says
    /// how many there are.
    pub async fn unpark(&self, scope: &ProjectScope) -> Result<usize, StoreError> {
        let project = scope.project().as_str();
        traced!(
            self.database,
            match &self.database.engine {
                Engine::Postgres(postgres) => {
                    postgres_transaction!(postgres, Some(scope.project()), |connection| {
                        let taken_up = sql_query(UNPARK_IN_POSTGRES)
                            .bind::<Text, _>(project)
                            .execute(connection)
                            .await?;
                        Ok(taken_up)
                    })
                }
                Engine::Sqlite(sqlite) => {
                    let mut guard = sqlite.writer().await?;
                    let taken_up = diesel::update(
                        webhook_work::table
                            .filter(webhook_work::project_id.eq(project))
                            .filter(webhook_work::parked_at.is_not_null()),
                    )
                    .set((
                        webhook_work::parked_at.eq(None::<StoredInstant>),
                        webhook_work::attempts.eq(0),
                        webhook_work::next_attempt_at.eq(database_now()),
                    ))
                    .execute(&mut *guard)
                    .await?;
                    Ok(taken_up)
                }
            }
        )
    }
}
