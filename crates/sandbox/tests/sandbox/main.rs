//! Black-box tests: everything over HTTP, each against a sandbox of its own on a free port.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

mod accounts;
mod challenges;
mod client;
mod customers;
mod faults;
mod idempotency;
mod payment_methods;
mod persistence;
mod setup_intents;
mod shapes;
mod stripe_js;
mod webhooks;
