//! The adapter against a server that speaks HTTP: what is sent, what is understood, what is done when things go
//! wrong.
#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

mod card_errors;
mod customers;
mod errors;
mod events_and_accounts;
mod fixtures;
mod payment_methods;
mod retries;
mod secrecy_and_log;
mod setup_intents;
mod support;
mod transport;
mod turnstile;
mod webhook_endpoints;
