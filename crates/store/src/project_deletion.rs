//! How a project goes: marked first, its rows removed in portions, its credentials last, and its name kept.
//!
//! Whoever goes on with a deletion puts off when another shall, so that one works on it at a time; where two do all the
//! same, it does no harm.

use std::time::Duration;

use billfold_domain::{ProjectId, ProjectScope};
use diesel::{ExpressionMethods as _, NullableExpressionMethods as _, QueryDsl as _, sql_types};
use diesel_async::RunQueryDsl as _;

use crate::{
    CorsOrigins, Projects, StoreError,
    database::{
        Engine, in_shared_transaction, in_transaction, postgres_transaction, read, read_shared,
        with_shared_connection,
    },
    query_span::traced,
    row_security::project_names,
    schema::{operations, payment_methods, project_data_keys, projects, stripe_credentials},
    sql_types::{StoredInstant, database_now, database_time_in},
};

/// How many deletions are given at once before it is looked again.
const PROJECTS_IN_A_ROUND: i64 = 64;

/// The tables whose rows go with a project in portions. Its origins go all at once, since they are counted elsewhere, and
/// its credentials with their data keys after everything else. A test holds this against the schema.
pub const ROWS_OF_DELETED_PROJECTS: [&str; 11] = [
    "api_keys",
    "rate_limits",
    "idempotency_keys",
    "webhook_events",
    "webhook_work",
    "chores",
    "setup_intents",
    "payment_methods",
    "customers",
    "stripe_reads",
    "operations",
];

/// What is still to be ended before a project's rows can go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Operations that have begun and not ended.
    pub operations: u64,
    /// Payment methods that are not deleted.
    pub payment_methods: u64,
}

