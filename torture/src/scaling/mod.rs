//! What more than one machine gives and takes, measured and written into `docs/scaling.md`.
//!
//! Nothing of it is a judgement, except that what the failover scenario promises must hold here too.

mod document;
mod rates;
mod sums;

use crate::{
    TortureError,
    database::DatabaseKind,
    platform::{Plan, Platform, Run, Serving},
    report::Outcome,
    scenarios::failover,
    tell,
};

/// How many instances there may be: as many as HAProxy's settings name.
pub(crate) const MOST_INSTANCES: usize = 3;

/// Measures everything, and writes it down.
pub(crate) async fn run(run: &Run) -> Result<Outcome, TortureError> {
    let plan = Plan {
        kind: DatabaseKind::Postgres,
        instances: MOST_INSTANCES,
        standby: true,
        balanced: false,
        instances_die: false,
        serving: Serving::default(),
    };
    let mut platform = Platform::start_as(run, plan).await?;
    let rows = run.pick(1_000_000, 20_000);
    tell(&format!("filling the tables with {rows} rows each…"));
    let sizes = sums::sizes(&platform, rows).await?;
    tell("measuring what is written…");
    let writes = sums::writes(&mut platform, run).await?;
    tell("measuring reads by one, two and three instances…");
    let rates = rates::measure(&platform, run).await?;
    drop(platform);
    let mut failovers = Vec::new();
    for instances in 2..=MOST_INSTANCES {
        tell(&format!("losing primaries under {instances} instances…"));
        failovers.push((instances, failover::seen(run, instances, run.pick(3, 1)).await?));
    }
    let text = document::text(rows, &rates, &sizes, &writes, &failovers)?;
    document::write(&text)?;
    let mut showed = Vec::new();
    let mut violations = Vec::new();
    let mut complaints = Vec::new();
    for (_, seen) in failovers {
        showed.extend(seen.outcome.showed);
        violations.extend(seen.outcome.violations);
        complaints.extend(seen.outcome.complaints);
    }
    Ok(Outcome {
        load: format!("{rows} rows, and what docs/scaling.md says"),
        showed,
        violations,
        complaints,
    })
}
