//! The operations that have begun and not ended: for whoever drives them to their end, and for whoever watches.

use billfold_domain::{ProjectId, ProjectScope};
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    Operation, Operations, StoreError, Subject,
    database::{in_transaction, read, read_shared, with_connection},
    operation::{COLUMNS, Row, operation},
    operations::LEASE_SECONDS,
    row_security::{ProjectAtHand, project_names, projects_due_even_shut},
    schema::operations,
    sql_types::{StatementTime, database_now, database_time_in},
};

/// How often a claim that another was quicker to make is tried on another operation.
const CLAIM_TRIES: usize = 16;

/// How many projects are worked on before it is looked again who waits longest.
const PROJECTS_IN_A_ROUND: i64 = 64;

/// Raises the fence of the operation of this name and gives it, or `None` while another holds it. An expression, since it is
/// compiled for each database's connection.
macro_rules! take_over {
    ($connection:expr, $scope:expr, $id:expr) => {
        diesel::update(
            operations::table
                .filter(operations::project_id.eq($scope.project().as_str()))
                .filter(operations::id.eq($id))
                .filter(operations::lease_expires_at.lt(database_now())),
        )
        .set((
            operations::fence.eq(operations::fence + 1),
            operations::lease_expires_at.eq(database_time_in(LEASE_SECONDS)),
            operations::next_attempt_at.eq(database_time_in(LEASE_SECONDS)),
        ))
        .returning(COLUMNS)
        .get_result::<Row>($connection)
        .await
        .optional()?
    };
}

/// Since when an operation of the project at hand waits for somebody to claim it.
#[diesel::dsl::auto_type]
fn waiting_since() -> _ {
    operations::table
        .filter(operations::project_id.eq(ProjectAtHand))
        .filter(operations::next_attempt_at.le(StatementTime))
        .filter(operations::lease_expires_at.lt(StatementTime))
        .order(operations::next_attempt_at)
        .select(operations::next_attempt_at)
        .single_value()
}

impl Operations {
    /// Some of the projects that have operations to claim, those that waited longest first. Shut projects are among them:
    /// what was begun at Stripe is ended whatever becomes of the project, and put off like any other where it cannot be.
    /// Names only: whoever works on one does so within it.
    pub async fn projects_due(&self) -> Result<Vec<ProjectId>, StoreError> {
        project_names(read_shared!(
            self.database,
            projects_due_even_shut(waiting_since(), PROJECTS_IN_A_ROUND) => String
        )?)
    }

    /// Claims the project's operation that has waited longest for another attempt, or `None` when none is due.
    /// [`StoreError::Internal`] when it cannot be read; it is put off all the same, so that the next call finds another.
    pub async fn claim_due(&self, scope: &ProjectScope) -> Result<Option<Operation>, StoreError> {
        let claimed: Result<Option<Row>, StoreError> = in_transaction!(self.database, scope, |connection| {
            for _ in 0..CLAIM_TRIES {
                let due = operations::table
                    .filter(operations::project_id.eq(scope.project().as_str()))
                    .filter(operations::next_attempt_at.le(database_now()))
                    .filter(operations::lease_expires_at.lt(database_now()))
                    .order(operations::next_attempt_at)
                    .select(operations::id)
                    .first::<String>(connection)
                    .await
                    .optional()?;
                let Some(id) = due else { return Ok(None) };
                let claimed = take_over!(connection, scope, &id);
                if claimed.is_some() {
                    return Ok(claimed);
                }
                // Another has claimed it since: the next look finds another one.
            }
            Ok(None)
        });
        // Only after the commit: a row that cannot be read must not take its claim back and be the first for ever.
        claimed?.map(operation).transpose()
    }

    /// Claims the operation of this name before its next attempt is due, or gives `None` when another holds it or it has
    /// ended.
    pub async fn claim(&self, scope: &ProjectScope, id: &str) -> Result<Option<Operation>, StoreError> {
        let claimed: Result<Option<Row>, StoreError> =
            with_connection!(self.database, scope, |connection| Ok(take_over!(
                connection, scope, id
            )));
        claimed?.map(operation).transpose()
    }

    /// At most `limit` of the project's open operations, by name, which is by age; those after a name.
    pub async fn open(
        &self,
        scope: &ProjectScope,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Operation>, StoreError> {
        let found = read!(
            self.database,
            scope,
            operations::table
                .filter(operations::project_id.eq(scope.project().to_string()))
                .filter(operations::id.gt(after.unwrap_or_default().to_owned()))
                .order(operations::id)
                .select(COLUMNS)
                .limit(limit) => Row
        )?;
        found.into_iter().map(operation).collect()
    }

    /// Whether an operation is open on the subject.
    pub async fn is_open(&self, scope: &ProjectScope, subject: &Subject) -> Result<bool, StoreError> {
        let open = read!(
            self.database,
            scope,
            operations::table
                .filter(operations::project_id.eq(scope.project().to_string()))
                .filter(operations::subject.eq(subject.to_text()))
                .select(operations::id) => String
        )?;
        Ok(!open.is_empty())
    }

    /// Whether the operation of this name is open.
    pub async fn is_open_by_name(&self, scope: &ProjectScope, id: &str) -> Result<bool, StoreError> {
        let found = read!(
            self.database,
            scope,
            operations::table
                .filter(operations::project_id.eq(scope.project().to_string()))
                .filter(operations::id.eq(id.to_owned()))
                .select(operations::id) => String
        )?;
        Ok(!found.is_empty())
    }

    /// How many of the project's operations have begun and not ended, whoever holds them.
    pub async fn count_open(&self, scope: &ProjectScope) -> Result<u64, StoreError> {
        let counts = read!(
            self.database,
            scope,
            operations::table
                .filter(operations::project_id.eq(scope.project().to_string()))
                .count() => i64
        )?;
        let count = counts.into_iter().next().unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }
}
