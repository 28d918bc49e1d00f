//! One idempotency key, a hundred requests at once: one effect, one body.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    TortureError,
    clients::{Caller, Clients, Heard, Stock},
    database::DatabaseKind,
    history::{self, Face, Told},
    judge::{self, Invariant, Violation},
    platform::{Platform, Run},
    report::Outcome,
    sandbox::SLOW,
};

/// How many requests come at once with one key.
const AT_ONCE: usize = 100;

/// How often a request is repeated that hears that another is under way.
const MOST_REPETITIONS: u32 = 200;

/// What a round asks for, a hundred times.
#[derive(Clone)]
struct Wish {
    project: String,
    user: String,
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Wish {
    fn of(stock: &Stock, user: &str, method: Method, path: &str, body: Option<Value>) -> Self {
        Self {
            project: stock.project.clone(),
            user: user.to_owned(),
            method,
            path: format!("/projects/{}{path}", stock.project),
            body,
        }
    }

    async fn ask(&self, clients: &Clients, instance: usize, key: &str) -> Result<Heard, TortureError> {
        let caller = Caller {
            project: &self.project,
            user: &self.user,
            face: Face::Project,
        };
        clients
            .ask_once(
                instance,
                caller,
                self.method.clone(),
                &self.path,
                key,
                self.body.clone(),
            )
            .await
    }
}

/// What the rounds showed.
#[derive(Default)]
struct Tally {
    requests: u64,
    conflicts: u64,
    replayed: u64,
    /// Keys whose every definite answer was the same.
    of_one_body: usize,
    /// Keys that were used again with another body, and how often that was refused as it must be.
    reused: usize,
    reuse_refused: usize,
    statuses: BTreeMap<u16, u64>,
    violations: Vec<Violation>,
}

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let rounds: usize = run.pick(200, 12);
    let mut chance = run.chance(7);
    let mut platform = Platform::start(run, kind, false).await?;
    let cards = platform.make_cards(rounds, &mut chance).await?;
    platform.sandbox.add_faults(&SLOW).await?;
    let mut tally = Tally::default();
    for (round, stock) in cards.iter().enumerate() {
        let user = format!("usr_{}", chance.random_range(0..40));
        let saving = Wish::of(
            stock,
            &user,
            Method::POST,
            "/paymentMethods",
            Some(json!({"id": stock.id, "user": user})),
        );
        let (wish, of_the_card) = match round % 4 {
            0 | 1 => (saving, Some(history::Wish::Create)),
            2 => {
                let body = Some(json!({"user": user}));
                (Wish::of(stock, &user, Method::POST, "/setupIntents", body), None)
            }
            _ => {
                platform.clients.create(stock, &user, Face::Project).await;
                let path = format!("/paymentMethods/{}", stock.id);
                let deleting = Wish::of(stock, &user, Method::DELETE, &path, None);
                (deleting, Some(history::Wish::Delete))
            }
        };
        let began = Instant::now();
        let heard = one_round(&platform.clients, &wish, &format!("key-{round}"), &mut tally).await?;
        // The judge holds what a hundred heard against the records and Stripe, as if one had asked.
        if let Some(wish) = of_the_card {
            let told = heard.map_or(Told::Nothing, |heard| told(wish, heard));
            platform
                .clients
                .note(stock, &user, Face::Project, wish, told, began);
        }
    }
    platform.sandbox.end_faults().await?;
    platform.clients.expect_no_faults();
    let (open, _) = platform.settle().await?;
    let mut violations = judge::judge(&platform.evidence(open).await?);
    violations.append(&mut tally.violations);
    let doubles = violations
        .iter()
        .filter(|violation| violation.invariant == Invariant::TwoEffects)
        .count();
    let statuses: Vec<String> = tally
        .statuses
        .iter()
        .map(|(status, count)| format!("{count} × {status}"))
        .collect();
    Ok(Outcome {
        load: format!(
            "{rounds} rounds of {AT_ONCE} requests at once with one key, {}",
            kind.instances_in_words()
        ),
        showed: vec![
            format!(
                "{} requests: {} × 409, {} heard the kept answer again; definite answers by key: {}",
                tally.requests,
                tally.conflicts,
                tally.replayed,
                statuses.join(", ")
            ),
            format!(
                "{} keys with another body: {} × 422",
                tally.reused, tally.reuse_refused
            ),
            format!(
                "{} of {rounds} keys with one body; {doubles} doubles",
                tally.of_one_body
            ),
        ],
        violations,
        complaints: platform.complaints(),
    })
}

/// What a client that has this wish is told by this answer.
fn told(wish: history::Wish, heard: Heard) -> Told {
    match (wish, heard.status) {
        (history::Wish::Create, 200..=299) => Told::Saved,
        (history::Wish::Delete, 200..=299) => Told::Deleted,
        (history::Wish::Delete, 404 | 410) => Told::Gone,
        (_, status) => Told::Refused(status, heard.body),
    }
}

/// Asks a hundred times at once with one key. The definite answer, where there is one.
async fn one_round(
    clients: &Arc<Clients>,
    wish: &Wish,
    key: &str,
    tally: &mut Tally,
) -> Result<Option<Heard>, TortureError> {
    let mut racing = JoinSet::new();
    for request in 0..AT_ONCE {
        let (clients, wish, key) = (Arc::clone(clients), wish.clone(), key.to_owned());
        racing.spawn(async move { wish.ask(&clients, request, &key).await });
    }
    let broken_before = tally.violations.len();
    let mut definite: Option<Heard> = None;
    let mut note = |heard: Heard, tally: &mut Tally| {
        tally.requests += 1;
        match heard.status {
            409 => tally.conflicts += 1,
            503 => {}
            500 => tally.broken(key, &format!("500 {}", heard.body)),
            _ => {
                tally.replayed += u64::from(heard.replayed);
                match &definite {
                    Some(first) if (first.status, &first.body) != (heard.status, &heard.body) => {
                        tally.broken(
                            key,
                            &format!(
                                "{} {} and {} {}",
                                first.status, first.body, heard.status, heard.body
                            ),
                        );
                    }
                    Some(_) => {}
                    None => definite = Some(heard),
                }
            }
        }
    };
    while let Some(heard) = racing.join_next().await {
        note(heard??, tally);
    }
    // Whoever heard that another is under way asks again, and must hear what the others heard.
    for repetition in 0..MOST_REPETITIONS {
        let heard = wish.ask(clients, repetition as usize, key).await?;
        let ended = ![409, 503].contains(&heard.status);
        note(heard, tally);
        if ended {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    match &definite {
        Some(heard) => *tally.statuses.entry(heard.status).or_default() += 1,
        None => tally.broken(key, "no definite answer"),
    }
    tally.of_one_body += usize::from(tally.violations.len() == broken_before);
    if let Some(body) = &wish.body {
        let mut other = wish.clone();
        let mut changed = body.clone();
        changed["user"] = json!("usr_another");
        other.body = Some(changed);
        let heard = other.ask(clients, 0, key).await?;
        tally.reused += 1;
        if heard.status == 422 && heard.body.contains("idempotencyKeyReused") {
            tally.reuse_refused += 1;
        } else {
            tally.broken(key, &format!("another body: {} {}", heard.status, heard.body));
        }
    }
    Ok(definite)
}

impl Tally {
    fn broken(&mut self, key: &str, what: &str) {
        self.violations
            .push(Violation::new(Invariant::TwoBodies, format!("{key}: {what}")));
    }
}
