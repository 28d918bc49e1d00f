//! The audit log: what was asked of each project, by whom, and what came of it. Events are added and never changed.

use billfold_domain::{
    AuditEvent, AuditEventId, AuditPageRequest, Page, Position, ProjectScope, UtcTimestamp,
};
use diesel::{
    ExpressionMethods as _, QueryDsl as _, QueryResult, SqliteConnection,
    result::{DatabaseErrorKind, Error as DieselError},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};

use crate::{
    Database, StoreError,
    append_only::{AppendOnly, Forgets as _},
    audit_event_page::{Direction, EventsQuery, Point},
    audit_event_row::AuditEventRow,
    database::{Engine, in_transaction, postgres_transaction, read},
    query_span::traced,
    schema::audit_events,
    sql_types::StoredInstant,
};

/// How many rows one statement writes in PostgreSQL: well below the number of parameters that it may have.
const ROWS_IN_A_STATEMENT: usize = 500;

/// The audit log of every project, each call within one.
#[derive(Clone, Debug)]
pub struct AuditEvents {
    database: Database,
}

#[diesel::dsl::auto_type]
fn of_project(project: String) -> _ {
    audit_events::table.filter(audit_events::project_id.eq(project))
}

/// The columns of a row, in its order.
macro_rules! columns {
    () => {
        (
            audit_events::id,
            audit_events::created_at,
            audit_events::caller_kind,
            audit_events::subject,
            audit_events::issuer,
            audit_events::key_id,
            audit_events::request_id,
            audit_events::operation_id,
            audit_events::action,
            audit_events::object_type,
            audit_events::object_id,
            audit_events::user_id,
            audit_events::outcome,
            audit_events::status,
            audit_events::code,
        )
    };
}

impl AuditEvents {
    /// The audit log in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds events to the project's log, all or none of them. [`StoreError::NoProject`] when there is no such project.
    pub async fn append(&self, scope: &ProjectScope, events: &[AuditEvent]) -> Result<(), StoreError> {
        let project = scope.project().to_string();
        let rows: Vec<_> = events.iter().map(AuditEventRow::of).collect();
        traced!(
            self.database,
            match &self.database.engine {
                Engine::Postgres(postgres) => {
                    postgres_transaction!(postgres, Some(scope.project()), |connection| {
                        append_in_postgres(connection, &project, &rows)
                            .await
                            .map_err(without_project)
                    })
                }
                // One visit to the thread that writes, not one for each row.
                Engine::Sqlite(sqlite) => {
                    let mut guard = sqlite.writer().await?;
                    guard
                        .spawn_blocking(move |connection| {
                            connection.immediate_transaction(|connection| {
                                append_in_sqlite(connection, &project, rows)
                            })
                        })
                        .await
                        .map_err(without_project)
                }
            }
        )
    }

    /// A page of the project's log, newest first, or `None` when its position is no event of it.
    pub async fn page(
        &self,
        scope: &ProjectScope,
        request: &AuditPageRequest,
    ) -> Result<Option<Page<AuditEvent>>, StoreError> {
        let (cursor, direction) = match &request.position {
            Position::Start => (None, Direction::Older),
            Position::After(id) => (Some(id), Direction::Older),
            Position::Before(id) => (Some(id), Direction::Newer),
        };
        let point = match cursor {
            None => None,
            Some(id) => match self.point(scope, id).await? {
                Some(point) => Some(point),
                None => return Ok(None),
            },
        };
        let limit = request.limit.items();
        let one_more = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
        let query = EventsQuery::new(scope, request, point, direction, one_more);
        let mut rows = read!(self.database, scope, query.clone() => AuditEventRow)?;
        let has_more_beyond = rows.len() > limit && limit > 0;
        rows.truncate(limit);
        // Nothing is newer than the start of the list.
        let has_more_behind = !rows.is_empty()
            && cursor.is_some()
            && !read!(self.database, scope, query.clone().behind() => AuditEventRow)?.is_empty();
        let mut items = rows
            .into_iter()
            .map(AuditEvent::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        let (has_more_after, has_more_before) = match direction {
            Direction::Older => (has_more_beyond, has_more_behind),
            Direction::Newer => (has_more_behind, has_more_beyond),
        };
        if direction == Direction::Newer {
            items.reverse();
        }
        Ok(Some(Page {
            items,
            has_more_after,
            has_more_before,
        }))
    }

    async fn point(&self, scope: &ProjectScope, id: &AuditEventId) -> Result<Option<Point>, StoreError> {
        let found = read!(
            self.database,
            scope,
            of_project(scope.project().to_string())
                .filter(audit_events::id.eq(id.to_string()))
                .select(audit_events::created_at) => StoredInstant
        )?;
        Ok(found
            .into_iter()
            .next()
            .map(|created_at| Point::new(created_at.0, id)))
    }

    /// What the log tells of an operation, oldest first.
    pub async fn of_operation(
        &self,
        scope: &ProjectScope,
        operation: &str,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let found = read!(
            self.database,
            scope,
            of_project(scope.project().to_string())
                .filter(audit_events::operation_id.eq(operation.to_owned()))
                .order((audit_events::created_at, audit_events::id))
                .select(columns!()) => AuditEventRow
        )?;
        found.into_iter().map(AuditEvent::try_from).collect()
    }

    /// Deletes some of the project's events that were written before a time, the oldest first, and says how many. In
    /// PostgreSQL only the tables' owner may: [`StoreError::Internal`] for anyone else.
    pub async fn forget_older(
        &self,
        scope: &ProjectScope,
        before: UtcTimestamp,
        limit: i64,
    ) -> Result<usize, StoreError> {
        let project = scope.project().to_string();
        in_transaction!(self.database, scope, |connection| {
            let old: Vec<String> = of_project(project.clone())
                .filter(audit_events::created_at.lt(StoredInstant(before)))
                .order((audit_events::created_at, audit_events::id))
                .select(audit_events::id)
                .limit(limit)
                .load(connection)
                .await?;
            if old.is_empty() {
                return Ok(0);
            }
            let refusal = connection.allow_deletion(AppendOnly::AuditEvents).await?;
            let forgotten = diesel::delete(
                audit_events::table
                    .filter(audit_events::project_id.eq(project.as_str()))
                    .filter(audit_events::id.eq_any(old)),
            )
            .execute(connection)
            .await?;
            connection.refuse_deletion(refusal).await?;
            Ok(forgotten)
        })
    }
}

/// The only other table that the log's refers to is that of the projects.
pub(crate) fn without_project(error: DieselError) -> StoreError {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => StoreError::NoProject,
        error => error.into(),
    }
}

async fn append_in_postgres(
    connection: &mut AsyncPgConnection,
    project: &str,
    rows: &[AuditEventRow],
) -> QueryResult<()> {
    for rows in rows.chunks(ROWS_IN_A_STATEMENT) {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (audit_events::project_id.eq(project), row))
            .collect();
        diesel::insert_into(audit_events::table)
            .values(rows)
            .execute(connection)
            .await?;
    }
    Ok(())
}

fn append_in_sqlite(
    connection: &mut SqliteConnection,
    project: &str,
    rows: Vec<AuditEventRow>,
) -> QueryResult<()> {
    for row in rows {
        let adding =
            diesel::insert_into(audit_events::table).values((audit_events::project_id.eq(project), row));
        diesel::RunQueryDsl::execute(adding, connection)?;
    }
    Ok(())
}
