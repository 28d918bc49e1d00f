//! The engine in a world that is not real: seeded, in one thread, with crashes at any wait, lost answers and two
//! drivers at work on everything. A seed replays exactly.
//!
//! `BILLFOLD_SIMULATION_SEEDS` sets how many seeds are tried, `BILLFOLD_SIMULATION_SEED` tries one alone.

#![allow(clippy::unwrap_used, reason = "a failed simulation should panic")]
#![allow(clippy::disallowed_methods, reason = "the simulation is its own authority")]

mod actors;
mod history;
mod judge;
mod judge_retries;
mod planted;
mod records;
mod run;
mod stripe;
mod stripe_calls;
mod world;

use std::env;

const DEFAULT_SEEDS: u64 = 5000;

#[test]
fn no_seed_breaks_an_invariant() {
    if let Ok(seed) = env::var("BILLFOLD_SIMULATION_SEED") {
        run::run(seed.parse().unwrap(), None).require_unbroken();
        return;
    }
    let seeds = env::var("BILLFOLD_SIMULATION_SEEDS").map_or(DEFAULT_SEEDS, |seeds| seeds.parse().unwrap());
    let mut totals = run::Totals::default();
    for seed in 0..seeds {
        let report = run::run(seed, None);
        totals.add(&report);
        report.require_unbroken();
    }
    totals.require_variety();
    #[expect(clippy::print_stderr, reason = "the figures belong to whoever ran it")]
    {
        eprintln!("{seeds} seeds: {totals:?}");
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        let replays = run::run(seed, None).trace == run::run(seed, None).trace;
        assert!(replays, "seed {seed}");
    }
}
