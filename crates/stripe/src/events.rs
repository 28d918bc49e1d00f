//! Events: what happened at Stripe, as a webhook brings it or as a list has it.

use std::fmt;

use billfold_domain::{IdError, PaymentMethodId, StripeAccountId, UtcTimestamp};
use serde::Deserialize;

use crate::{
    Account, StripeError, StripePage,
    client::Call,
    form::Form,
    open_enum::{bounded_name, open_enum},
    page::ListJson,
    wire::{Unreadable, read_id, read_json, read_optional_id},
};

/// An event (`evt_…`), by which deliveries of the same event are told to be one. 1 to 255 characters of
/// `[A-Za-z0-9_]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Box<str>);

impl EventId {
    /// Takes a text for an event's identifier after checking its length and its characters.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, IdError> {
        let text = text.into();
        // Stripe's identifiers have one alphabet and one bound, so this one is checked like the others.
        PaymentMethodId::parse(text.clone())?;
        Ok(Self(text))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

open_enum! {
    /// What happened. Those listed are the ones that Billfold acts upon.
    EventType {
        /// A customer was deleted: its payment methods are dead, and no event tells of each.
        CustomerDeleted = "customer.deleted",
        /// A payment method was attached to a customer.
        PaymentMethodAttached = "payment_method.attached",
        /// The card network changed a card's number or expiry.
        PaymentMethodAutomaticallyUpdated = "payment_method.automatically_updated",
        /// A payment method was detached: the object's customer is empty by now.
        PaymentMethodDetached = "payment_method.detached",
        /// A payment method was changed.
        PaymentMethodUpdated = "payment_method.updated",
        /// A SetupIntent was given up.
        SetupIntentCanceled = "setup_intent.canceled",
        /// An attempt failed: the card was refused, or its owner failed a check.
        SetupIntentSetupFailed = "setup_intent.setup_failed",
        /// A card was saved.
        SetupIntentSucceeded = "setup_intent.succeeded",
    }
}

/// Something that happened at Stripe. What the payload says of the object is left out on purpose: events come in
/// any order, so the object is looked at afresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Stripe's identifier.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// To what.
    pub object: EventObject,
    /// The connected account in which it happened, when a platform's endpoint receives it.
    pub account: Option<StripeAccountId>,
    /// When it happened, in whole seconds.
    pub created: UtcTimestamp,
    /// Whether it is about real money.
    pub livemode: bool,
    /// The version in which the payload is written, at most 64 visible characters.
    pub api_version: Option<Box<str>>,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventObject {
    /// Its identifier (1 to 255 characters of `[A-Za-z0-9_]`); a few objects have none that is.
    pub id: Option<Box<str>>,
    /// Its type (`payment_method`, `setup_intent`, `customer`), at most 64 visible characters.
    pub object_type: Box<str>,
}

/// Why a body is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventParseError {
    /// It is longer than [`Event::MAXIMUM_LENGTH`].
    #[error("the event is too large")]
    TooLarge,
    /// It is not JSON, or lacks what every event has, or has it in another form.
    #[error("the body is not an event of Stripe's")]
    Malformed,
}

/// Which events to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventQuery<'a> {
    /// Only those whose deliveries all succeeded, or only those of which one failed or is outstanding.
    pub delivery_success: Option<bool>,
    /// Only those that happened at or after this time, in whole seconds. Stripe keeps events for 30 days.
    pub created_gte: Option<UtcTimestamp>,
    /// Only those that follow this one, to get the next page.
    pub starting_after: Option<&'a EventId>,
}

#[derive(Deserialize)]
struct EventJson {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    account: Option<String>,
    created: i64,
    #[serde(default)]
    livemode: bool,
    api_version: Option<String>,
    data: EventDataJson,
}

#[derive(Deserialize)]
struct EventDataJson {
    object: EventObjectJson,
}

#[derive(Deserialize)]
struct EventObjectJson {
    id: Option<String>,
    object: String,
}

impl EventJson {
    fn read(self) -> Result<Event, Unreadable> {
        let object = self.data.object;
        Ok(Event {
            id: read_id(EventId::parse(self.id))?,
            event_type: EventType::from_name(&self.event_type),
            object: EventObject {
                // An event about something with an identifier of another form is stored and ignored.
                id: object
                    .id
                    .filter(|id| PaymentMethodId::parse(id.as_str()).is_ok())
                    .map(Into::into),
                object_type: bounded_name(&object.object),
            },
            account: read_optional_id(self.account, StripeAccountId::parse)?,
            created: UtcTimestamp::from_seconds(self.created),
            livemode: self.livemode,
            api_version: self.api_version.as_deref().map(bounded_name),
        })
    }
}

impl Event {
    /// The most bytes that an event may have: 512 KiB.
    pub const MAXIMUM_LENGTH: usize = 512 * 1024;

    /// Reads a webhook's body, which must have been [verified](crate::webhook::verify) before.
    pub fn parse(body: &[u8]) -> Result<Self, EventParseError> {
        if body.len() > Self::MAXIMUM_LENGTH {
            return Err(EventParseError::TooLarge);
        }
        read_json(body)
            .and_then(EventJson::read)
            .map_err(|_| EventParseError::Malformed)
    }
}

impl Account<'_> {
    /// Looks at an event.
    pub async fn retrieve_event(&self, id: &EventId) -> Result<Event, StripeError> {
        let call = Call::get("/v1/events/{id}", Some(id.as_str()), Form::new());
        self.call(call, EventJson::read).await
    }

    /// Lists events of the types that Billfold acts upon ([`EventType::KNOWN`]), newest first, at most 100.
    pub async fn list_events(&self, query: &EventQuery<'_>) -> Result<StripePage<Event>, StripeError> {
        let mut form = Form::new().with_page(query.created_gte, query.starting_after.map(EventId::as_str));
        if let Some(delivery_success) = query.delivery_success {
            form = form.with("delivery_success", delivery_success.to_string());
        }
        // Other types may carry objects so large that a page would not fit the bound of an answer.
        for event_type in EventType::KNOWN {
            form = form.with("types[]", event_type.as_str());
        }
        let call = Call::get("/v1/events", None, form);
        self.call(call, |json: ListJson<EventJson>| json.into_page(EventJson::read))
            .await
    }
}
