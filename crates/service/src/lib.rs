//! Billfold's use cases: check, order the calls, recover. Knows no HTTP.
//!
//! Whatever changes something at Stripe is an operation: it is written down before the first call, driven step
//! by step, and ends in the transaction that writes its result. A caller who
//! goes away interrupts nothing: every use case that writes runs to its end in a task of its own.

mod api_keys;
mod attendance;
mod audit;
mod background;
mod bulkhead;
mod chores;
mod cors;
mod engine;
mod error;
mod fair_places;
mod holding;
mod idempotency;
mod identifiers;
mod interruption;
mod pace;
mod pacing;
mod payment_methods;
mod places;
mod projects;
mod rate_limits;
mod real_world;
mod reconciler;
mod running;
mod service;
mod setup_intents;
mod sweep;
mod tenants;
mod turns;
mod undelivered_events;
mod upkeep;
mod webhooks;
mod wish;
mod world;

#[cfg(test)]
mod crash_points;
#[cfg(test)]
mod simulation;

pub use api_keys::{ApiKeyError, ApiKeyRefusal, VerifiedApiKey};
pub use audit::{Asker, Attribution, AuditLog, ToldRefusal};
pub use bulkhead::BulkheadOptions;
pub use error::{Extent, ServiceError};
pub use idempotency::{Answer, GivenAnswer, RequestKey};
pub use identifiers::{Identifiers, UlidIdentifiers};
pub use pacing::{PacingOptions, PacingState};
pub use payment_methods::{Confirmation, SavedPaymentMethod, ShownPaymentMethod};
pub use projects::{
    AccountLook, ConnectedAccountChange, CreateProject, DeletionProgress, OperatorAttribution, ProjectError,
    ShownProject, ToldOutcome, UpdateProject,
};
pub use rate_limits::{Access, Admission, LimitReached, PolicyState, Presence, RateLimitOptions};
pub use reconciler::Reconciler;
pub use service::{NotReady, Service, ServiceOptions};
pub use sweep::{Contradiction, ContradictionKind, SweepReport, UnreadUser};
pub use tenants::Tenant;
pub use upkeep::{EndedOperations, OpenOperation};
pub use webhooks::{ExpectedWebhook, StripeDelivery, WebhookError, WebhookWorker, WebhookWorkerOptions};
pub use wish::{Fulfilled, Wish};
