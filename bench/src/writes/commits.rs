//! What no write can be faster than: the commits that it waits for.

use std::time::{Duration, Instant};

use crate::{BenchError, data, measure::Bench};

/// How many commits are timed in a round.
const COMMITS: usize = 200;

/// How long commits of one row take, one after the other, with nothing else under way in the database.
pub(super) async fn time(bench: &Bench<'_>) -> Result<Vec<Duration>, BenchError> {
    let client = data::connect(&bench.postgres.url("postgres")).await?;
    client
        .batch_execute("create table if not exists commits (number integer)")
        .await?;
    let insert = client.prepare("insert into commits values (1)").await?;
    let mut times = Vec::with_capacity(COMMITS);
    for _ in 0..COMMITS {
        let began = Instant::now();
        client.execute(&insert, &[]).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// How many transactions have written anything in PostgreSQL since it was set up: only those are given a number.
pub(super) async fn written(bench: &Bench<'_>) -> Result<u64, BenchError> {
    let client = data::connect(&bench.postgres.url("postgres")).await?;
    let next = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    let next: i64 = client.query_one(next, &[]).await?.get(0);
    Ok(u64::try_from(next)?)
}
