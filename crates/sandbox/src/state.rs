//! Everything the sandbox remembers, and the one way to change it.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::customers::Customer;
use crate::events::Event;
use crate::faults::Faults;
use crate::idempotency::Kept;
use crate::identifiers::Identifiers;
use crate::ledger::{Ledger, LedgerEntry, RequestCounts};
use crate::payment_method::PaymentMethod;
use crate::setup_intent::SetupIntent;
use crate::webhooks::WebhookEndpoint;

/// An object with an id and a place in the order of creation.
pub(crate) trait Stored {
    fn id(&self) -> &str;
    /// Larger for the younger object, unique in the sandbox.
    fn sequence(&self) -> u64;
    /// Seconds since 1970.
    fn created(&self) -> u64;
}

/// Implements [`Stored`] for a record with the three fields of those names.
macro_rules! stored {
    ($record:ty) => {
        impl $crate::state::Stored for $record {
            fn id(&self) -> &str {
                &self.id
            }
            fn sequence(&self) -> u64 {
                self.sequence
            }
            fn created(&self) -> u64 {
                self.created
            }
        }
    };
}
pub(crate) use stored;

/// Objects of one kind in one account, found by id and walked in order of creation.
#[derive(Debug)]
pub(crate) struct Collection<T> {
    by_id: HashMap<String, T>,
    order: BTreeMap<u64, String>,
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self {
            by_id: HashMap::new(),
            order: BTreeMap::new(),
        }
    }
}

impl<T: Stored> Collection<T> {
    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.by_id.get(id)
    }

    fn put(&mut self, object: T) {
        self.order.insert(object.sequence(), object.id().to_owned());
        self.by_id.insert(object.id().to_owned(), object);
    }

    fn remove(&mut self, id: &str) -> Option<T> {
        let object = self.by_id.remove(id)?;
        self.order.remove(&object.sequence());
        Some(object)
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.order.values().filter_map(|id| self.by_id.get(id))
    }

    /// Those older than a sequence number, newest first.
    pub(crate) fn older_than(&self, sequence: u64) -> impl Iterator<Item = &T> {
        self.order
            .range(..sequence)
            .rev()
            .filter_map(|(_, id)| self.by_id.get(id))
    }

    /// Those younger than a sequence number, oldest first.
    pub(crate) fn younger_than(&self, sequence: u64) -> impl Iterator<Item = &T> {
        self.order
            .range(sequence + 1..)
            .filter_map(|(_, id)| self.by_id.get(id))
    }
}

/// One Stripe account: nothing in it is seen from another.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// The account whose keys may act on this one by `Stripe-Account`; `None` for an account with keys of its own.
    pub(crate) platform: Option<String>,
    /// Seconds since 1970.
    pub(crate) created: u64,
    pub(crate) customers: Collection<Customer>,
    pub(crate) payment_methods: Collection<PaymentMethod>,
    pub(crate) setup_intents: Collection<SetupIntent>,
    pub(crate) webhook_endpoints: Collection<WebhookEndpoint>,
    pub(crate) events: Collection<Event>,
    /// Answers by idempotency key.
    pub(crate) kept: HashMap<String, Kept>,
}

/// One changed object, as the journal has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub(crate) enum Record {
    Account { platform: Option<String>, created: u64 },
    Customer(Customer),
    PaymentMethod(PaymentMethod),
    SetupIntent(SetupIntent),
    WebhookEndpoint(WebhookEndpoint),
    WebhookEndpointDeleted(String),
    Event(Event),
    Kept(String, Kept),
    Ledger(LedgerEntry),
}

/// A changed object and the account that it is in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) account: String,
    pub(crate) record: Record,
}

/// One delivery to make: an event to an endpoint, which may be in the platform's account.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) account: String,
    pub(crate) event: String,
    pub(crate) endpoint_account: String,
    pub(crate) endpoint: String,
}

/// The whole state of a sandbox.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) identifiers: Identifiers,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    pub(crate) requests: RequestCounts,
    /// Idempotency keys whose first request has not ended, with their account.
    pub(crate) in_progress: HashSet<(String, String)>,
    /// Changes since the last commit, in order.
    changes: Vec<Change>,
    /// Deliveries to hand over at the next commit.
    pub(crate) outbox: Vec<Delivery>,
    sequence: u64,
}

