//! Token buckets that all instances share exactly: for what is dear, and costs a call to Stripe anyway.
//!
//! A bucket is one point in time, as in [`billfold_domain::Bucket`], by the database's clock. A token is taken in one
//! statement, so two instances never take the same one.

use std::time::Duration;

use billfold_domain::{Pace, ProjectScope, RateLimit, UserId};
use diesel::{
    ExpressionMethods as _, QueryDsl as _, QueryResult,
    expression::ValidGrouping,
    pg::Pg,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::BigInt,
    sqlite::Sqlite,
};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{in_transaction, with_connection},
    schema::rate_limits,
    sql_types::{Instant, StoredInstant, database_now},
};

/// What is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// Making setup intents.
    SetupIntents,
    /// Cards that are refused.
    FailedCards,
}

impl TokenKind {
    const ALL: [Self; 2] = [Self::SetupIntents, Self::FailedCards];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SetupIntents => "setupIntents",
            Self::FailedCards => "failedCards",
        }
    }
}

/// A token to take, and the bucket that it is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it allows.
    pub kind: TokenKind,
    /// Whose bucket it is: a user's, or the project's as a whole.
    pub user: Option<UserId>,
    /// How the bucket fills.
    pub limit: RateLimit,
}

impl Token {
    pub(crate) fn subject(&self) -> &str {
        self.user.as_ref().map_or("", UserId::as_str)
    }
}

/// What came of asking for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// All of them are taken.
    Taken,
    /// None is taken: this one is not there.
    Refused {
        /// The token that is not there.
        lacking: Token,
        /// After how long it will be, if nobody else takes it before. Longer than nothing.
        wait: Duration,
    },
}

/// The buckets of every project, each call within one.
#[derive(Clone, Debug)]
pub struct RateLimits {
    database: Database,
}

#[diesel::dsl::auto_type]
pub(crate) fn bucket_of<'a>(project: &'a str, subject: &'a str, kind: &'static str) -> _ {
    rate_limits::table
        .filter(rate_limits::project_id.eq(project))
        .filter(rate_limits::subject.eq(subject))
        .filter(rate_limits::kind.eq(kind))
}

/// Takes a token: makes the bucket's row, or lets it be full so much later. An expression, since it is compiled for each
/// database's connection.
macro_rules! take {
    ($scope:expr, $token:expr, $pace:expr) => {{
        use diesel::ExpressionMethods as _;
        use $crate::{
            rate_limits::{FullAt, interval},
            schema::rate_limits,
            sql_types::database_time_in_microseconds,
        };
        diesel::insert_into(rate_limits::table)
            .values((
                rate_limits::project_id.eq($scope.project().as_str()),
                rate_limits::subject.eq($token.subject()),
                rate_limits::kind.eq($token.kind.as_str()),
                rate_limits::full_at.eq(database_time_in_microseconds(interval($pace))),
            ))
            .on_conflict((rate_limits::project_id, rate_limits::subject, rate_limits::kind))
            .do_update()
            .set(rate_limits::full_at.eq(FullAt::with_one_less($pace)))
    }};
}

/// The bucket that a token is taken from.
macro_rules! bucket {
    ($scope:expr, $token:expr) => {
        $crate::rate_limits::bucket_of($scope.project().as_str(), $token.subject(), $token.kind.as_str())
    };
}

/// Puts a token back into its bucket.
macro_rules! put_back {
    ($scope:expr, $token:expr) => {{
        use diesel::ExpressionMethods as _;
        use $crate::{rate_limits::FullAt, schema::rate_limits};
        diesel::update($crate::rate_limits::bucket!($scope, $token))
            .set(rate_limits::full_at.eq(FullAt::with_one_more($token.limit.alone())))
    }};
}

/// Takes a token if it is there, and says by the number of rows whether it was: the row is locked either way.
macro_rules! take_if_there {
    ($scope:expr, $token:expr) => {{
        use diesel::ExpressionMethods as _;
        use $crate::{schema::rate_limits, sql_types::database_time_in_microseconds};
        let pace = $token.limit.alone();
        let has_one = rate_limits::full_at.le(database_time_in_microseconds($crate::rate_limits::room(pace)));
        diesel::query_dsl::methods::FilterDsl::filter(
            $crate::rate_limits::take!($scope, $token, pace),
            has_one,
        )
    }};
}

/// After how long a bucket has a token that it has not now. Whoever has failed to take it has locked the row: what is read
/// is what it saw.
macro_rules! wait_for {
    ($connection:expr, $scope:expr, $token:expr) => {{
        use diesel::{OptionalExtension as _, QueryDsl as _};
        use $crate::{
            schema::rate_limits,
            sql_types::{StoredInstant, database_now},
        };
        let times: Option<(StoredInstant, StoredInstant)> = $crate::rate_limits::bucket!($scope, $token)
            .select((rate_limits::full_at, database_now()))
            .first($connection)
            .await
            .optional()?;
        $crate::rate_limits::wait(times, $token.limit.alone())
    }};
}

pub(crate) use {bucket, put_back, take, take_if_there, wait_for};

