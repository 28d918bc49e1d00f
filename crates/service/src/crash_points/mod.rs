//! Real processes that end in the middle of their work, beside a real database and a Stripe that goes on.
//!
//! Every use case that writes is run once for each call that it makes to the database or to Stripe: by a process of its
//! own that aborts right before that call, by one that aborts right after it, and by one that makes it twice in a row and
//! goes on with the second answer. Others end before they write their result and are taken over by a process that ends
//! in its turn, before each of its calls. Then the service is started as after a restart, its reconciler ends what was left
//! open, and a judge compares what the processes had answered, the records and Stripe's ledger. At last every request
//! is made again under its operation's name, as a client's retry is.
//!
//! The processes are this test binary again: the same test, told by a variable to be one.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

mod asked_again;
mod cases;
mod child;
mod judge;
mod place;
mod scenarios;
mod stripe;
mod trial;
mod world;

use std::env;

use place::Backend;

/// What one process is to do. Set by the test for the processes that it starts, and by nobody else.
const TASK: &str = "BILLFOLD_TEST_CRASH_POINT";

fn survive(backend: Backend, test: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Ok(task) = env::var(TASK) {
        runtime.block_on(child::run(&task));
    }
    let summary = runtime.block_on(trial::run(backend, test));
    #[expect(clippy::print_stderr, reason = "the figures belong to whoever ran it")]
    {
        eprintln!("{summary}");
    }
}

#[test]
fn every_crash_point_is_survived_on_sqlite() {
    survive(
        Backend::Sqlite,
        "crash_points::every_crash_point_is_survived_on_sqlite",
    );
}

#[test]
fn every_crash_point_is_survived_on_postgres() {
    survive(
        Backend::Postgres,
        "crash_points::every_crash_point_is_survived_on_postgres",
    );
}