impl World {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self {
            accounts: BTreeMap::new(),
            identifiers: Identifiers::new(seed),
            faults: Faults::default(),
            ledger: Ledger::default(),
            requests: RequestCounts::default(),
            in_progress: HashSet::new(),
            changes: Vec::new(),
            outbox: Vec::new(),
            sequence: 0,
        }
    }

    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Changes one object and remembers to write it down.
    pub(crate) fn put(&mut self, account: &str, record: Record) {
        self.changes.push(Change {
            account: account.to_owned(),
            record: record.clone(),
        });
        self.apply(account, record);
    }

    /// Sets one object, without writing it down: how the journal is read.
    pub(crate) fn apply(&mut self, account: &str, record: Record) {
        let sequence = match &record {
            Record::Customer(object) => object.sequence,
            Record::PaymentMethod(object) => object.sequence,
            Record::SetupIntent(object) => object.sequence,
            Record::WebhookEndpoint(object) => object.sequence,
            Record::Event(object) => object.sequence,
            Record::Account { .. }
            | Record::WebhookEndpointDeleted(_)
            | Record::Kept(..)
            | Record::Ledger(_) => 0,
        };
        self.sequence = self.sequence.max(sequence);
        let place = self.accounts.entry(account.to_owned()).or_default();
        match record {
            Record::Account { platform, created } => {
                place.platform = platform;
                place.created = created;
            }
            Record::Customer(object) => place.customers.put(object),
            Record::PaymentMethod(object) => place.payment_methods.put(object),
            Record::SetupIntent(object) => place.setup_intents.put(object),
            Record::WebhookEndpoint(object) => place.webhook_endpoints.put(object),
            Record::WebhookEndpointDeleted(id) => {
                place.webhook_endpoints.remove(&id);
            }
            Record::Event(object) => place.events.put(object),
            Record::Kept(key, kept) => {
                place.kept.insert(key, kept);
            }
            Record::Ledger(entry) => self.ledger.push(entry),
        }
    }

    /// Forgets an event that is older than Stripe keeps them. The journal drops it at the next compaction.
    pub(crate) fn forget_event(&mut self, account: &str, id: &str) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.events.remove(id);
        }
    }

    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The whole state as changes that rebuild it.
    pub(crate) fn snapshot(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (id, account) in &self.accounts {
            let mut push = |record| {
                changes.push(Change {
                    account: id.clone(),
                    record,
                });
            };
            push(Record::Account {
                platform: account.platform.clone(),
                created: account.created,
            });
            account
                .customers
                .iter()
                .for_each(|object| push(Record::Customer(object.clone())));
            account
                .payment_methods
                .iter()
                .for_each(|object| push(Record::PaymentMethod(object.clone())));
            account
                .setup_intents
                .iter()
                .for_each(|object| push(Record::SetupIntent(object.clone())));
            account
                .webhook_endpoints
                .iter()
                .for_each(|object| push(Record::WebhookEndpoint(object.clone())));
            account
                .events
                .iter()
                .for_each(|object| push(Record::Event(object.clone())));
            account
                .kept
                .iter()
                .for_each(|(key, kept)| push(Record::Kept(key.clone(), kept.clone())));
        }
        changes.extend(self.ledger.entries().map(|entry| Change {
            account: entry.account.clone(),
            record: Record::Ledger(entry.clone()),
        }));
        changes
    }

    /// The account of that id, made if it is new.
    pub(crate) fn open_account(&mut self, id: &str, platform: Option<&str>, now: u64) {
        if !self.accounts.contains_key(id) {
            self.put(
                id,
                Record::Account {
                    platform: platform.map(str::to_owned),
                    created: now,
                },
            );
        }
    }
}

/// The members of `after` whose values differ from `before`, with their values before: `previous_attributes`.
pub(crate) fn previous_attributes(before: &Value, after: &Value) -> Option<Value> {
    let (before, after) = (before.as_object()?, after.as_object()?);
    let mut previous = serde_json::Map::new();
    for (name, old) in before {
        let new = after.get(name).unwrap_or(&Value::Null);
        if old == new {
            continue;
        }
        let inner = if old.is_object() && new.is_object() {
            previous_attributes(old, new)
        } else {
            None
        };
        previous.insert(name.clone(), inner.unwrap_or_else(|| old.clone()));
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        previous.insert(name.clone(), Value::Null);
    }
    (!previous.is_empty()).then_some(Value::Object(previous))
}
