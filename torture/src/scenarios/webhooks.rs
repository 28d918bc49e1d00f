//! Ten thousand deliveries, good and forged, of events about objects that have changed at Stripe.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::{RngExt as _, rngs::StdRng, seq::SliceRandom as _};
use reqwest::Client;
use serde_json::json;
use sha2::Sha256;
use tokio::task::JoinSet;

use crate::{
    TortureError,
    clients::{Caller, Stock, http_client},
    database::DatabaseKind,
    history::{Card, Face, Told},
    judge::{self, Invariant, Violation},
    platform::{Platform, Run},
    report::Outcome,
    sandbox::Tenant,
};

/// How many objects the events are about.
const OBJECTS: usize = 50;

/// Deliveries under way at once.
const AT_ONCE: usize = 64;

/// The expiry that a renewed card has at Stripe.
const RENEWED_YEAR: i64 = 2041;

/// Calls that the background may make in a second for one account, and how many more a measurement may find at its edges.
const CALLS_A_SECOND: f64 = 5.0;
const CALLS_AT_THE_EDGES: f64 = 3.0;

/// The longest wait for the records to be as Stripe has it.
const CATCH_UP_LIMIT: Duration = Duration::from_mins(2);

/// How the identifiers of these events begin. Those of the sandbox's own, which the background may fetch, begin otherwise.
const EVENT_PREFIX: &str = "evt_torture_";

/// What became of a payment method at Stripe, behind our back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Renewed,
    Detached,
    Untouched,
}

/// A payment method that events tell of.
struct Object {
    stock: Stock,
    user: String,
    fate: Fate,
}

/// A delivery, and whether it must be believed.
struct Delivery {
    project: String,
    /// The identifier of the event.
    event: String,
    signature: String,
    body: String,
    good: bool,
}

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let number: u32 = run.pick(10_000, 1_500);
    let mut chance = run.chance(11);
    let mut platform = Platform::start(run, kind, false).await?;
    let objects = objects(&platform, &mut chance).await?;
    let deliveries = deliveries(&platform, &objects, number as usize, &mut chance);
    let good = deliveries.iter().filter(|delivery| delivery.good);
    let believed: BTreeSet<(String, String)> = good
        .clone()
        .map(|delivery| (delivery.project.clone(), delivery.event.clone()))
        .collect();
    let good = good.count();
    platform.sandbox.reset_calls().await?;
    let began = Instant::now();
    let ports: Vec<u16> = platform.instances.iter().map(|instance| instance.port).collect();
    let (statuses, mut violations) = deliver(&ports, deliveries).await?;
    let delivered_in = began.elapsed();
    let caught_up = catch_up(&platform, &objects, &mut violations).await?;
    let calls = u32::try_from(platform.sandbox.calls().await?)?;
    let seconds = began.elapsed().as_secs_f64();
    // Each of the tenants has an account of its own.
    let accounts = f64::from(u32::try_from(platform.tenants.len())?);
    let rate = f64::from(calls) / accounts / seconds;
    if f64::from(calls) > accounts * (CALLS_A_SECOND * seconds + CALLS_AT_THE_EDGES) {
        let what = format!("{calls} calls to Stripe in {seconds:.1} s");
        violations.push(Violation::new(Invariant::TooManyCalls, what));
    }
    let stored = platform.database.webhook_events(EVENT_PREFIX).await?;
    let kept = stored.as_ref().map_or_else(
        || "the stored events cannot be counted here".to_owned(),
        |stored| {
            format!(
                "{} events stored of {} that are good",
                stored.len(),
                believed.len()
            )
        },
    );
    violations.extend(judge::events(&believed, stored.as_ref()));
    let (open, _) = platform.settle().await?;
    let mut evidence = platform.evidence(open).await?;
    // Nobody asked us for these to go: that they are gone is what `catch_up` demands, not a create that was lost.
    evidence.asked.retain(|asked| {
        let detached = |object: &Object| object.fate == Fate::Detached && object.stock.id == asked.method;
        !objects.iter().any(detached)
    });
    violations.extend(judge::judge(&evidence));
    let statuses: Vec<String> = statuses
        .iter()
        .map(|(status, count)| format!("{count} × {status}"))
        .collect();
    Ok(Outcome {
        load: format!(
            "{number} deliveries about {OBJECTS} objects, {good} of them good, {AT_ONCE} at once, {}",
            kind.instances_in_words()
        ),
        showed: vec![
            format!(
                "{:.0} deliveries/s ({})",
                f64::from(number) / delivered_in.as_secs_f64(),
                statuses.join(", ")
            ),
            kept,
            format!("{calls} calls to Stripe, {rate:.1} a second and account"),
            format!(
                "as Stripe has it {:.1} s after the first delivery",
                caught_up.as_secs_f64()
            ),
        ],
        violations,
        complaints: platform.complaints(),
    })
}

