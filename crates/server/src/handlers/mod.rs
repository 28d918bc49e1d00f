//! What each route does: take the caller, read the input, call the use case, show the result.

pub(crate) mod account_payment_methods;
pub(crate) mod account_setup_intents;
pub(crate) mod audit_events;
mod fulfil;
pub(crate) mod health;
pub(crate) mod payment_methods;
pub(crate) mod projects;
pub(crate) mod setup_intents;
pub(crate) mod stripe_webhooks;

use crate::{error::FaceError, reply::Reply};

pub(crate) type Answer<Face> = Result<Reply, FaceError<Face>>;
