//! Stripe's webhooks: `intake` believes and acknowledges them, `storing` stores them, `worker` looks at what they tell of.

mod intake;
mod standing;
mod storing;
mod worker;

pub(crate) use intake::new_event;
pub use intake::{ExpectedWebhook, StripeDelivery, WebhookError};
pub(crate) use storing::Intake;
pub use worker::{WebhookWorker, WebhookWorkerOptions};
