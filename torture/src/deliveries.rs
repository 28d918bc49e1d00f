//! A steady stream of webhooks, each sent again until it is taken, as Stripe does.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde_json::json;
use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

use crate::{
    TortureError,
    clients::{Stock, http_client},
    platform::Platform,
    sandbox::Tenant,
    scenarios::signature,
};

/// How the identifiers of these events begin.
pub(crate) const EVENT_PREFIX: &str = "evt_torture_";

/// The wait before an event is sent again.
const PAUSE: Duration = Duration::from_millis(500);

/// How long an event is sent again and again.
const LONGEST: Duration = Duration::from_mins(3);

/// What was heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The events that were acknowledged, by project and identifier.
    pub(crate) taken: BTreeSet<(String, String)>,
    /// When one was acknowledged.
    pub(crate) successes: Vec<Instant>,
    /// How many requests were refused for now, or not answered.
    pub(crate) refused: usize,
    /// What should never be heard.
    pub(crate) wrong: Vec<String>,
}

/// A stream that goes on until it is stopped.
pub(crate) struct Deliveries {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    pub(crate) heard: Arc<Mutex<Heard>>,
}

impl Deliveries {
    /// Begins to tell of these cards, over and over, so many times a second, at this port.
    pub(crate) fn start(
        platform: &Platform,
        cards: Vec<Stock>,
        per_second: u32,
        port: u16,
    ) -> Result<Self, TortureError> {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (stop, mut stopped) = watch::channel(false);
        let (http, tenants, of_task) = (http_client()?, platform.tenants.clone(), Arc::clone(&heard));
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut under_way = JoinSet::new();
            let mut number = 0;
            loop {
                tokio::select! {
                    biased;
                    _ = stopped.wait_for(|stop| *stop) => break,
                    _ = ticks.tick() => {
                        let card: &Stock = &cards[number % cards.len()];
                        if let Some(tenant) = tenants.iter().find(|tenant| tenant.name == card.project) {
                            let event = format!("{EVENT_PREFIX}{number}");
                            under_way.spawn(deliver(http.clone(), port, tenant.clone(), event, card.id.clone(), Arc::clone(&of_task)));
                        }
                        number += 1;
                    }
                    Some(_) = under_way.join_next() => {}
                }
            }
            while under_way.join_next().await.is_some() {}
        });
        Ok(Self { stop, task, heard })
    }

    /// Sends no more, waits for those under way, and gives what was heard.
    pub(crate) async fn stop(self) -> Result<Heard, TortureError> {
        self.stop.send_replace(true);
        self.task.await?;
        Ok(std::mem::take(&mut *self.heard.lock()))
    }
}

async fn deliver(
    http: reqwest::Client,
    port: u16,
    tenant: Tenant,
    event: String,
    card: String,
    heard: Arc<Mutex<Heard>>,
) {
    let began = Instant::now();
    while began.elapsed() < LONGEST {
        let status = deliver_once(&http, port, &tenant, &event, &card).await;
        {
            let mut heard = heard.lock();
            match status {
                200 => {
                    heard.taken.insert((tenant.name.clone(), event.clone()));
                    heard.successes.push(Instant::now());
                    return;
                }
                503 | 0 => heard.refused += 1,
                other => heard.wrong.push(format!("{event}: {other}")),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    heard.lock().wrong.push(format!("{event}: never taken"));
}

/// Tells of a card once, and gives the status of the answer, or 0 where there is none.
pub(crate) async fn deliver_once(
    http: &reqwest::Client,
    port: u16,
    tenant: &Tenant,
    event: &str,
    card: &str,
) -> u16 {
    // Stripe signs each attempt anew.
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let body = json!({
        "id": event, "object": "event", "api_version": "2026-06-24.dahlia", "created": now,
        "data": {"object": {"id": card, "object": "payment_method", "customer": null}},
        "livemode": false, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null},
        "type": "payment_method.updated",
    })
    .to_string();
    let signed = format!("t={now},v1={}", signature(&tenant.webhook_secrets[0], now, &body));
    let address = format!("http://127.0.0.1:{port}/webhooks/stripe/{}", tenant.name);
    let request = http.post(address).header("Stripe-Signature", signed).body(body);
    match request.send().await {
        Ok(answer) => answer.status().as_u16(),
        Err(_) => 0,
    }
}
