//! What Stripe told of by webhook: each event once, and in the same transaction the work that it makes.

use std::collections::{BTreeMap, BTreeSet};

use billfold_domain::{ProjectScope, UtcTimestamp};
use diesel::{ExpressionMethods as _, Insertable, QueryDsl as _, QueryResult, SqliteConnection};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};

use crate::{
    Database, StoreError, WebhookObject,
    database::{Engine, in_transaction, postgres_transaction, read},
    query_span::traced,
    schema::{webhook_events, webhook_work},
    sql_types::{StoredInstant, database_now, database_time_in},
};

/// How many rows one statement writes in PostgreSQL: well below the number of parameters that it may have.
const ROWS_IN_A_STATEMENT: usize = 500;

/// An event that has been delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhookEvent {
    /// Stripe's identifier, by which deliveries of one event are told to be one within a project.
    pub id: String,
    /// What happened, as Stripe names it.
    pub event_type: String,
    /// The type of the object that it is about, as Stripe names it.
    pub object_type: String,
    /// The object that it is about, where it has an identifier.
    pub object_id: Option<String>,
    /// When it happened, by Stripe.
    pub created_at: UtcTimestamp,
    /// The object to look at anew because of it, or `None` where the event is only kept.
    pub work: Option<WebhookObject>,
}

/// An event on its way into its row. Owned, since SQLite writes on a thread of its own.
#[derive(Insertable)]
#[diesel(table_name = webhook_events)]
#[diesel(treat_none_as_default_value = false)]
struct EventRow {
    project_id: String,
    id: String,
    event_type: String,
    object_type: String,
    object_id: Option<String>,
    created_at: StoredInstant,
    received_at: StoredInstant,
}

/// The events of one transaction.
struct Batch {
    project: String,
    /// One for each event, by its identifier: transactions that write the same rows write them in one order, so that
    /// none waits for another that waits for it.
    rows: Vec<EventRow>,
    /// What each event makes to be looked at.
    work: BTreeMap<String, WebhookObject>,
}

impl Batch {
    fn of(scope: &ProjectScope, events: &[NewWebhookEvent], now: UtcTimestamp) -> Self {
        let project = scope.project().to_string();
        let by_id: BTreeMap<&str, &NewWebhookEvent> =
            events.iter().map(|event| (event.id.as_str(), event)).collect();
        let rows = by_id.values().map(|event| EventRow {
            project_id: project.clone(),
            id: event.id.clone(),
            event_type: event.event_type.clone(),
            object_type: event.object_type.clone(),
            object_id: event.object_id.clone(),
            created_at: StoredInstant(event.created_at),
            received_at: StoredInstant(now),
        });
        let work = by_id
            .values()
            .filter_map(|event| Some((event.id.clone(), event.work.clone()?)));
        Self {
            rows: rows.collect(),
            work: work.collect(),
            project,
        }
    }

    /// The objects that these new events make to be looked at, one each and in one order.
    fn objects(&self, new: &[String]) -> BTreeSet<(&'static str, &str)> {
        new.iter()
            .filter_map(|id| self.work.get(id))
            .map(WebhookObject::key)
            .collect()
    }
}

/// Work as it is when an event makes it.
macro_rules! fresh_work {
    ($project:expr, $object:expr) => {
        (
            webhook_work::project_id.eq($project),
            webhook_work::object_type.eq($object.0),
            webhook_work::object_id.eq($object.1),
            webhook_work::version.eq(1),
            webhook_work::next_attempt_at.eq(database_now()),
            webhook_work::lease_expires_at.eq(database_time_in(-1)),
        )
    };
}

/// Writes work, or makes what is there already due again under a higher version. Whoever is at it right now keeps it
/// until it has ended, and then finds that it is not done.
macro_rules! upsert_work {
    ($values:expr) => {
        diesel::insert_into(webhook_work::table)
            .values($values)
            .on_conflict((
                webhook_work::project_id,
                webhook_work::object_type,
                webhook_work::object_id,
            ))
            .do_update()
            .set((
                webhook_work::version.eq(webhook_work::version + 1),
                webhook_work::next_attempt_at.eq(database_now()),
                webhook_work::attempts.eq(0),
                webhook_work::parked_at.eq(None::<StoredInstant>),
            ))
    };
}

/// The events of every project, each call within one.
#[derive(Clone, Debug)]
pub struct WebhookEvents {
    database: Database,
}

