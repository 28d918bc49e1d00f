//! The endpoints under `/_sandbox`, which Stripe does not have.

use serde_json::{Value, json};

use crate::call::{Authority, Call, RequestContext};
use crate::confirmation;
use crate::events::{self, API_VERSION};
use crate::faults::Rule;
use crate::form;
use crate::parameters::Parameters;
use crate::process::{Incoming, Reply};
use crate::shared::Shared;
use crate::state::World;
use crate::{accounts, customers, payment_method, setup_intent};

/// Answers a request to a control endpoint. They take no key: the sandbox listens on loopback.
pub(crate) fn answer(shared: &Shared, incoming: &Incoming) -> Reply {
    let (status, body) = match dispatch(shared, incoming) {
        Ok(body) => (200, body),
        Err((status, message)) => (status, json!({ "error": { "message": message } })),
    };
    let headers = vec![("Content-Type", "application/json".to_owned())];
    Reply {
        status,
        headers,
        body: body.to_string(),
    }
}

type Refusal = (u16, String);

fn dispatch(shared: &Shared, incoming: &Incoming) -> Result<Value, Refusal> {
    let segments: Vec<&str> = incoming
        .path
        .trim_start_matches("/_sandbox/")
        .split('/')
        .collect();
    let account = account(&incoming.query)?;
    let account = account.as_deref();
    let mut world = shared.world.lock();
    match (incoming.method.as_str(), segments.as_slice()) {
        ("GET", ["faults"]) => Ok(world.faults.to_json()),
        ("POST", ["faults"]) => {
            for rule in rules(&incoming.body)? {
                world.faults.add(rule).map_err(|message| (400, message))?;
            }
            Ok(world.faults.to_json())
        }
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            Ok(world.faults.to_json())
        }
        ("GET", ["ledger"]) => Ok(world.ledger.to_json(account, since(&incoming.query)?)),
        ("GET", ["requests"]) => Ok(world.requests.to_json(account)),
        ("DELETE", ["requests"]) => {
            world.requests.reset();
            Ok(world.requests.to_json(None))
        }
        ("GET", ["state"]) => Ok(state(&world, account)),
        ("POST", ["events", id, "deliver"]) => {
            let endpoints = events::deliver_again(&mut world, id).ok_or((404, format!("no event '{id}'")))?;
            shared.commit(&mut world);
            Ok(json!({ "event": id, "endpoints": endpoints }))
        }
        ("POST", ["setup_intents", id, "fail"]) => {
            let intent = fail_challenge(shared, &mut world, id, incoming);
            shared.commit(&mut world);
            intent
        }
        _ => Err((
            404,
            format!("no control endpoint {} {}", incoming.method, incoming.path),
        )),
    }
}

/// One rule, or an array of them.
fn rules(body: &[u8]) -> Result<Vec<Rule>, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|error| (400, format!("not JSON: {error}")))?;
    let items = if let Value::Array(items) = value {
        items
    } else {
        vec![value]
    };
    items
        .into_iter()
        .map(|item| serde_json::from_value(item).map_err(|error| (400, format!("not a fault: {error}"))))
        .collect()
}

/// `account=`: an account's id, or a key of it.
fn account(query: &str) -> Result<Option<String>, Refusal> {
    let given = query_text(query, "account")?;
    Ok(given.map(|given| accounts::account_of_key(&given).unwrap_or(given)))
}

fn since(query: &str) -> Result<u64, Refusal> {
    let given = query_text(query, "since")?;
    given.map_or(Ok(0), |given| {
        given
            .parse()
            .map_err(|_| (400, "since must be a whole number".to_owned()))
    })
}

fn query_text(query: &str, name: &str) -> Result<Option<String>, Refusal> {
    let tree = form::parse(query).map_err(|error| (400, error.to_string()))?;
    Ok(tree.get(name).and_then(Value::as_str).map(str::to_owned))
}

/// Every object of an account (or of all), oldest first.
fn state(world: &World, wanted: Option<&str>) -> Value {
    let accounts: serde_json::Map<String, Value> = world
        .accounts
        .iter()
        .filter(|(id, _)| wanted.is_none_or(|wanted| *id == wanted))
        .map(|(id, account)| {
            let customers: Vec<Value> = account
                .customers
                .iter()
                .map(customers::Customer::to_json)
                .collect();
            let methods: Vec<Value> = account
                .payment_methods
                .iter()
                .map(payment_method::PaymentMethod::to_json)
                .collect();
            let intents: Vec<Value> = account
                .setup_intents
                .iter()
                .map(setup_intent::SetupIntent::to_json)
                .collect();
            let value = json!({
                "platform": account.platform,
                "customers": customers,
                "payment_methods": methods,
                "setup_intents": intents,
            });
            (id.clone(), value)
        })
        .collect();
    json!({ "accounts": accounts })
}

/// The owner fails the challenge of an intent, in whatever account it is.
fn fail_challenge(
    shared: &Shared,
    world: &mut World,
    id: &str,
    incoming: &Incoming,
) -> Result<Value, Refusal> {
    let owner = world
        .accounts
        .iter()
        .find(|(_, account)| account.setup_intents.get(id).is_some());
    let (account, platform) = owner
        .map(|(id, account)| (id.clone(), account.platform.clone()))
        .ok_or((404, format!("no setup intent '{id}'")))?;
    let request = RequestContext {
        id: world.identifiers.short("req"),
        method: incoming.method.clone(),
        path: incoming.path.clone(),
        idempotency_key: None,
        version: API_VERSION.to_owned(),
        account,
        platform,
        authority: Authority::Secret,
        now: shared.options.clock.now(),
    };
    let parameters = Parameters::default();
    let mut call = Call {
        world,
        request: &request,
        parameters: &parameters,
        path: vec![id.to_owned()],
    };
    confirmation::fail_challenge(&mut call).map_err(|_| {
        (
            409,
            format!("setup intent '{id}' is not waiting for a challenge (requires_action)"),
        )
    })
}
