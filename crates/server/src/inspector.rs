//! What a development server remembers of what happens in it, for its inspector page.
//!
//! It sees what a trace sees: requests, and the statements and calls to Stripe that they cause (docs/logging.md, "Spans").
//! So it knows no more than a log may say, and nothing need be told to it.

use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    time::{Instant, SystemTime},
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::{
    Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, Filter},
    registry::LookupSpan,
};

/// How many entries are remembered. The oldest go first.
const REMEMBERED: usize = 2_000;

/// The spans that are seen. Work of the background has no entry of its own: most of it finds nothing to do.
const REQUEST: &str = "request";
const BACKGROUND: &str = "background";
const STRIPE_CALL: &str = "stripe_call";
const QUERY: &str = "query";

/// Routes whose requests are not shown: what machines ask all day, and no route, such as the inspector itself.
const UNSEEN_ROUTES: [&str; 4] = ["", "/health/live", "/health/ready", "/openapi.yaml"];

/// What has happened. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Inspector(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    entries: VecDeque<Entry>,
    /// How many entries there have been: the newest one's number.
    made: u64,
    /// How many changes there have been: the newest one's number.
    changed: u64,
}

/// A request, a statement or a call to Stripe.
#[derive(Debug)]
struct Entry {
    number: u64,
    changed: u64,
    kind: &'static str,
    /// The entry of the request that caused it.
    parent: Option<u64>,
    /// What the background was doing, where no request caused it.
    background: Option<String>,
    began: SystemTime,
    facts: Facts,
    milliseconds: Option<u128>,
}

/// What a span says of itself.
#[derive(Clone, Debug, Default)]
struct Facts {
    id: Option<String>,
    method: Option<String>,
    route: Option<String>,
    operation: Option<String>,
    project: Option<String>,
    endpoint: Option<String>,
    statement: Option<String>,
    outcome: Option<String>,
    status: Option<u64>,
}

/// What a span of the trace is to the inspector.
enum Seen {
    /// An entry, and when it began.
    Entry(u64, Instant),
    /// Work of the background, by its name.
    Background(String),
    /// Nothing: what it causes is not shown either.
    Hidden,
}

impl Inspector {
    /// Which spans are told to it, whatever the log says.
    pub(crate) fn filter<S>() -> impl Filter<S> {
        tracing_subscriber::filter::filter_fn(|metadata: &Metadata<'_>| {
            metadata.is_span() && matches!(metadata.name(), REQUEST | BACKGROUND | STRIPE_CALL | QUERY)
        })
    }

    /// What has come or changed after the change of this number, the oldest first, and the newest change's number.
    pub(crate) fn since(&self, change: u64) -> Value {
        let memory = self.0.lock();
        // A number from before the server was started anew.
        let change = if change > memory.changed { 0 } else { change };
        let entries: Vec<Value> = memory
            .entries
            .iter()
            .filter(|entry| entry.changed > change)
            .map(Entry::to_json)
            .collect();
        json!({"last": memory.changed, "entries": entries})
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Entry)) {
        let mut memory = self.0.lock();
        memory.changed += 1;
        let changed = memory.changed;
        let oldest = memory.entries.front().map_or(u64::MAX, |entry| entry.number);
        let place = number
            .checked_sub(oldest)
            .and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| memory.entries.get_mut(place)) {
            entry.changed = changed;
            change(entry);
        }
    }

    fn add(&self, kind: &'static str, parent: Option<u64>, background: Option<String>, facts: Facts) -> Seen {
        let mut memory = self.0.lock();
        memory.made += 1;
        memory.changed += 1;
        let number = memory.made;
        let entry = Entry {
            number,
            changed: memory.changed,
            kind,
            parent,
            background,
            began: SystemTime::now(),
            facts,
            milliseconds: None,
        };
        memory.entries.push_back(entry);
        if memory.entries.len() > REMEMBERED {
            memory.entries.pop_front();
        }
        Seen::Entry(number, Instant::now())
    }

    /// What becomes of a new span, by what the nearest one around it is.
    fn see(&self, name: &str, facts: Facts, around: Option<&Seen>) -> Seen {
        match (name, around) {
            (REQUEST, _) => {
                let route = facts.route.as_deref().unwrap_or_default();
                if UNSEEN_ROUTES.contains(&route) || route.starts_with("/demo") || route.starts_with("/docs")
                {
                    return Seen::Hidden;
                }
                self.add(REQUEST, None, None, facts)
            }
            (BACKGROUND, _) => Seen::Background(facts.operation.unwrap_or_default()),
            (STRIPE_CALL, Some(Seen::Background(of))) => self.add(STRIPE_CALL, None, Some(of.clone()), facts),
            (STRIPE_CALL, Some(&Seen::Entry(parent, _))) => self.add(STRIPE_CALL, Some(parent), None, facts),
            (QUERY, Some(&Seen::Entry(parent, _))) => self.add(QUERY, Some(parent), None, facts),
            _ => Seen::Hidden,
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Inspector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut facts = Facts::default();
        attributes.record(&mut facts);
        let around = span.parent();
        let around = around.as_ref().map(|parent| parent.extensions());
        let around = around.as_ref().and_then(|extensions| extensions.get::<Seen>());
        let seen = self.see(span.name(), facts, around);
        span.extensions_mut().insert(seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(&Seen::Entry(number, _)) = span.extensions().get::<Seen>() {
            self.change(number, |entry| values.record(&mut entry.facts));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(&Seen::Entry(number, began)) = span.extensions().get::<Seen>() {
            let took = began.elapsed().as_millis();
            self.change(number, |entry| entry.milliseconds = Some(took));
        }
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let Facts {
            id,
            method,
            route,
            project,
            endpoint,
            statement,
            outcome,
            status,
            ..
        } = &self.facts;
        let what = match (method, route, endpoint, statement) {
            (Some(method), Some(route), ..) => format!("{method} {route}"),
            (.., Some(endpoint), _) => endpoint.clone(),
            (.., statement) => statement.clone().unwrap_or_default(),
        };
        json!({
            "number": self.number,
            "kind": self.kind,
            "parent": self.parent,
            "background": self.background,
            "at": OffsetDateTime::from(self.began).format(&Rfc3339).unwrap_or_default(),
            "request": id,
            "project": project,
            "what": what,
            "outcome": outcome,
            "status": status,
            "milliseconds": self.milliseconds,
        })
    }
}

impl Facts {
    fn place(&mut self, field: &Field) -> Option<&mut Option<String>> {
        Some(match field.name() {
            "id" => &mut self.id,
            "method" => &mut self.method,
            "route" => &mut self.route,
            "operation" => &mut self.operation,
            "project" => &mut self.project,
            "endpoint" => &mut self.endpoint,
            "statement" => &mut self.statement,
            "outcome" => &mut self.outcome,
            _ => return None,
        })
    }
}

impl Visit for Facts {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "status" {
            self.status = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(place) = self.place(field) {
            *place = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(place) = self.place(field) {
            *place = Some(format!("{value:?}"));
        }
    }
}