impl WebhookEvents {
    /// The events in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Stores events as [`WebhookEvents::record_new`] does, and gives the number of new ones.
    pub async fn record(
        &self,
        scope: &ProjectScope,
        events: &[NewWebhookEvent],
        now: UtcTimestamp,
    ) -> Result<usize, StoreError> {
        Ok(self.record_new(scope, events, now).await?.len())
    }

    /// Stores events, and with those that were not stored before the work that they make, in one transaction. Gives the
    /// identifiers of the new ones. When it fails nothing is stored.
    pub async fn record_new(
        &self,
        scope: &ProjectScope,
        events: &[NewWebhookEvent],
        now: UtcTimestamp,
    ) -> Result<Vec<String>, StoreError> {
        let batch = Batch::of(scope, events, now);
        traced!(
            self.database,
            match &self.database.engine {
                Engine::Postgres(postgres) => {
                    postgres_transaction!(postgres, Some(scope.project()), |connection| Ok(
                        record_in_postgres(connection, &batch).await?
                    ))
                }
                // One visit to the thread that writes, not one for each statement.
                Engine::Sqlite(sqlite) => {
                    let mut guard = sqlite.writer().await?;
                    let recorded = guard
                        .spawn_blocking(move |connection| {
                            connection
                                .immediate_transaction(|connection| record_in_sqlite(connection, &batch))
                        })
                        .await;
                    Ok(recorded?)
                }
            }
        )
    }

    /// How many events of the project are kept.
    pub async fn count(&self, scope: &ProjectScope) -> Result<i64, StoreError> {
        let count = read!(
            self.database,
            scope,
            webhook_events::table
                .filter(webhook_events::project_id.eq(scope.project().to_string()))
                .count() => i64
        )?;
        Ok(count.into_iter().next().unwrap_or_default())
    }

    /// Forgets some of the events that were received before a time, the oldest first, and says how many. A delivery of one
    /// that is forgotten would be new again, so only what Stripe delivers no more may be.
    pub async fn forget_older(
        &self,
        scope: &ProjectScope,
        before: UtcTimestamp,
        limit: i64,
    ) -> Result<usize, StoreError> {
        let project = scope.project().as_str();
        in_transaction!(self.database, scope, |connection| {
            let old: Vec<String> = webhook_events::table
                .filter(webhook_events::project_id.eq(project))
                .filter(webhook_events::received_at.lt(StoredInstant(before)))
                .order(webhook_events::received_at)
                .select(webhook_events::id)
                .limit(limit)
                .load(connection)
                .await?;
            let forgotten = diesel::delete(
                webhook_events::table
                    .filter(webhook_events::project_id.eq(project))
                    .filter(webhook_events::id.eq_any(old)),
            )
            .execute(connection)
            .await?;
            Ok(forgotten)
        })
    }
}

async fn record_in_postgres(connection: &mut AsyncPgConnection, batch: &Batch) -> QueryResult<Vec<String>> {
    let mut new = Vec::new();
    for rows in batch.rows.chunks(ROWS_IN_A_STATEMENT) {
        let stored: Vec<String> = diesel::insert_into(webhook_events::table)
            .values(rows)
            .on_conflict_do_nothing()
            .returning(webhook_events::id)
            .get_results(connection)
            .await?;
        new.extend(stored);
    }
    let objects: Vec<_> = batch.objects(&new).into_iter().collect();
    for objects in objects.chunks(ROWS_IN_A_STATEMENT) {
        let work: Vec<_> = objects
            .iter()
            .map(|object| fresh_work!(batch.project.as_str(), object))
            .collect();
        upsert_work!(work).execute(connection).await?;
    }
    Ok(new)
}

fn record_in_sqlite(connection: &mut SqliteConnection, batch: &Batch) -> QueryResult<Vec<String>> {
    let mut new = Vec::new();
    for row in &batch.rows {
        let store = diesel::insert_into(webhook_events::table)
            .values(row)
            .on_conflict_do_nothing();
        if diesel::RunQueryDsl::execute(store, connection)? == 1 {
            new.push(row.id.clone());
        }
    }
    for object in batch.objects(&new) {
        let upsert = upsert_work!(fresh_work!(batch.project.as_str(), object));
        diesel::RunQueryDsl::execute(upsert, connection)?;
    }
    Ok(new)
}
