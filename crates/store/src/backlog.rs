//! How much has begun and not ended, in all projects together: for whoever watches the installation. Numbers and ages alone.

use std::time::Duration;

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Double, Text},
    sqlite::Sqlite,
};

use crate::{Database, OperationKind, StoreError, database::read_shared};

/// How many of something wait, and how long the one does that waits longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many there are.
    pub number: usize,
    /// How long the first of them waits.
    pub longest: Duration,
}

/// What has begun and not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    operations: [Waiting; OperationKind::ALL.len()],
    /// Objects that webhooks told of and that should be looked at by now, or are being looked at; since when they should.
    pub webhooks_due: Waiting,
    /// The same that are looked at again later, because they or their project cannot be looked at just now.
    pub webhooks_postponed: Waiting,
    /// The same that are looked at no more until another webhook tells of them.
    pub webhooks_parked: Waiting,
}

impl Backlog {
    /// The open operations of each kind, and the age of the oldest.
    pub fn operations(&self) -> [(OperationKind, Waiting); OperationKind::ALL.len()] {
        std::array::from_fn(|place| (OperationKind::ALL[place], self.operations[place]))
    }
}

impl Database {
    /// What has begun and not ended in every project that is not deleted, by the database's clock.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        let rows = read_shared!(self, Everything => Row)?;
        let mut backlog = Backlog::default();
        for (of, kind, number, seconds) in rows {
            let waiting = Waiting {
                number: usize::try_from(number).unwrap_or_default(),
                longest: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
            };
            let place = match (of.as_str(), kind.as_str()) {
                ("webhook", "due") => Some(&mut backlog.webhooks_due),
                ("webhook", "postponed") => Some(&mut backlog.webhooks_postponed),
                ("webhook", "parked") => Some(&mut backlog.webhooks_parked),
                (_, kind) => OperationKind::ALL
                    .iter()
                    .position(|known| known.as_str() == kind)
                    .map(|place| &mut backlog.operations[place]),
            };
            // Another version's instance may have begun what this one does not know.
            if let Some(place) = place {
                *place = waiting;
            }
        }
        Ok(backlog)
    }
}

/// What it is, of which kind, how many, and for how many seconds the first.
type Row = (String, String, i64, f64);

/// All that waits. In PostgreSQL it goes from project to project, under the policy of each while it counts there, and no row
/// leaves it: only their number and the greatest age.
#[derive(Clone, Copy, Debug, QueryId)]
struct Everything;

impl Query for Everything {
    type SqlType = (Text, Text, BigInt, Double);
}

impl QueryFragment<Pg> for Everything {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "select b.of, b.kind, sum(b.number)::bigint, max(b.seconds)::float8 from projects p cross join lateral (\
             select x.* from (select set_config('app.project', p.id, true) as project offset 0) s cross join lateral (\
             select 'operation' as of, kind, count(*) as number, \
             extract(epoch from statement_timestamp() - min(created_at)) as seconds \
             from operations where project_id = s.project group by kind \
             union all \
             select 'webhook', case when parked_at is not null then 'parked' \
             when next_attempt_at <= statement_timestamp() then 'due' else 'postponed' end as state, count(*), \
             extract(epoch from statement_timestamp() - min(next_attempt_at)) \
             from webhook_work where project_id = s.project group by state offset 0) x \
             where s.project is not null offset 0) b where p.deleted_at is null group by b.of, b.kind",
        );
        Ok(())
    }
}

impl QueryFragment<Sqlite> for Everything {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "select 'operation', kind, count(*), unixepoch('subsec') - min(created_at) / 1000000.0 \
             from operations where project_id in (select id from projects where deleted_at is null) group by kind \
             union all \
             select 'webhook', case when parked_at is not null then 'parked' \
             when next_attempt_at <= unixepoch('subsec') * 1000000 then 'due' else 'postponed' end as state, count(*), \
             unixepoch('subsec') - min(next_attempt_at) / 1000000.0 from webhook_work \
             where project_id in (select id from projects where deleted_at is null) group by state",
        );
        Ok(())
    }
}

impl<Connection> diesel::RunQueryDsl<Connection> for Everything {}
