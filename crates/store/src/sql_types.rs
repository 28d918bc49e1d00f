//! SQL types for what the two databases hold differently.

use billfold_domain::UtcTimestamp;
use diesel::{
    deserialize::{self, FromSql},
    expression::ValidGrouping,
    pg::{Pg, PgValue},
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{BigInt, SqlType},
    sqlite::Sqlite,
};

/// A point in time: `timestamptz` in PostgreSQL, whole microseconds since 1970 in SQLite.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Instant;

/// Points in time have an order, so the earliest of a group can be asked for.
impl diesel::sql_types::SqlOrd for Instant {}

/// A point in time on its way into or out of a row.
#[derive(Debug, Clone, Copy, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
#[diesel(sql_type = Instant)]
pub(crate) struct StoredInstant(pub(crate) UtcTimestamp);

/// PostgreSQL counts microseconds from 2000-01-01T00:00:00Z.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl ToSql<Instant, Pg> for StoredInstant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let microseconds = self.0.microseconds().saturating_sub(POSTGRES_EPOCH);
        ToSql::<BigInt, Pg>::to_sql(&microseconds, &mut out.reborrow())
    }
}

impl FromSql<Instant, Pg> for StoredInstant {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let microseconds = <i64 as FromSql<BigInt, Pg>>::from_sql(value)?;
        Ok(Self(UtcTimestamp::from_microseconds(
            microseconds.saturating_add(POSTGRES_EPOCH),
        )))
    }
}

impl ToSql<Instant, Sqlite> for StoredInstant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.microseconds());
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, Sqlite> for StoredInstant {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let microseconds = <i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?;
        Ok(Self(UtcTimestamp::from_microseconds(microseconds)))
    }
}

/// A value of the domain that is a column of text: one of a few names. It is read where it lies, since a list reads many.
macro_rules! stored_name {
    ($(#[$meta:meta])* $name:ident($domain:ty), $parse:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
        #[diesel(sql_type = diesel::sql_types::Text)]
        pub(crate) struct $name(pub(crate) $domain);

        impl<DB> diesel::serialize::ToSql<diesel::sql_types::Text, DB> for $name
        where
            DB: diesel::backend::Backend,
            str: diesel::serialize::ToSql<diesel::sql_types::Text, DB>,
        {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, DB>,
            ) -> diesel::serialize::Result {
                self.0.as_str().to_sql(out)
            }
        }

        impl diesel::deserialize::FromSql<diesel::sql_types::Text, diesel::pg::Pg> for $name {
            fn from_sql(value: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
                let parse = $parse;
                Ok(Self(parse(std::str::from_utf8(value.as_bytes())?)?))
            }
        }

        impl diesel::deserialize::FromSql<diesel::sql_types::Text, diesel::sqlite::Sqlite> for $name {
            fn from_sql(
                mut value: <diesel::sqlite::Sqlite as diesel::backend::Backend>::RawValue<'_>,
            ) -> diesel::deserialize::Result<Self> {
                let parse = $parse;
                Ok(Self(parse(value.read_text())?))
            }
        }
    };
}

pub(crate) use stored_name;

/// The database's own clock, shifted by some time. Leases are told by it, so that instances whose clocks differ
/// agree on who holds what.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub(crate) struct DatabaseTime {
    microseconds_from_now: i64,
}

/// The database's present time.
pub(crate) const fn database_now() -> DatabaseTime {
    database_time_in_microseconds(0)
}

/// The database's time in some seconds.
pub(crate) const fn database_time_in(seconds: i64) -> DatabaseTime {
    database_time_in_microseconds(seconds.saturating_mul(1_000_000))
}

/// The database's time in some microseconds.
pub(crate) const fn database_time_in_microseconds(microseconds: i64) -> DatabaseTime {
    DatabaseTime {
        microseconds_from_now: microseconds,
    }
}

impl diesel::expression::Expression for DatabaseTime {
    type SqlType = Instant;
}

impl<Table> diesel::expression::SelectableExpression<Table> for DatabaseTime {}
impl<Table> diesel::expression::AppearsOnTable<Table> for DatabaseTime {}

impl QueryFragment<Pg> for DatabaseTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        out.push_sql("(clock_timestamp() + ");
        out.push_bind_param::<BigInt, _>(&self.microseconds_from_now)?;
        out.push_sql(" * interval '1 microsecond')");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for DatabaseTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> diesel::QueryResult<()> {
        out.push_sql("(cast(round(unixepoch('subsec') * 1000) as integer) * 1000 + ");
        out.push_bind_param::<BigInt, _>(&self.microseconds_from_now)?;
        out.push_sql(")");
        Ok(())
    }
}

/// When this statement began, by the database's clock: one time for the whole of it, by which an index can be searched.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub(crate) struct StatementTime;

impl diesel::expression::Expression for StatementTime {
    type SqlType = Instant;
}

impl<Table> diesel::expression::SelectableExpression<Table> for StatementTime {}
impl<Table> diesel::expression::AppearsOnTable<Table> for StatementTime {}

impl QueryFragment<Pg> for StatementTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        out.push_sql("statement_timestamp()");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for StatementTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> diesel::QueryResult<()> {
        out.push_sql("(cast(round(unixepoch('subsec') * 1000) as integer) * 1000)");
        Ok(())
    }
}