/// Saves cards, and changes them at Stripe without telling.
async fn objects(platform: &Platform, chance: &mut StdRng) -> Result<Vec<Object>, TortureError> {
    let mut objects = Vec::new();
    while objects.len() < OBJECTS {
        for stock in platform.make_cards(OBJECTS, chance).await? {
            if stock.card != Card::Good || objects.len() == OBJECTS {
                continue;
            }
            let user = format!("usr_{}", objects.len());
            let (told, _) = platform.clients.create(&stock, &user, Face::Project).await;
            if told != Told::Saved {
                return Err(format!("{} could not be saved: {told:?}", stock.id).into());
            }
            let fate = [Fate::Renewed, Fate::Detached, Fate::Untouched][objects.len() % 3];
            objects.push(Object { stock, user, fate });
        }
    }
    for object in &objects {
        let tenant = tenant(platform, &object.stock.project)?;
        let id = &object.stock.id;
        match object.fate {
            Fate::Renewed => {
                let form = [("card[exp_year]", RENEWED_YEAR.to_string())];
                platform
                    .sandbox
                    .change(tenant, &format!("payment_methods/{id}"), &form)
                    .await?;
            }
            Fate::Detached => {
                platform
                    .sandbox
                    .change(tenant, &format!("payment_methods/{id}/detach"), &[])
                    .await?;
            }
            Fate::Untouched => {}
        }
    }
    Ok(objects)
}

fn tenant<'a>(platform: &'a Platform, project: &str) -> Result<&'a Tenant, TortureError> {
    let found = platform.tenants.iter().find(|tenant| tenant.name == project);
    Ok(found.ok_or("a card of no tenant")?)
}

/// Events in a random order, with repetitions, old and new secrets, and forgeries among them.
fn deliveries(platform: &Platform, objects: &[Object], number: usize, chance: &mut StdRng) -> Vec<Delivery> {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let mut made = Vec::with_capacity(number);
    for event in 0..number {
        let object = &objects[event % objects.len()];
        // Every eighth event comes twice: with the name of one that came before.
        let name = if event % 8 == 7 { event - 7 } else { event };
        let kinds = ["attached", "detached", "updated", "automatically_updated"];
        let name = format!("{EVENT_PREFIX}{name}");
        let body = json!({
            "id": name, "object": "event", "api_version": "2026-06-24.dahlia", "created": now,
            "data": {"object": {"id": object.stock.id, "object": "payment_method", "customer": null}},
            "livemode": false, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null},
            "type": format!("payment_method.{}", kinds[chance.random_range(0..kinds.len())]),
        })
        .to_string();
        let own = platform
            .tenants
            .iter()
            .find(|tenant| tenant.name == object.stock.project);
        let other = platform
            .tenants
            .iter()
            .find(|tenant| tenant.name != object.stock.project);
        let (Some(own), Some(other)) = (own, other) else {
            continue;
        };
        made.push(delivery(own, other, name, body, now, chance));
    }
    made.shuffle(chance);
    made
}

/// One in ten is a forgery, of one of seven kinds.
fn delivery(
    own: &Tenant,
    other: &Tenant,
    event: String,
    body: String,
    now: i64,
    chance: &mut StdRng,
) -> Delivery {
    let [newest, before, oldest] = &own.webhook_secrets;
    let forgery = chance.random_range(0..70);
    let live = if chance.random_range(0..2) == 0 {
        newest
    } else {
        before
    };
    let signed = |secret: &str, time: i64, scheme: &str| {
        format!("t={time},{scheme}={}", signature(secret, time, &body))
    };
    let signature = match forgery {
        0 => signed("whsec_guessed", now, "v1"),
        1 => signed(live, now, "v0"),
        2 => signed(&other.webhook_secrets[0], now, "v1"),
        3 => signed(live, now - 302, "v1"),
        4 => signed(live, now + 400, "v1"),
        5 => signed(oldest, now, "v1"),
        _ => signed(live, now, "v1"),
    };
    Delivery {
        project: own.name.clone(),
        event,
        signature,
        body: if forgery == 6 {
            body.replace("payment_method.", "payment_method,")
        } else {
            body
        },
        good: forgery > 6,
    }
}

