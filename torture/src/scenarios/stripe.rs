//! Stripe's faults: each kind alone, then all of them mixed, until about three in ten operations meet one.

use std::{sync::Arc, time::Instant};

use rand::{RngExt as _, rngs::StdRng};
use tokio::task::JoinSet;

use crate::{
    TortureError,
    clients::{Caller, Clients, Stock},
    database::DatabaseKind,
    history::{Card, Face},
    judge::{self, Invariant, Violation},
    platform::{Platform, Run},
    report::{Outcome, heard, promises},
    sandbox::Fault,
    tell,
};

/// Everything that the sandbox can do wrong, but for a mere delay.
const KINDS: [&str; 9] = [
    "hang_before",
    "hang_after",
    "reset",
    "reset_after",
    "truncate",
    "error_500_before",
    "error_500_after",
    "rate_limit_429",
    "unauthorized_401",
];

/// The share of operations that are to meet a fault.
const STRUCK_OPERATIONS: f64 = 0.3;

/// How long a hanging request hangs before its connection is closed.
const HANG_MILLISECONDS: u64 = 300;

/// How many clients ask at once, each one thing after another.
const CLIENTS: usize = 16;

/// How many operations there are to one user.
const OPERATIONS_OF_A_USER: usize = 8;

/// What calls may cost at most, as a multiple of what they cost without faults.
const TARGET: f64 = 1.2;

/// One thing that a client asks for.
#[derive(Clone, Debug)]
enum Operation {
    Create(Stock, String, Face),
    Delete(Stock, String, Face),
    SetupIntent(String, String, Face),
}

/// What a part of the run cost.
struct Cost {
    operations: usize,
    calls: u64,
    struck: u64,
}

impl Cost {
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer calls than 2^52")]
    fn calls_an_operation(&self) -> f64 {
        self.calls as f64 / self.operations.max(1) as f64
    }
}

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let (alone, mixed) = run.pick((500, 5_500), (20, 120));
    let mut platform = Platform::start(run, kind, false).await?;
    let began = Instant::now();
    let mut violations = Vec::new();
    let mut costs = Vec::new();
    // What the same operations cost when nothing fails.
    let usual = part(run, &platform, "sound", alone.max(60), &[], &mut violations).await?;
    let probability = 1.0 - (1.0 - STRUCK_OPERATIONS).powf(1.0 / usual.calls_an_operation());
    for kind in KINDS {
        let faults = [Fault {
            kind,
            probability,
            milliseconds: HANG_MILLISECONDS,
        }];
        let cost = part(run, &platform, kind, alone, &faults, &mut violations).await?;
        tell(&format!("{kind}: {alone} operations, {} faults", cost.struck));
        costs.push((kind, cost));
    }
    let share = probability / f64::from(u32::try_from(KINDS.len())?);
    let faults = KINDS.map(|kind| Fault {
        kind,
        probability: share,
        milliseconds: HANG_MILLISECONDS,
    });
    let mix = part(run, &platform, "mix", mixed, &faults, &mut violations).await?;
    costs.push(("**mix**", mix));
    let under_load = began.elapsed();

    let (open, _) = platform.settle().await?;
    let evidence = platform.evidence(open).await?;
    violations.extend(judge::judge(&evidence));
    let history = &platform.clients.history;
    let mut showed = promises(history, &violations);
    showed.push(heard(history));
    let ratios: Vec<String> = costs
        .iter()
        .map(|(kind, cost)| {
            let ratio = cost.calls_an_operation() / usual.calls_an_operation();
            let verdict = if ratio > TARGET { " (above the target)" } else { "" };
            format!("{kind} {ratio:.2}{verdict}")
        })
        .collect();
    showed.push(format!(
        "calls at Stripe, of what they are without faults ({:.2} an operation; the target is {TARGET}): {}",
        usual.calls_an_operation(),
        ratios.join(", ")
    ));
    let operations: usize = costs.iter().map(|(_, cost)| cost.operations).sum();
    let struck: u64 = costs.iter().map(|(_, cost)| cost.struck).sum();
    Ok(Outcome {
        load: format!(
            "{operations} operations, {struck} faults in {:.0} s, {}, {CLIENTS} clients",
            under_load.as_secs_f64(),
            kind.instances_in_words()
        ),
        showed,
        violations,
        complaints: platform.complaints(),
    })
}