impl Remaining {
    /// Whether nothing is.
    pub const fn is_nothing(self) -> bool {
        self.operations == 0 && self.payment_methods == 0
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// A project's row while it is being deleted.
#[diesel::dsl::auto_type]
fn going(id: String) -> _ {
    projects::table
        .filter(projects::id.eq(id))
        .filter(projects::deletion_began_at.is_not_null())
        .filter(projects::deleted_at.is_null())
}

impl Projects {
    /// Begins to delete a project, which shuts it, or leaves a deletion as it is. Says whether there is such a project.
    pub async fn begin_deletion(&self, id: &ProjectId) -> Result<bool, StoreError> {
        in_shared_transaction!(self.database, |connection| {
            let begun = diesel::update(
                projects::table
                    .filter(projects::id.eq(id.as_str()))
                    .filter(projects::deletion_began_at.is_null()),
            )
            .set((
                projects::deletion_began_at.eq(database_now().nullable()),
                projects::deletion_due_at.eq(database_now().nullable()),
                projects::revision.eq(projects::revision + 1),
            ))
            .execute(connection)
            .await?;
            diesel::update(going(id.to_string()).filter(projects::disabled_at.is_null()))
                .set(projects::disabled_at.eq(database_now().nullable()))
                .execute(connection)
                .await?;
            let going: i64 = going(id.to_string()).count().get_result(connection).await?;
            Ok(begun == 1 || going == 1)
        })
    }

    /// Some of the projects whose deletion somebody should go on with, those that waited longest first.
    pub async fn deletions_due(&self) -> Result<Vec<ProjectId>, StoreError> {
        project_names(read_shared!(
            self.database,
            projects::table
                .filter(projects::deletion_due_at.le(database_now().nullable()))
                .order(projects::deletion_due_at)
                .select(projects::id)
                .limit(PROJECTS_IN_A_ROUND) => String
        )?)
    }

    /// Whether the project of this name was deleted, to the end.
    pub async fn is_deleted(&self, id: &ProjectId) -> Result<bool, StoreError> {
        let found = read_shared!(
            self.database,
            projects::table
                .filter(projects::id.eq(id.to_string()))
                .filter(projects::deleted_at.is_not_null())
                .select(projects::id) => String
        )?;
        Ok(!found.is_empty())
    }

    /// Takes a deletion that is due: for this long nobody else does. Says whether the caller has it.
    pub async fn claim_deletion(&self, id: &ProjectId, holds: Duration) -> Result<bool, StoreError> {
        with_shared_connection!(self.database, |connection| {
            let due = going(id.to_string()).filter(projects::deletion_due_at.le(database_now().nullable()));
            let claimed = diesel::update(due)
                .set(projects::deletion_due_at.eq(database_time_in(seconds(holds)).nullable()))
                .execute(connection)
                .await?;
            Ok(claimed == 1)
        })
    }

    /// Lets the deletion be due after a while: soon to give it back, later to go on holding it.
    pub async fn put_off_deletion(&self, id: &ProjectId, until: Duration) -> Result<(), StoreError> {
        with_shared_connection!(self.database, |connection| {
            diesel::update(going(id.to_string()))
                .set(projects::deletion_due_at.eq(database_time_in(seconds(until)).nullable()))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Whether the project has been shut for so long that no instance takes it for open any more.
    pub async fn has_settled(&self, id: &ProjectId, settled_after: Duration) -> Result<bool, StoreError> {
        let settled = read_shared!(
            self.database,
            going(id.to_string())
                .filter(projects::disabled_at.le(database_time_in(-seconds(settled_after)).nullable()))
                .select(projects::id) => String
        )?;
        Ok(!settled.is_empty())
    }

    /// What is still to be ended at Stripe.
    pub async fn remaining(&self, scope: &ProjectScope) -> Result<Remaining, StoreError> {
        let project = scope.project().to_string();
        let operations = read!(
            self.database,
            scope,
            operations::table.filter(operations::project_id.eq(project.clone())).count() => i64
        )?;
        let payment_methods = read!(
            self.database,
            scope,
            payment_methods::table
                .filter(payment_methods::project_id.eq(project.clone()))
                .filter(payment_methods::deleted_at.is_null())
                .count() => i64
        )?;
        let count = |counts: Vec<i64>| u64::try_from(counts.into_iter().sum::<i64>()).unwrap_or_default();
        Ok(Remaining {
            operations: count(operations),
            payment_methods: count(payment_methods),
        })
    }

    /// Removes at most so many of the project's rows from each table, but none of its credentials. Says how many went.
    pub async fn remove_rows(&self, scope: &ProjectScope, at_once: i64) -> Result<usize, StoreError> {
        let mut removed = 0;
        for table in ROWS_OF_DELETED_PROJECTS {
            removed += self.remove_rows_of(table, scope, at_once).await?;
        }
        let cors_origins = CorsOrigins::new(self.database.clone());
        let origins = cors_origins.of_project(scope).await?;
        if !origins.is_empty() {
            cors_origins.replace(scope, &[]).await?;
        }
        Ok(removed + origins.len())
    }

    async fn remove_rows_of(
        &self,
        table: &str,
        scope: &ProjectScope,
        at_once: i64,
    ) -> Result<usize, StoreError> {
        let project = scope.project().as_str();
        traced!(
            self.database,
            match &self.database.engine {
                Engine::Postgres(postgres) => {
                    let statement = format!(
                        "delete from {table} where ctid = any(array(\
                         select ctid from {table} where project_id = $1 limit $2)) and project_id = $1"
                    );
                    postgres_transaction!(postgres, Some(scope.project()), |connection| {
                        let removed = diesel::sql_query(statement)
                            .bind::<sql_types::Text, _>(project)
                            .bind::<sql_types::BigInt, _>(at_once)
                            .execute(connection)
                            .await?;
                        Ok(removed)
                    })
                }
                Engine::Sqlite(sqlite) => {
                    let statement = format!(
                        "delete from {table} where rowid in (\
                         select rowid from {table} where project_id = ?1 limit ?2)"
                    );
                    let mut connection = sqlite.writer().await?;
                    let removed = diesel::sql_query(statement)
                        .bind::<sql_types::Text, _>(project)
                        .bind::<sql_types::BigInt, _>(at_once)
                        .execute(&mut *connection)
                        .await?;
                    Ok(removed)
                }
            }
        )
    }

    /// Ends the deletion of a project that has settled and has nothing left: wipes its credentials and keeps its name, and
    /// its audit log.
    /// Says whether it did; where something has come meanwhile, nothing is changed.
    pub async fn finish_deletion(
        &self,
        scope: &ProjectScope,
        settled_after: Duration,
    ) -> Result<bool, StoreError> {
        let project = scope.project();
        if !self.has_settled(project, settled_after).await? || self.remove_rows(scope, 1).await? > 0 {
            return Ok(false);
        }
        in_transaction!(self.database, scope, |connection| {
            let ended = diesel::update(going(project.to_string()))
                .set((
                    projects::deleted_at.eq(database_now().nullable()),
                    projects::deletion_due_at.eq(None::<StoredInstant>),
                    projects::stripe_account_id.eq(None::<String>),
                    projects::account_shared.eq(0),
                    projects::revision.eq(projects::revision + 1),
                ))
                .execute(connection)
                .await?;
            if ended == 0 {
                return Ok(false);
            }
            let of_project =
                stripe_credentials::table.filter(stripe_credentials::project_id.eq(project.as_str()));
            diesel::delete(of_project).execute(connection).await?;
            // Without its data keys no copy of the credentials opens.
            let of_project =
                project_data_keys::table.filter(project_data_keys::project_id.eq(project.as_str()));
            diesel::delete(of_project).execute(connection).await?;
            Ok(true)
        })
    }
}