/// What Stripe signs an event with.
pub(crate) fn signature(secret: &str, time: i64, body: &str) -> String {
    let mut code = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    code.update(format!("{time}.{body}").as_bytes());
    hex::encode(code.finalize().into_bytes())
}

type Statuses = BTreeMap<u16, u64>;

/// Delivers everything, and notes whoever was believed wrongly, or wrongly not.
async fn deliver(
    ports: &[u16],
    deliveries: Vec<Delivery>,
) -> Result<(Statuses, Vec<Violation>), TortureError> {
    let lanes = Arc::new(parking_lot::Mutex::new(deliveries));
    let http = http_client()?;
    let mut at_work = JoinSet::new();
    for lane in 0..AT_ONCE {
        let (lanes, http, port) = (Arc::clone(&lanes), http.clone(), ports[lane % ports.len()]);
        at_work.spawn(async move {
            let mut heard = Vec::new();
            loop {
                let next = lanes.lock().pop();
                let Some(delivery) = next else { return Ok(heard) };
                heard.push((post(&http, port, &delivery).await?, delivery));
            }
        });
    }
    let (mut statuses, mut violations) = (Statuses::new(), Vec::new());
    while let Some(heard) = at_work.join_next().await {
        let heard: Result<Vec<(u16, Delivery)>, TortureError> = heard?;
        for (status, delivery) in heard? {
            *statuses.entry(status).or_default() += 1;
            if status != if delivery.good { 200 } else { 400 } {
                let what = format!("{status} to {} {}", delivery.signature, delivery.body);
                violations.push(Violation::new(Invariant::WrongAnswer, what));
            }
        }
    }
    Ok((statuses, violations))
}

async fn post(http: &Client, port: u16, delivery: &Delivery) -> Result<u16, TortureError> {
    let answer = http
        .post(format!(
            "http://127.0.0.1:{port}/webhooks/stripe/{}",
            delivery.project
        ))
        .header("Stripe-Signature", &delivery.signature)
        .header("Content-Type", "application/json; charset=utf-8")
        .body(delivery.body.clone())
        .send()
        .await?;
    let status = answer.status().as_u16();
    answer.bytes().await?;
    Ok(status)
}

/// Waits until every object is as Stripe has it, and notes those that never are.
async fn catch_up(
    platform: &Platform,
    objects: &[Object],
    violations: &mut Vec<Violation>,
) -> Result<Duration, TortureError> {
    let began = Instant::now();
    let mut behind: Vec<&Object> = objects.iter().collect();
    while began.elapsed() < CATCH_UP_LIMIT {
        let mut still_behind = Vec::new();
        for object in behind {
            if !is_as_at_stripe(platform, object).await? {
                still_behind.push(object);
            }
        }
        behind = still_behind;
        if behind.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    violations.extend(behind.iter().map(|object| {
        let what = format!("{} is {:?} at Stripe, and not here", object.stock.id, object.fate);
        Violation::new(Invariant::BehindStripe, what)
    }));
    Ok(began.elapsed())
}

async fn is_as_at_stripe(platform: &Platform, object: &Object) -> Result<bool, TortureError> {
    let caller = Caller {
        project: &object.stock.project,
        user: &object.user,
        face: Face::Account,
    };
    let listed = platform
        .clients
        .ask(caller, reqwest::Method::GET, "/v1/account/payment-methods", None)
        .await
        .ok_or("the judge's own question was not answered")?;
    let found = listed.body.as_array().into_iter().flatten();
    let mut found = found.filter(|method| method["id"] == object.stock.id.as_str());
    let year = found.next().map(|method| method["exp_year"].as_i64());
    Ok(match object.fate {
        Fate::Detached => year.is_none(),
        Fate::Renewed => year == Some(Some(RENEWED_YEAR)),
        Fate::Untouched => year.is_some_and(|year| year != Some(RENEWED_YEAR)),
    })
}
