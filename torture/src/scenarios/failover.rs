//! Instances behind HAProxy restarted in turn, and then the primary of two PostgreSQL servers lost, under one load.

use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use crate::{
    TortureError,
    database::{Database, DatabaseKind, Postgres, STANDBYS},
    deliveries::{Deliveries, EVENT_PREFIX, Heard},
    judge::{self, Invariant, Violation},
    load::Load,
    platform::{Plan, Platform, Run, Serving},
    report::{Outcome, heard, promises},
    sandbox::SLOW,
    tell,
};

/// Requests of clients and webhooks of Stripe's, a second.
const PER_SECOND: u32 = 40;
const WEBHOOKS_PER_SECOND: u32 = 20;

/// Before each disturbance, so that it meets instances at work.
const PAUSE: Duration = Duration::from_secs(2);

/// The primary is looked at this often, given as long to answer, and lost when it has not for so many looks.
const LOOK: Duration = Duration::from_secs(1);
const LOOKS: u32 = 3;

/// The longest that callers may hear 503 after a primary is lost.
const REFUSED_LIMIT: Duration = Duration::from_secs(15);

/// How long a good answer is waited for, however late it is.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was seen of rolling restarts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rolling {
    pub(crate) restarts: usize,
    pub(crate) requests: u64,
    /// Requests that were refused for now, or not answered, webhooks among them.
    pub(crate) failed: usize,
}

/// What was seen of the loss of a primary, in time since then.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    /// The loss was noticed.
    pub(crate) noticed: Duration,
    /// The standby was the primary.
    pub(crate) promoted: Duration,
    /// The first good answer to a client, and to Stripe.
    pub(crate) first_answer: Duration,
    pub(crate) first_webhook: Duration,
    /// The last 503, or request without an answer.
    pub(crate) last_refusal: Duration,
    /// Requests and webhooks that were refused for now, or not answered.
    pub(crate) refused: usize,
    /// The lost server followed the other, and commits waited for it.
    pub(crate) whole: Duration,
}

/// What was seen of one platform.
pub(crate) struct Seen {
    pub(crate) rolling: Rolling,
    pub(crate) losses: Vec<Loss>,
    pub(crate) outcome: Outcome,
}

pub(super) async fn run(run: &Run, _: DatabaseKind) -> Result<Outcome, TortureError> {
    let seen = seen(run, 2, run.pick(5, 1)).await?;
    Ok(seen.outcome)
}

/// Restarts so many instances in turn, and loses the primary so often.
pub(crate) async fn seen(run: &Run, instances: usize, times: usize) -> Result<Seen, TortureError> {
    let mut chance = run.chance(17);
    let plan = Plan {
        kind: DatabaseKind::Postgres,
        instances,
        standby: true,
        balanced: true,
        instances_die: false,
        serving: Serving::default(),
    };
    let mut platform = Platform::start_as(run, plan).await?;
    let port = platform
        .balancer
        .as_ref()
        .ok_or("HAProxy was to be started")?
        .port;
    let seconds = 60 + 60 * times;
    let cards = platform
        .make_cards(PER_SECOND as usize * seconds / 2, &mut chance)
        .await?;
    let told_of = platform.make_cards(20, &mut chance).await?;
    platform.sandbox.add_faults(&SLOW).await?;
    platform.clients.expect_faults();
    let load = Load::start(&platform, cards, PER_SECOND, run.chance(18));
    let deliveries = Deliveries::start(&platform, told_of, WEBHOOKS_PER_SECOND, port)?;
    let began = Instant::now();

    let rolling = roll(&mut platform, &deliveries).await?;
    tell(&format!("{} restarts", rolling.restarts));
    let mut losses = Vec::new();
    for _ in 0..times {
        tokio::time::sleep(PAUSE).await;
        let loss = lose_primary(&mut platform, &deliveries).await?;
        tell(&format!("a primary was lost: {loss:?}"));
        losses.push(loss);
    }
    tokio::time::sleep(PAUSE).await;
    platform.clients.expect_no_faults();
    let under_load = began.elapsed();
    load.stop().await?;
    let webhooks = deliveries.stop().await?;
    let (open, settled) = platform.settle().await?;
    let evidence = platform.evidence(open).await?;
    let stored = platform.database.webhook_events(EVENT_PREFIX).await?;
    let mut violations = judge::judge(&evidence);
    violations.extend(judge::events(&webhooks.taken, stored.as_ref()));
    violations.extend(of_service(&rolling, &losses, &webhooks));
    let history = &platform.clients.history;
    let mut showed = promises(history, &violations);
    showed.push(format!(
        "{} webhooks acknowledged, {} lost",
        webhooks.taken.len(),
        violations
            .iter()
            .filter(|violation| violation.invariant == Invariant::EventLostOrForged)
            .count()
    ));
    showed.push(heard(history));
    showed.push(format!(
        "{} requests failed while instances were restarted in turn",
        rolling.failed
    ));
    let longest = losses
        .iter()
        .map(|loss| loss.last_refusal)
        .max()
        .unwrap_or_default();
    showed.push(format!(
        "the last 503 came {:.1} s after a primary was lost at most",
        longest.as_secs_f64()
    ));
    showed.push(format!(
        "all ended {:.1} s after the last loss was mended",
        settled.as_secs_f64()
    ));
    let outcome = Outcome {
        load: format!(
            "{} restarts and {times} lost primaries in {:.0} s, {instances} instances, {PER_SECOND} requests/s and \
             {WEBHOOKS_PER_SECOND} webhooks/s",
            rolling.restarts,
            under_load.as_secs_f64(),
        ),
        showed,
        violations,
        complaints: platform.complaints(),
    };
    Ok(Seen {
        rolling,
        losses,
        outcome,
    })
}

