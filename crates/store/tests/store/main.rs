//! The store's suite: the same tests on SQLite in memory, SQLite in a file, and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]
#![allow(clippy::disallowed_methods, reason = "a test is its own authorisation")]

mod harness;

mod chores;
mod connecting;
mod customers;
mod due_work;
mod idempotency_keys;
mod isolation;
mod migrations;
mod mirror;
mod operations;
mod operations_fence;
mod pages;
mod pages_model;
mod pages_while_changing;
mod payment_methods_create;
mod payment_methods_delete;
mod payment_methods_read;
mod projects;
mod schema;
mod setup_intents;
mod sweeping;
mod unavailable;
mod webhook_events;
mod webhooks;
