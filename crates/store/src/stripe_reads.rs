//! The background's reads of Stripe: numbered, so that an older one never overwrites a newer one's result, and paced,
//! so that a project's own calls always find room within its account's limit. Stripe limits accounts and this pace is kept by
//! project; what all calls on an account may be together is bounded where they are made.

use std::time::Duration;

use billfold_domain::ProjectScope;
use diesel::{
    ExpressionMethods as _, QueryDsl as _, QueryResult,
    expression::ValidGrouping,
    pg::Pg,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Nullable},
    sqlite::Sqlite,
};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::with_connection,
    schema::stripe_reads,
    sql_types::{Instant, StoredInstant, database_now},
};

/// The time between two calls of the background for one project: five a second, whatever the number of instances.
const CALL_INTERVAL: Duration = Duration::from_millis(200);

/// The right to read something at Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripeRead {
    /// Higher than that of every read that was granted before, and so of every one whose result is recorded.
    pub number: i64,
    /// How long to wait before the call.
    pub wait: Duration,
}

diesel::define_sql_function! {
    /// The first of the two that is not null.
    fn coalesce(first: Nullable<BigInt>, second: BigInt) -> BigInt;
}

/// The number of the newest read that was granted for a project. What is written now is newer than what was read until
/// now.
#[diesel::dsl::auto_type]
pub(crate) fn newest_read(project: String) -> _ {
    let last = stripe_reads::table
        .filter(stripe_reads::project_id.eq(project))
        .select(stripe_reads::last_read)
        .single_value();
    coalesce(last, 0_i64)
}

/// The reads of every project, each call within one.
#[derive(Clone, Debug)]
pub struct StripeReads {
    database: Database,
}

impl StripeReads {
    /// The reads in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Grants the project's next read, in one statement.
    pub async fn next(&self, scope: &ProjectScope) -> Result<StripeRead, StoreError> {
        let granted: Result<(i64, StoredInstant, StoredInstant), StoreError> =
            with_connection!(self.database, scope, |connection| {
                let granted = diesel::insert_into(stripe_reads::table)
                    .values((
                        stripe_reads::project_id.eq(scope.project().as_str()),
                        stripe_reads::last_read.eq(1),
                        stripe_reads::next_call_at.eq(database_now()),
                    ))
                    .on_conflict(stripe_reads::project_id)
                    .do_update()
                    .set((
                        stripe_reads::last_read.eq(stripe_reads::last_read + 1),
                        stripe_reads::next_call_at.eq(NextCall::in_turn()),
                    ))
                    .returning((
                        stripe_reads::last_read,
                        stripe_reads::next_call_at,
                        database_now(),
                    ))
                    .get_result(connection)
                    .await?;
                Ok(granted)
            });
        let (number, call_at, now) = granted?;
        let wait = call_at.0.microseconds().saturating_sub(now.0.microseconds());
        Ok(StripeRead {
            number,
            wait: Duration::from_micros(u64::try_from(wait).unwrap_or(0)),
        })
    }
}

/// When the next call may be made: an interval after the last, or now when that is over.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
struct NextCall {
    interval_microseconds: i64,
}

impl NextCall {
    fn in_turn() -> Self {
        Self {
            interval_microseconds: i64::try_from(CALL_INTERVAL.as_micros()).unwrap_or(i64::MAX),
        }
    }
}

impl diesel::expression::Expression for NextCall {
    type SqlType = Instant;
}

impl diesel::expression::AppearsOnTable<stripe_reads::table> for NextCall {}

impl QueryFragment<Pg> for NextCall {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("greatest(stripe_reads.next_call_at + ");
        out.push_bind_param::<BigInt, _>(&self.interval_microseconds)?;
        out.push_sql(" * interval '1 microsecond', clock_timestamp())");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for NextCall {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("max(stripe_reads.next_call_at + ");
        out.push_bind_param::<BigInt, _>(&self.interval_microseconds)?;
        out.push_sql(", cast(round(unixepoch('subsec') * 1000) as integer) * 1000)");
        Ok(())
    }
}