/// Runs some operations under some faults, until all have ended, and counts the calls that came to Stripe.
async fn part(
    run: &Run,
    platform: &Platform,
    name: &str,
    number: usize,
    faults: &[Fault],
    violations: &mut Vec<Violation>,
) -> Result<Cost, TortureError> {
    // The same chance for each part, so that parts of one size ask for the same.
    let cards = platform.make_cards(number, &mut run.chance(5)).await?;
    let plan = plan(name, number, &cards, &mut run.chance(6));
    platform.sandbox.reset_calls().await?;
    platform.clients.expect_faults();
    platform.sandbox.add_faults(faults).await?;
    let mut clients = JoinSet::new();
    for operations in plan {
        let shared = Arc::clone(&platform.clients);
        clients.spawn(async move { work(&shared, operations).await });
    }
    while let Some(done) = clients.join_next().await {
        if done? > 0 {
            let what = format!("{name}: a setup intent was not made in a minute");
            violations.push(Violation::new(Invariant::NotEnded, what));
        }
    }
    let struck = platform.sandbox.end_faults().await?;
    platform.clients.expect_no_faults();
    let (open, _) = platform.settle().await?;
    let open = open.into_iter().map(|open| format!("{name}: {open}"));
    violations.extend(open.map(|open| Violation::new(Invariant::NotEnded, open)));
    Ok(Cost {
        operations: number,
        calls: platform.sandbox.calls().await?,
        struck,
    })
}

/// What each client asks for, in order. Whoever deletes has saved before.
fn plan(name: &str, number: usize, cards: &[Stock], chance: &mut StdRng) -> Vec<Vec<Operation>> {
    let users = (number / OPERATIONS_OF_A_USER).max(1);
    let mut cards = cards.iter();
    let mut clients = vec![Vec::new(); CLIENTS.min(number)];
    let mut saved: Vec<Vec<(Stock, String)>> = vec![Vec::new(); clients.len()];
    let name = name.replace('*', "");
    for place in 0..number {
        let client = place % clients.len();
        let user = format!("{name}_{}", chance.random_range(0..users));
        let face = if chance.random_range(0..10) < 3 {
            Face::Account
        } else {
            Face::Project
        };
        let wish = chance.random_range(0..100);
        let Some(card) = cards.next() else { break };
        let operation = if wish < 20 {
            Operation::SetupIntent(card.project.clone(), user, face)
        } else if wish < 45 && !saved[client].is_empty() {
            let chosen = chance.random_range(0..saved[client].len());
            let (stock, owner) = saved[client].swap_remove(chosen);
            Operation::Delete(stock, owner, face)
        } else {
            let kept = card.card == Card::Good || (card.card == Card::Challenged && face == Face::Project);
            if kept {
                saved[client].push((card.clone(), user.clone()));
            }
            Operation::Create(card.clone(), user, face)
        };
        clients[client].push(operation);
    }
    clients
}

/// Asks for one thing after another. How many setup intents were not made.
async fn work(clients: &Clients, operations: Vec<Operation>) -> usize {
    let mut failed = 0;
    for operation in operations {
        match operation {
            Operation::Create(stock, user, face) => {
                clients.create(&stock, &user, face).await;
            }
            Operation::Delete(stock, user, face) => {
                clients.delete(&stock, &user, face).await;
            }
            Operation::SetupIntent(project, user, face) => {
                let caller = Caller {
                    project: &project,
                    user: &user,
                    face,
                };
                failed += usize::from(!clients.make_setup_intent(caller).await);
            }
        }
    }
    failed
}
