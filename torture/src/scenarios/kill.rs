//! `kill -9` at random moments under a mixed load.

use std::time::{Duration, Instant};

use rand::RngExt as _;

use crate::{
    TortureError,
    database::DatabaseKind,
    judge,
    load::Load,
    platform::{Platform, Run},
    report::{Outcome, heard, promises},
    sandbox::SLOW,
    tell,
};

const PER_SECOND: u32 = 50;

/// A killed instance is started at once. The next kill comes this many milliseconds later, or after it is ready.
const LIFE_MILLISECONDS: std::ops::Range<u64> = 30..2_000;

/// Of a hundred kills, how many strike every instance at once.
const ALL_AT_ONCE: u32 = 20;

/// Of a hundred kills, how many may meet an instance that is not ready yet.
const EARLY: u32 = 15;

/// Cards for each kill: more than the load saves in the longest life.
const CARDS_A_KILL: usize = 45;

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let kills: usize = run.pick(200, 6);
    let mut chance = run.chance(1);
    let mut platform = Platform::start(run, kind, true).await?;
    let cards = platform
        .make_cards(CARDS_A_KILL * (kills + 2), &mut chance)
        .await?;
    platform.sandbox.add_faults(&SLOW).await?;
    platform.clients.expect_faults();
    let load = Load::start(&platform, cards, PER_SECOND, run.chance(2));
    let began = Instant::now();
    for kill in 0..kills {
        if chance.random_range(0..100) >= EARLY {
            platform.all_ready().await?;
        }
        tokio::time::sleep(Duration::from_millis(chance.random_range(LIFE_MILLISECONDS))).await;
        let chosen = chance.random_range(0..platform.instances.len());
        let all = chance.random_range(0..100) < ALL_AT_ONCE;
        for instance in 0..platform.instances.len() {
            if all || instance == chosen {
                platform.kill_and_restart(instance)?;
            }
        }
        if (kill + 1).is_multiple_of(20) {
            tell(&format!("{} of {kills} kills", kill + 1));
        }
    }
    platform.all_ready().await?;
    platform.clients.expect_no_faults();
    let under_load = began.elapsed();
    load.stop().await?;
    let (open, settled) = platform.settle().await?;
    let evidence = platform.evidence(open).await?;
    let violations = judge::judge(&evidence);
    let history = &platform.clients.history;
    let mut showed = promises(history, &violations);
    showed.push(heard(history));
    let failed_starts: usize = platform
        .instances
        .iter()
        .map(|instance| instance.failed_starts)
        .sum();
    if failed_starts > 0 {
        showed.push(format!("{failed_starts} starts failed and were repeated"));
    }
    showed.push(format!(
        "all ended {:.1} s after the last restart",
        settled.as_secs_f64()
    ));
    Ok(Outcome {
        load: format!(
            "{kills} kills in {:.0} s, {}, {PER_SECOND} requests/s",
            under_load.as_secs_f64(),
            kind.instances_in_words()
        ),
        showed,
        violations,
        complaints: platform.complaints(),
    })
}
