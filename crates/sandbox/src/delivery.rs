//! Sends events to their endpoints, signed as Stripe signs them.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use reqwest::redirect::Policy;
use sha2::Sha256;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::events::API_VERSION;
use crate::shared::Shared;
use crate::state::{Delivery, Record};

/// Most deliveries under way at once.
const CONCURRENT: usize = 32;

/// Sends what is queued until the queue's other end is gone. Dropping the future stops every delivery.
pub(crate) async fn run(shared: Arc<Shared>, client: Client, mut queue: UnboundedReceiver<Delivery>) {
    let places = Arc::new(Semaphore::new(CONCURRENT));
    let mut deliveries = JoinSet::new();
    loop {
        tokio::select! {
            next = queue.recv() => match next {
                Some(delivery) => {
                    deliveries.spawn(deliver(Arc::clone(&shared), client.clone(), Arc::clone(&places), delivery));
                }
                None => return,
            },
            Some(_) = deliveries.join_next(), if !deliveries.is_empty() => {}
        }
    }
}

/// The client that deliveries use: like Stripe's, it follows no redirect.
pub(crate) fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .timeout(timeout)
        .redirect(Policy::none())
        .user_agent("Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .build()
}

/// One event to one endpoint: tried until it is accepted, at most as often as the options say.
async fn deliver(shared: Arc<Shared>, client: Client, places: Arc<Semaphore>, delivery: Delivery) {
    let mut delay = shared.options.webhook_first_delay;
    for attempt in 0..shared.options.webhook_attempts {
        if attempt > 0 {
            tokio::time::sleep(delay).await;
            delay = delay.saturating_mul(2);
        }
        let Some(message) = prepare(&shared, &delivery) else {
            return;
        };
        let Ok(_place) = places.acquire().await else {
            return;
        };
        let request = client
            .post(&message.url)
            .header("Content-Type", "application/json; charset=utf-8")
            .header("Stripe-Signature", message.signature)
            .body(message.body);
        let delivered = match request.send().await {
            Ok(response) => response.status().is_success(),
            Err(error) => {
                tracing::debug!(event = delivery.event, %error, "webhook delivery failed");
                false
            }
        };
        note(&shared, &delivery, delivered);
        if delivered {
            return;
        }
    }
    tracing::warn!(
        event = delivery.event,
        endpoint = delivery.endpoint,
        "webhook delivery given up"
    );
}

struct Message {
    url: String,
    body: String,
    signature: String,
}

/// The event as it stands now; `None` when the event or the endpoint is gone.
fn prepare(shared: &Shared, delivery: &Delivery) -> Option<Message> {
    let world = shared.world.lock();
    let endpoint = world
        .accounts
        .get(&delivery.endpoint_account)?
        .webhook_endpoints
        .get(&delivery.endpoint)?;
    let event = world
        .accounts
        .get(&delivery.account)?
        .events
        .get(&delivery.event)?;
    let version = endpoint.api_version.as_deref().unwrap_or(API_VERSION);
    let body = serde_json::to_string_pretty(&event.to_json(&world, version)).ok()?;
    let signature = signature(&endpoint.secret, shared.options.clock.now(), &body);
    Some(Message {
        url: endpoint.url.clone(),
        body,
        signature,
    })
}

/// The `Stripe-Signature` header: HMAC-SHA256 of the time, a dot and the body.
pub(crate) fn signature(secret: &str, time: u64, body: &str) -> String {
    let mut code = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    code.update(format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex::encode(code.finalize().into_bytes()))
}

fn note(shared: &Shared, delivery: &Delivery, delivered: bool) {
    let mut world = shared.world.lock();
    let event = world
        .accounts
        .get(&delivery.account)
        .and_then(|account| account.events.get(&delivery.event));
    let Some(mut event) = event.cloned() else { return };
    for state in &mut event.deliveries {
        if state.endpoint == delivery.endpoint {
            state.attempts += 1;
            state.delivered |= delivered;
        }
    }
    world.put(&delivery.account, Record::Event(event));
    shared.commit(&mut world);
}
