//! Billfold's use cases: check, order the calls, recover. Knows no HTTP.
//!
//! Whatever changes something at Stripe is an operation: it is written down before the first call, driven step
//! by step, and ends in the transaction that writes its result. A caller who
//! goes away interrupts nothing: every use case that writes runs to its end in a task of its own.

mod engine;
mod error;
mod identifiers;
mod payment_methods;
mod real_world;
mod reconciler;
mod service;
mod setup_intents;
mod tenants;
mod webhooks;
mod world;

#[cfg(test)]
mod simulation;

pub use error::{Extent, ServiceError};
pub use identifiers::{Identifiers, UlidIdentifiers};
pub use payment_methods::{Confirmation, SavedPaymentMethod, ShownPaymentMethod};
pub use reconciler::Reconciler;
pub use service::{NotReady, Service, ServiceOptions};
pub use tenants::Tenant;
pub use webhooks::{StripeDelivery, WebhookError, WebhookPlace, WebhookWorker, WebhookWorkerOptions};
