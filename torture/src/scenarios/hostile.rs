//! Hostile text and sizes in every field, header, path and query.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Instant};

use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    TortureError,
    database::DatabaseKind,
    edge::{
        hostile_requests::{Case, Material},
        wire::{answers, exchange},
        witness,
    },
    judge::{Invariant, Violation},
    platform::{Platform, Run},
    report::Outcome,
};

/// How many are sent at once.
const AT_ONCE: usize = 24;

/// How much more memory an instance may take for all of it, in KiB.
const MEMORY: u64 = 50 * 1024;

/// How many examples of one violation are told.
const EXAMPLES: usize = 10;

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let mut chance = run.chance(41);
    let mut platform = Platform::start(run, kind, false).await?;
    let project = platform.tenants[0].name.clone();
    let method = platform.save_one(&project, "usr_hostile").await?;
    let (backend, user) = platform.clients.tokens(&project, "usr_hostile");
    let material = Material {
        project: &project,
        backend: &backend,
        user: &user,
        method: &method,
    };
    let mut cases = material.everywhere();
    let everywhere = cases.len();
    let by_hand = material.by_hand();
    let shapes = by_hand.len();
    cases.extend(by_hand);
    let damaged = run.pick(50_000, 1_500);
    cases.extend(material.damaged(damaged, &mut chance));
    let addresses: Vec<SocketAddr> = platform
        .instances
        .iter()
        .map(|instance| SocketAddr::from(([127, 0, 0, 1], instance.port)))
        .collect();

    // Buffers and pools have their size before it is measured.
    send(
        &addresses,
        material.everywhere().into_iter().step_by(17).collect(),
    )
    .await?;
    let state_before = platform.state().await?;
    let memory_before = memories(&platform)?;
    let began = Instant::now();
    let number = cases.len();
    let told = send(&addresses, cases).await?;
    let took = began.elapsed();
    let memory_after = memories(&platform)?;

    let mut violations = Vec::new();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (name, status) in told {
        *statuses.entry(status).or_default() += 1;
        if status >= 500 && violations.len() < EXAMPLES {
            violations.push(Violation::new(
                Invariant::ServerFault,
                format!("{name}: {status}"),
            ));
        }
    }
    let mut growth = Vec::new();
    for (before, after) in memory_before.iter().zip(&memory_after) {
        let grown = after.peak.saturating_sub(before.resident);
        growth.push(format!(
            "{:.1} MB at most over {:.1} MB",
            megabytes(grown),
            megabytes(before.resident)
        ));
        if grown > MEMORY {
            violations.push(Violation::new(Invariant::MemoryGrew, format!("by {grown} KiB")));
        }
    }
    let state_after = platform.state().await?;
    if state_before != state_after {
        violations.push(Violation::new(
            Invariant::HostileEffect,
            format!("before: {state_before:?}\nafter: {state_after:?}"),
        ));
    }
    // The same processes, not others that were started in their place.
    platform.all_ready().await?;
    let restarts: usize = platform
        .instances
        .iter()
        .map(|instance| instance.failed_starts)
        .sum();
    if restarts > 0 {
        violations.push(Violation::new(Invariant::ServerFault, "an instance ended"));
    }
    let statuses: Vec<String> = statuses
        .iter()
        .map(|(status, number)| match status {
            0 => format!("{number} × closed without a word"),
            status => format!("{number} × {status}"),
        })
        .collect();
    Ok(Outcome {
        load: format!(
            "{number} requests in {:.0} s: {everywhere} hostile texts in places, {shapes} shapes by hand, {damaged} damaged by chance",
            took.as_secs_f64()
        ),
        showed: vec![
            statuses.join(", "),
            "database and Stripe as before".to_owned(),
            format!("memory grew by {}", growth.join(" and ")),
        ],
        violations,
        complaints: platform.complaints(),
    })
}

/// Sends each on a connection of its own, to one instance after the other. The first answer's status, or 0.
async fn send(addresses: &[SocketAddr], cases: Vec<Case>) -> Result<Vec<(String, u16)>, TortureError> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut sending = JoinSet::new();
    let mut told = Vec::with_capacity(cases.len());
    for (number, (name, bytes)) in cases.into_iter().enumerate() {
        let place = Arc::clone(&places).acquire_owned().await?;
        let address = addresses[number % addresses.len()];
        sending.spawn(async move {
            let received = exchange(address, &bytes).await;
            drop(place);
            // One connection may carry several requests, by what a case does to them: the worst counts.
            let worst = answers(&received).iter().map(|answer| answer.status).max();
            (name, worst.unwrap_or_default())
        });
        while let Some(done) = sending.try_join_next() {
            told.push(done?);
        }
    }
    while let Some(done) = sending.join_next().await {
        told.push(done?);
    }
    Ok(told)
}

fn memories(platform: &Platform) -> Result<Vec<witness::Memory>, TortureError> {
    platform
        .instances
        .iter()
        .map(|instance| witness::memory(instance.process_id()))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "it is for people to read")]
fn megabytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}
