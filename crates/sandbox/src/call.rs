//! One request at work on the state.

use serde_json::{Value, json};

use crate::errors::ApiError;
use crate::events;
use crate::ledger::LedgerEntry;
use crate::parameters::Parameters;
use crate::state::{Account, Collection, Record, Stored, World};

/// What a handler answers: the object for a 200, or the error.
pub(crate) type Answer = Result<Value, ApiError>;

/// Whose key the request came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// A secret key: the account's own back end.
    Secret,
    /// A publishable key: somebody's browser.
    Publishable,
}

/// What is known of a request beside its parameters.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) version: String,
    pub(crate) account: String,
    /// The platform, when the account was named by `Stripe-Account`.
    pub(crate) platform: Option<String>,
    pub(crate) authority: Authority,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

/// A request and the state that it may change.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) request: &'a RequestContext,
    pub(crate) parameters: &'a Parameters,
    /// The variable segments of the path, in order.
    pub(crate) path: Vec<String>,
}

impl Call<'_> {
    pub(crate) fn account(&self) -> &Account {
        // Authentication opens the account before any handler runs.
        &self.world.accounts[&self.request.account]
    }

    pub(crate) fn put(&mut self, record: Record) {
        self.world.put(&self.request.account, record);
    }

    pub(crate) fn now(&self) -> u64 {
        self.request.now
    }

    /// Records one accepted effect.
    pub(crate) fn effect(&mut self, effect: &str, object: &str) {
        let entry = LedgerEntry {
            sequence: self.world.ledger.next_sequence(),
            time: self.request.now,
            account: self.request.account.clone(),
            method: self.request.method.clone(),
            path: self.request.path.clone(),
            idempotency_key: self.request.idempotency_key.clone(),
            request_id: self.request.id.clone(),
            object_id: object.to_owned(),
            effect: effect.to_owned(),
        };
        self.put(Record::Ledger(entry));
    }

    /// Records an effect that Stripe also tells of by an event.
    pub(crate) fn emit(&mut self, kind: &str, object: Value, previous: Option<Value>) {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        self.effect(kind, &id);
        events::record(self, kind, object, previous);
    }

    /// One page of a collection, newest first.
    pub(crate) fn page<T: Stored>(
        &self,
        collection: &Collection<T>,
        keep: impl Fn(&T) -> bool,
        render: impl Fn(&T) -> Value,
    ) -> Answer {
        let limit = match self.parameters.integer("limit")? {
            None => 10,
            Some(limit) => usize::try_from(limit)
                .ok()
                .filter(|limit| (1..=100).contains(limit))
                .ok_or_else(|| {
                    let message = "This value must be between 1 and 100 (inclusive).";
                    ApiError::validation(message).param("limit")
                })?,
        };
        let after = self.cursor(collection, "starting_after")?;
        let before = self.cursor(collection, "ending_before")?;
        let created = self.created_filter()?;
        let keep = |object: &&T| created.holds(object.created()) && keep(object);
        let mut found: Vec<&T> = match (after, before) {
            (Some(_), Some(_)) => {
                let message = "You may only specify one of these parameters: ending_before, starting_after.";
                return Err(ApiError::validation(message));
            }
            (_, Some(sequence)) => collection
                .younger_than(sequence)
                .filter(keep)
                .take(limit + 1)
                .collect(),
            (after, None) => collection
                .older_than(after.unwrap_or(u64::MAX))
                .filter(keep)
                .take(limit + 1)
                .collect(),
        };
        let has_more = found.len() > limit;
        found.truncate(limit);
        if before.is_some() {
            found.reverse();
        }
        let data: Vec<Value> = found.into_iter().map(render).collect();
        Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": self.request.path }))
    }

    fn cursor<T: Stored>(&self, collection: &Collection<T>, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(id) = self.parameters.filled(name)? else {
            return Ok(None);
        };
        let object = collection
            .get(id)
            .ok_or_else(|| ApiError::no_such_reference("object", id, name))?;
        Ok(Some(object.sequence()))
    }

    fn created_filter(&self) -> Result<CreatedFilter, ApiError> {
        let mut filter = CreatedFilter {
            first: 0,
            last: i64::MAX,
        };
        if self.parameters.get("created").is_some_and(Value::is_string) {
            if let Some(exact) = self.parameters.integer("created")? {
                filter = CreatedFilter {
                    first: exact,
                    last: exact,
                };
            }
            return Ok(filter);
        }
        if let Some(bound) = self.parameters.integer("created.gt")? {
            filter.first = filter.first.max(bound.saturating_add(1));
        }
        if let Some(bound) = self.parameters.integer("created.gte")? {
            filter.first = filter.first.max(bound);
        }
        if let Some(bound) = self.parameters.integer("created.lt")? {
            filter.last = filter.last.min(bound.saturating_sub(1));
        }
        if let Some(bound) = self.parameters.integer("created.lte")? {
            filter.last = filter.last.min(bound);
        }
        Ok(filter)
    }
}

/// Bounds on the time of creation, both inclusive.
struct CreatedFilter {
    first: i64,
    last: i64,
}

impl CreatedFilter {
    fn holds(&self, created: u64) -> bool {
        let created = i64::try_from(created).unwrap_or(i64::MAX);
        (self.first..=self.last).contains(&created)
    }
}
