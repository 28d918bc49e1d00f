//! Stripe, as Billfold calls it: a typed adapter over its HTTP interface, the only crate that names Stripe's JSON.
//!
//! A [`StripeClient`] holds the connections of the whole process; [`StripeClient::account`] joins it with one
//! tenant's [`Credentials`] and gives the calls. Every call answers with a domain value or a [`StripeError`],
//! whose [`outcome`](StripeError::outcome) tells whether anything can have changed at Stripe.
//!
//! Three rules hold for every call:
//! - It ends within [`ClientOptions::call_timeout`], a second send included.
//! - It is sent at most twice, both times with the same idempotency key, and each time when the [`Turnstile`] of whoever
//!   calls lets it go.
//! - Nothing that Stripe writes for developers reaches an error's text; the `Request-Id` in the log leads to it.

mod open_enum;

mod accounts;
mod client;
mod credentials;
mod customers;
mod error;
mod error_parse;
mod events;
mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod options;
mod page;
mod payment_methods;
mod retry;
mod sending;
mod setup_intents;
mod turnstile;
mod webhook_endpoints;
mod wire;

pub mod webhook;

pub use accounts::StripeAccount;
pub use client::{Account, STRIPE_VERSION, StripeClient};
pub use credentials::{Credentials, IdempotencyKey, IdempotencyKeyError, KeyMode};
pub use customers::{CustomerQuery, CustomerState, NewCustomer, StripeCustomer};
pub use error::{
    CardError, CardErrorCode, DeclineCode, MissingResource, NotSentReason, Outcome, RateLimitReason,
    StripeError, UnknownReason,
};
pub use events::{Event, EventId, EventObject, EventParseError, EventQuery, EventType};
pub use options::{ClientError, ClientOptions};
pub use page::StripePage;
pub use payment_methods::{StripePaymentMethod, StripePaymentMethodKind, WalletType};
pub use setup_intents::{NewSetupIntent, SetupIntentQuery, StripeSetupIntent};
pub use turnstile::{Turn, Turnstile};
pub use webhook_endpoints::{MadeWebhookEndpoint, NewWebhookEndpoint, WebhookEndpoint};
pub use wire::StripeMetadata;