impl RateLimits {
    /// The buckets in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Takes all of these tokens, in one transaction, or none of them. Whoever takes several names users' before the
    /// project's and each bucket in the same order, so that none waits for another that waits for it.
    pub async fn take(&self, scope: &ProjectScope, tokens: &[Token]) -> Result<Tokens, StoreError> {
        in_transaction!(self.database, scope, |connection| {
            for (position, token) in tokens.iter().enumerate() {
                if take_if_there!(scope, token).execute(connection).await? == 1 {
                    continue;
                }
                let wait = wait_for!(connection, scope, token);
                for before in &tokens[..position] {
                    put_back!(scope, before).execute(connection).await?;
                }
                return Ok(Tokens::Refused {
                    lacking: token.clone(),
                    wait,
                });
            }
            Ok(Tokens::Taken)
        })
    }

    /// Puts tokens back that were taken for nothing, in one transaction.
    pub async fn give_back(&self, scope: &ProjectScope, tokens: &[Token]) -> Result<(), StoreError> {
        in_transaction!(self.database, scope, |connection| {
            for token in tokens {
                put_back!(scope, token).execute(connection).await?;
            }
            Ok(())
        })
    }

    /// Takes tokens whether they are there or not: for what has happened already. A bucket is never emptier than empty.
    pub async fn charge(&self, scope: &ProjectScope, tokens: &[Token]) -> Result<(), StoreError> {
        in_transaction!(self.database, scope, |connection| {
            for token in tokens {
                take!(scope, token, token.limit.alone())
                    .execute(connection)
                    .await?;
            }
            Ok(())
        })
    }

    /// Forgets users' buckets that are full, and gives how many they were. The project's own stay: there are few. One kind
    /// after the other, so that whoever takes tokens of several never waits for a row that this has while it has another.
    pub async fn forget_full(&self, scope: &ProjectScope) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        for kind in TokenKind::ALL {
            let of_kind: Result<usize, StoreError> = with_connection!(self.database, scope, |connection| {
                diesel::delete(
                    rate_limits::table
                        .filter(rate_limits::project_id.eq(scope.project().as_str()))
                        .filter(rate_limits::subject.ne(""))
                        .filter(rate_limits::kind.eq(kind.as_str()))
                        .filter(rate_limits::full_at.lt(database_now())),
                )
                .execute(connection)
                .await
                .map_err(StoreError::from)
            });
            forgotten += of_kind?;
        }
        Ok(forgotten)
    }
}

fn microseconds(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How much later than now a bucket may be full and have a token.
pub(crate) fn room(pace: Pace) -> i64 {
    microseconds(pace.depth().whole_microseconds() - pace.interval().whole_microseconds())
}

/// How long it is from now until a bucket that is full at a time has a token. Longer than nothing.
pub(crate) fn wait(times: Option<(StoredInstant, StoredInstant)>, pace: Pace) -> Duration {
    let (full_at, now) = times.map_or((0, 0), |(full_at, now)| {
        (full_at.0.microseconds(), now.0.microseconds())
    });
    let wait = full_at.saturating_sub(now).saturating_sub(room(pace)).max(1);
    Duration::from_micros(wait.unsigned_abs())
}

pub(crate) fn interval(pace: Pace) -> i64 {
    microseconds(pace.interval().whole_microseconds())
}

/// When a bucket will be full, with one token less or more in it than it has.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub(crate) struct FullAt {
    /// Negative for one more.
    interval: i64,
    depth: i64,
}

impl FullAt {
    pub(crate) fn with_one_less(pace: Pace) -> Self {
        Self {
            interval: interval(pace),
            depth: microseconds(pace.depth().whole_microseconds()),
        }
    }

    pub(crate) fn with_one_more(pace: Pace) -> Self {
        Self {
            interval: -interval(pace),
            ..Self::with_one_less(pace)
        }
    }
}

impl diesel::expression::Expression for FullAt {
    type SqlType = Instant;
}

impl diesel::expression::AppearsOnTable<rate_limits::table> for FullAt {}

impl QueryFragment<Pg> for FullAt {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("least(greatest(rate_limits.full_at, clock_timestamp()) + ");
        out.push_bind_param::<BigInt, _>(&self.interval)?;
        out.push_sql(" * interval '1 microsecond', clock_timestamp() + ");
        out.push_bind_param::<BigInt, _>(&self.depth)?;
        out.push_sql(" * interval '1 microsecond')");
        Ok(())
    }
}

/// SQLite's clock, as [`crate::sql_types::DatabaseTime`] reads it.
const SQLITE_NOW: &str = "cast(round(unixepoch('subsec') * 1000) as integer) * 1000";

impl QueryFragment<Sqlite> for FullAt {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("min(max(rate_limits.full_at, ");
        out.push_sql(SQLITE_NOW);
        out.push_sql(") + ");
        out.push_bind_param::<BigInt, _>(&self.interval)?;
        out.push_sql(", ");
        out.push_sql(SQLITE_NOW);
        out.push_sql(" + ");
        out.push_bind_param::<BigInt, _>(&self.depth)?;
        out.push_sql(")");
        Ok(())
    }
}