/// What callers should not have met.
fn of_service(rolling: &Rolling, losses: &[Loss], webhooks: &Heard) -> Vec<Violation> {
    let mut violations = Vec::new();
    let wrong = webhooks.wrong.iter();
    violations.extend(wrong.map(|wrong| Violation::new(Invariant::WrongAnswer, wrong)));
    if rolling.failed > 0 {
        let what = format!(
            "{} requests failed while instances were restarted in turn",
            rolling.failed
        );
        violations.push(Violation::new(Invariant::GoodTrafficHurt, what));
    }
    let late = losses.iter().filter(|loss| loss.last_refusal > REFUSED_LIMIT);
    violations.extend(late.map(|loss| {
        let what = format!("503 for {:?} after the primary was lost", loss.last_refusal);
        Violation::new(Invariant::SlowToRecover, what)
    }));
    violations
}

/// Restarts each instance in turn.
async fn roll(platform: &mut Platform, deliveries: &Deliveries) -> Result<Rolling, TortureError> {
    tokio::time::sleep(PAUSE).await;
    let began = Instant::now();
    let before = platform.clients.history.requests() + taken(deliveries);
    let refused_before = deliveries.heard.lock().refused;
    for instance in 0..platform.instances.len() {
        platform.restart(instance).await?;
    }
    tokio::time::sleep(PAUSE).await;
    let history = &platform.clients.history;
    Ok(Rolling {
        restarts: platform.instances.len(),
        requests: history.requests() + taken(deliveries) - before,
        failed: history.refusals(began).len() + deliveries.heard.lock().refused - refused_before,
    })
}

fn taken(deliveries: &Deliveries) -> u64 {
    deliveries.heard.lock().successes.len() as u64
}

/// Kills the primary, does what a cluster manager does then, and waits until all is as it was, with the servers exchanged.
async fn lose_primary(platform: &mut Platform, deliveries: &Deliveries) -> Result<Loss, TortureError> {
    let Database::Postgres(postgres) = &mut platform.database else {
        return Err("this scenario needs PostgreSQL".into());
    };
    let history = &platform.clients.history;
    let refused_before = deliveries.heard.lock().refused;
    let lost = Instant::now();
    // The loss and the fence in one: no process of it is left, and it can start as a standby only.
    postgres.server.kill().await?;
    notice(postgres).await?;
    let noticed = lost.elapsed();
    let standby = postgres.standby.as_mut().ok_or("there is no standby")?;
    standby.replayed().await?;
    standby.promote().await?;
    let promoted = lost.elapsed();
    std::mem::swap(&mut postgres.server, standby);

    let since = lost + promoted;
    let answer = async || history.first_success(0, since);
    let first_answer = first(answer).await?.duration_since(lost);
    let webhook = async || {
        let heard = deliveries.heard.lock();
        heard.successes.iter().copied().find(|at| *at >= since)
    };
    let first_webhook = first(webhook).await?.duration_since(lost);
    // Once it is back, the next commits wait for it again.
    let name = STANDBYS[usize::from(postgres.exchanged)];
    postgres.exchanged = !postgres.exchanged;
    let Postgres { server, standby, .. } = &mut **postgres;
    let standby = standby.as_mut().ok_or("there is no standby")?;
    standby.rejoin(server, name).await?;
    server.wait_for_standby(Some(name)).await?;
    let whole = lost.elapsed();
    tokio::time::sleep(PAUSE).await;
    let refusals = history.refusals(lost);
    let latest = refusals.iter().max().copied().unwrap_or(lost);
    Ok(Loss {
        noticed,
        promoted,
        first_answer,
        first_webhook,
        last_refusal: latest.duration_since(lost),
        refused: refusals.len() + deliveries.heard.lock().refused - refused_before,
        whole,
    })
}

/// Waits until the primary has not answered for as many looks as it takes.
async fn notice(postgres: &Postgres) -> Result<(), TortureError> {
    let url = postgres.server.url("postgres");
    let began = Instant::now();
    let mut misses = 0;
    let mut looks = tokio::time::interval(LOOK);
    while misses < LOOKS {
        looks.tick().await;
        let answers = tokio::time::timeout(LOOK, tokio_postgres::connect(&url, NoTls)).await;
        misses = if matches!(answers, Ok(Ok(_))) {
            0
        } else {
            misses + 1
        };
        if began.elapsed() > PATIENCE {
            return Err("the primary was killed, and answers".into());
        }
    }
    Ok(())
}

/// The first moment that is found.
async fn first(look: impl AsyncFn() -> Option<Instant>) -> Result<Instant, TortureError> {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return Ok(found);
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("no good answer within {PATIENCE:?} of the promotion").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
