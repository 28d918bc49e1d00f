//! The instances that run at the moment: they belong to no tenant, and agree on who lives by the database's clock.

use std::{num::NonZeroU32, time::Duration};

use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{in_shared_transaction, with_shared_connection},
    schema::instances,
    sql_types::{database_now, database_time_in, database_time_in_microseconds},
};

/// How long the row of an instance that has gone is kept, in seconds.
const FORGOTTEN_AFTER_SECONDS: i64 = 3_600;

/// The instances of an installation.
#[derive(Clone, Debug)]
pub struct Instances {
    database: Database,
}

impl Instances {
    /// The instances in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Says that this instance lives, and gives how many have said so within `lifetime`, this one included.
    pub async fn announce(&self, id: &str, lifetime: Duration) -> Result<NonZeroU32, StoreError> {
        let lifetime = i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX);
        let living: Result<i64, StoreError> = in_shared_transaction!(self.database, |connection| {
            diesel::insert_into(instances::table)
                .values((
                    instances::id.eq(id),
                    instances::started_at.eq(database_now()),
                    instances::seen_at.eq(database_now()),
                ))
                .on_conflict(instances::id)
                .do_update()
                .set(instances::seen_at.eq(database_now()))
                .execute(connection)
                .await?;
            diesel::delete(
                instances::table.filter(instances::seen_at.lt(database_time_in(-FORGOTTEN_AFTER_SECONDS))),
            )
            .execute(connection)
            .await?;
            let living = instances::table
                .filter(instances::seen_at.gt(database_time_in_microseconds(-lifetime)))
                .count()
                .get_result(connection)
                .await?;
            Ok(living)
        });
        let living = u32::try_from(living?).unwrap_or(u32::MAX);
        Ok(NonZeroU32::new(living).unwrap_or(NonZeroU32::MIN))
    }

    /// Says that this instance lives no more.
    pub async fn leave(&self, id: &str) -> Result<(), StoreError> {
        with_shared_connection!(self.database, |connection| {
            diesel::delete(instances::table.filter(instances::id.eq(id)))
                .execute(connection)
                .await?;
            Ok(())
        })
    }
}
