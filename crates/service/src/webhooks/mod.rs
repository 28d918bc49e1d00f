//! Stripe's webhooks: `intake` believes, stores and acknowledges them, `worker` looks at what they tell of.

mod intake;
mod standing;
mod worker;

pub use intake::{ExpectedWebhook, StripeDelivery, WebhookError};
pub(crate) use intake::{Intake, new_event};
pub use worker::{WebhookWorker, WebhookWorkerOptions};
