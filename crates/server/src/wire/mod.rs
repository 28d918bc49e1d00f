//! What goes over the wire, and how text becomes a value: the only place where input is checked.

pub(crate) mod account;
pub(crate) mod audit_event;
pub(crate) mod body;
pub(crate) mod fault;
pub(crate) mod idempotency_key;
pub(crate) mod json_object;
pub(crate) mod json_text;
pub(crate) mod list_query;
pub(crate) mod payment_method;
pub(crate) mod project;
pub(crate) mod project_error;
pub(crate) mod setup_intent;
pub(crate) mod time;
