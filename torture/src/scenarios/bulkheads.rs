//! One tenant's Stripe hangs while its clients go on asking: what the other tenant notices of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    TortureError,
    clients::{Caller, Clients},
    database::DatabaseKind,
    history::Face,
    judge::{Invariant, Violation},
    platform::{Platform, Run},
    report::Outcome,
    sandbox::{Sandbox, Tenant},
};

/// How many saves of the good tenant begin in a second: so few that a busy machine keeps up.
const PER_SECOND: u64 = 5;

/// How many clients the hanging tenant has: more than places and queue together.
const FLOOD: usize = 200;

/// How long each call of the hanging tenant gets no answer, in milliseconds.
const HANG_MILLISECONDS: u64 = 15_000;

/// How many cards are made at once.
const CARDS_AT_ONCE: usize = 16;

/// How much longer the good tenant's slowest saves may take than before: the machine has the flood to answer too. Whoever has to
/// wait for the other's places takes as long as Stripe hangs.
const SLOWER: Duration = Duration::from_secs(2);

/// What became of some requests: the status and the time of each.
type Answers = Vec<(u16, Duration)>;

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let (quiet, hanging) = (run.pick(30, 10), run.pick(120, 20));
    let mut platform = Platform::start(run, kind, false).await?;
    let (bad, good) = (platform.tenants[0].clone(), platform.tenants[1].clone());
    let of_bad = cards(&platform.sandbox, &bad, FLOOD).await?;
    let wanted = usize::try_from(PER_SECOND * (quiet + hanging)).unwrap_or(usize::MAX);
    let mut of_good = cards(&platform.sandbox, &good, wanted).await?;
    let in_hang = of_good.split_off(usize::try_from(PER_SECOND * quiet).unwrap_or(0));

    let before = steady(&platform.clients, &good, of_good).await?;
    platform.sandbox.hang(&bad, HANG_MILLISECONDS).await?;
    platform.clients.expect_faults();
    let until = Instant::now() + Duration::from_secs(hanging);
    let mut flood = JoinSet::new();
    for (number, card) in of_bad.into_iter().enumerate() {
        let (clients, bad) = (Arc::clone(&platform.clients), bad.clone());
        flood.spawn(async move { insist(&clients, &bad, number, &card, until).await });
    }
    // The good tenant's figures begin when the other's places are taken.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let during = steady(&platform.clients, &good, in_hang).await?;
    platform.sandbox.end_faults().await?;
    platform.clients.expect_no_faults();
    let mut flooded = Answers::new();
    while let Some(answers) = flood.join_next().await {
        flooded.extend(answers??);
    }
    let (open, settled) = platform.settle().await?;

    let mut violations: Vec<Violation> = open
        .into_iter()
        .map(|operation| Violation::new(Invariant::NotEnded, operation))
        .collect();
    for (status, took) in before.iter().chain(&during) {
        if *status != 201 {
            let what = format!("a save of the good tenant: {status} after {took:?}");
            violations.push(Violation::new(Invariant::OthersPay, what));
        }
    }
    if longest(&during) > longest(&before) + SLOWER {
        let what = format!("the good tenant waited up to {:?}", longest(&during));
        violations.push(Violation::new(Invariant::OthersPay, what));
    }
    if !flooded.iter().any(|(status, _)| *status == 503) {
        let what = "the hanging tenant was never told to come again";
        violations.push(Violation::new(Invariant::OthersPay, what));
    }
    let of = |wanted: u16| flooded.iter().filter(|(status, _)| *status == wanted).count();
    Ok(Outcome {
        load: format!(
            "{FLOOD} clients of a tenant whose Stripe hangs for {hanging} s, {PER_SECOND} saves/s of another, {}",
            kind.instances_in_words()
        ),
        showed: vec![
            figures("the other tenant before", &before),
            figures("the other tenant during", &during),
            format!(
                "the hanging tenant heard {} × 503, {} × 201, the longest after {:.1} s",
                of(503),
                of(201),
                longest(&flooded).as_secs_f64()
            ),
            format!(
                "all its operations ended {:.1} s after the hang",
                settled.as_secs_f64()
            ),
        ],
        violations,
        complaints: platform.complaints(),
    })
}

/// Makes good cards of a tenant's.
async fn cards(sandbox: &Arc<Sandbox>, tenant: &Tenant, number: usize) -> Result<Vec<String>, TortureError> {
    let mut made = Vec::with_capacity(number);
    let mut making = JoinSet::new();
    for _ in 0..number {
        let (sandbox, tenant) = (Arc::clone(sandbox), tenant.clone());
        making.spawn(async move { sandbox.make_card(&tenant, "tok_visa").await });
        if making.len() >= CARDS_AT_ONCE
            && let Some(card) = making.join_next().await
        {
            made.push(card??);
        }
    }
    while let Some(card) = making.join_next().await {
        made.push(card??);
    }
    Ok(made)
}

/// Saves each of the cards once, at a steady pace, whether or not those before have been answered.
async fn steady(
    clients: &Arc<Clients>,
    tenant: &Tenant,
    cards: Vec<String>,
) -> Result<Answers, TortureError> {
    let mut pace = tokio::time::interval(Duration::from_millis(1_000 / PER_SECOND));
    let mut saving = JoinSet::new();
    for (number, card) in cards.into_iter().enumerate() {
        pace.tick().await;
        let (clients, tenant) = (Arc::clone(clients), tenant.clone());
        saving.spawn(async move { save(&clients, &tenant, number, &card).await });
    }
    let mut answers = Answers::new();
    while let Some(answer) = saving.join_next().await {
        answers.push(answer??);
    }
    Ok(answers)
}

/// Asks for one card to be saved until it is or the time is over, as a client does that is told to come again.
async fn insist(
    clients: &Clients,
    tenant: &Tenant,
    number: usize,
    card: &str,
    until: Instant,
) -> Result<Answers, TortureError> {
    let mut answers = Answers::new();
    while Instant::now() < until {
        let answer = save(clients, tenant, number, card).await?;
        answers.push(answer);
        if answer.0 < 300 {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(answers)
}

/// Saves a card for a user of its own.
async fn save(
    clients: &Clients,
    tenant: &Tenant,
    number: usize,
    card: &str,
) -> Result<(u16, Duration), TortureError> {
    let caller = Caller {
        project: &tenant.name,
        user: "",
        face: Face::Project,
    };
    let path = format!("/projects/{}/paymentMethods", tenant.name);
    let body = json!({ "id": card, "user": format!("usr_{card}") });
    let began = Instant::now();
    let heard = clients
        .ask_once(number, caller, Method::POST, &path, card, Some(body))
        .await?;
    Ok((heard.status, began.elapsed()))
}

fn figures(who: &str, answers: &Answers) -> String {
    let saved = answers.iter().filter(|(status, _)| *status == 201).count();
    let mut times: Vec<Duration> = answers.iter().map(|(_, took)| *took).collect();
    times.sort_unstable();
    let at = |percent: usize| {
        let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default().as_secs_f64() * 1_000.0
    };
    format!(
        "{who}: {saved} of {} saved, p50 {:.0} ms, p99 {:.0} ms",
        answers.len(),
        at(50),
        at(99)
    )
}

fn longest(answers: &Answers) -> Duration {
    answers.iter().map(|(_, took)| *took).max().unwrap_or_default()
}
