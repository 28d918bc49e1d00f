//! Events: what happened, and to whom it was told.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::errors::ApiError;
use crate::state::{Delivery, Record, World, stored};

/// The version that objects and events are rendered as.
pub(crate) const API_VERSION: &str = "2026-06-24.dahlia";

/// How long an event can be read.
const RETENTION_SECONDS: u64 = 30 * 86_400;

/// Parameters of the list.
pub(crate) const LIST_FIELDS: &[&str] = &["delivery_success", "type", "types"];

/// One event and its deliveries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) created: u64,
    kind: String,
    object: Value,
    previous_attributes: Option<Value>,
    request_id: String,
    idempotency_key: Option<String>,
    /// The connected account that it happened in; `None` in an account with keys of its own.
    connected_account: Option<String>,
    pub(crate) deliveries: Vec<DeliveryState>,
}
stored!(Event);

/// How far the delivery to one endpoint is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeliveryState {
    pub(crate) endpoint_account: String,
    pub(crate) endpoint: String,
    pub(crate) delivered: bool,
    pub(crate) attempts: u32,
}

impl Event {
    /// The event as the given version shows it. Endpoints that are gone wait for nothing.
    pub(crate) fn to_json(&self, world: &World, api_version: &str) -> Value {
        let mut data = json!({ "object": self.object });
        if let Some(previous) = &self.previous_attributes {
            data["previous_attributes"] = previous.clone();
        }
        let mut event = json!({
            "id": self.id,
            "object": "event",
            "api_version": api_version,
            "created": self.created,
            "data": data,
            "livemode": false,
            "pending_webhooks": self.pending(world).count(),
            "request": { "id": self.request_id, "idempotency_key": self.idempotency_key },
            "type": self.kind,
        });
        if let Some(account) = &self.connected_account {
            event["account"] = json!(account);
        }
        event
    }

    /// The deliveries that have not succeeded and still have an endpoint.
    fn pending<'a>(&'a self, world: &'a World) -> impl Iterator<Item = &'a DeliveryState> {
        self.deliveries.iter().filter(|delivery| {
            let account = world.accounts.get(&delivery.endpoint_account);
            !delivery.delivered
                && account.is_some_and(|account| account.webhook_endpoints.get(&delivery.endpoint).is_some())
        })
    }

    fn delivery_to(&self, account: &str, state: &DeliveryState) -> Delivery {
        Delivery {
            account: account.to_owned(),
            event: self.id.clone(),
            endpoint_account: state.endpoint_account.clone(),
            endpoint: state.endpoint.clone(),
        }
    }
}

/// Records an event of the request's account and queues its deliveries.
pub(crate) fn record(call: &mut Call<'_>, kind: &str, object: Value, previous_attributes: Option<Value>) {
    forget_old(call);
    let connected_account = call
        .request
        .platform
        .as_ref()
        .map(|_| call.request.account.clone());
    let mut event = Event {
        id: call.world.identifiers.long("evt"),
        sequence: call.world.next_sequence(),
        created: call.now(),
        kind: kind.to_owned(),
        object,
        previous_attributes,
        request_id: call.request.id.clone(),
        idempotency_key: call.request.idempotency_key.clone(),
        connected_account,
        deliveries: Vec::new(),
    };
    enqueue(call.world, &call.request.account, &mut event);
    call.put(Record::Event(event));
}

/// Queues an event for every endpoint that listens to it. Returns to how many.
fn enqueue(world: &mut World, account: &str, event: &mut Event) -> usize {
    let platform = world
        .accounts
        .get(account)
        .and_then(|account| account.platform.clone());
    let own = world
        .accounts
        .get(account)
        .into_iter()
        .map(|place| (account, place, false));
    let above = platform
        .as_deref()
        .and_then(|id| Some((id, world.accounts.get(id)?, true)));
    let mut endpoints = Vec::new();
    for (owner, place, connect) in own.chain(above) {
        let listening = place
            .webhook_endpoints
            .iter()
            .filter(|endpoint| endpoint.listens(&event.kind, connect));
        endpoints.extend(listening.map(|endpoint| (owner.to_owned(), endpoint.id.clone())));
    }
    for (endpoint_account, endpoint) in &endpoints {
        let known = event
            .deliveries
            .iter()
            .any(|delivery| delivery.endpoint == *endpoint);
        let state = DeliveryState {
            endpoint_account: endpoint_account.clone(),
            endpoint: endpoint.clone(),
            delivered: false,
            attempts: 0,
        };
        world.outbox.push(event.delivery_to(account, &state));
        if !known {
            event.deliveries.push(state);
        }
    }
    endpoints.len()
}

/// Delivers an event once more to all who listen now. `None` when no account has it, else to how many.
pub(crate) fn deliver_again(world: &mut World, id: &str) -> Option<usize> {
    let (account, mut event) = world
        .accounts
        .iter()
        .find_map(|(account, place)| Some((account.clone(), place.events.get(id)?.clone())))?;
    let count = enqueue(world, &account, &mut event);
    world.put(&account, Record::Event(event));
    Some(count)
}

/// Queues what a stopped sandbox had not delivered yet.
pub(crate) fn resume_deliveries(world: &mut World) {
    let mut waiting = Vec::new();
    for (account, place) in &world.accounts {
        for event in place.events.iter() {
            waiting.extend(
                event
                    .pending(world)
                    .map(|state| event.delivery_to(account, state)),
            );
        }
    }
    world.outbox.extend(waiting);
}

fn forget_old(call: &mut Call<'_>) {
    let oldest = call.now().saturating_sub(RETENTION_SECONDS);
    let old: Vec<String> = call
        .account()
        .events
        .iter()
        .take_while(|event| event.created < oldest)
        .map(|event| event.id.clone())
        .collect();
    for id in old {
        call.world.forget_event(&call.request.account, &id);
    }
}

pub(crate) fn retrieve(call: &mut Call<'_>) -> Answer {
    let id = &call.path[0];
    let event = call.account().events.get(id);
    event
        .map(|event| event.to_json(call.world, API_VERSION))
        .ok_or_else(|| ApiError::no_such("event", id, "id"))
}

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    let kind = call.parameters.filled("type")?;
    let kinds = call.parameters.texts("types")?;
    if kind.is_some() && kinds.is_some() {
        return Err(ApiError::validation(
            "You may only specify one of these parameters: type, types.",
        ));
    }
    let success = call.parameters.boolean("delivery_success")?;
    let world = &*call.world;
    call.page(
        &call.account().events,
        |event| {
            kind.is_none_or(|pattern| matches(pattern, &event.kind))
                && kinds
                    .as_ref()
                    .is_none_or(|kinds| kinds.iter().any(|pattern| matches(pattern, &event.kind)))
                && success.is_none_or(|success| success == event.pending(world).next().is_none())
        },
        |event| event.to_json(world, API_VERSION),
    )
}

/// Whether a name such as `customer.created`, `customer.*` or `*` covers an event type.
pub(crate) fn matches(pattern: &str, kind: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == kind, |start| kind.starts_with(start))
}
