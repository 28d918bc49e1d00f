//! The whole product over HTTP: every rule of the two faces, on every database, against a Stripe that remembers.

#[path = "../support/mod.rs"]
mod support;

mod account_payment_methods;
mod account_setup_intents;
mod card_display;
mod confirmation;
mod connections;
mod create;
mod cross_origin;
mod declines;
mod delete;
mod hang_up;
mod health;
mod idempotency;
mod idempotency_joining;
mod idempotency_keys;
mod idempotency_races;
mod list;
mod list_walk;
mod races;
mod reconciler;
mod setup_intents;
mod stripe_faults;
mod stripe_faults_on_reads;
mod sweep;
mod sweep_in_the_background;
mod sweep_reports;
mod webhook_flows;
mod webhook_orders;
mod webhook_troubles;
mod webhooks;
