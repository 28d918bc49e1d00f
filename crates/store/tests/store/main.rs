//! The store's suite: the same tests on SQLite in memory, SQLite in a file, and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]
#![allow(clippy::disallowed_methods, reason = "a test is its own authorisation")]

mod harness;

mod alongside;
mod api_keys;
mod audit_events;
mod backlog;
mod chores;
mod connecting;
mod cors_origins;
mod customers;
mod due_work;
mod failover;
mod idempotency_keys;
mod inspection;
mod installation_secrets;
mod instances;
mod isolation;
mod key_rotation;
mod master_keys;
mod migrations;
mod mirror;
mod moving;
mod operations;
mod operations_fence;
mod pages;
mod pages_model;
mod pages_while_changing;
mod partitions;
mod payment_methods_create;
mod payment_methods_delete;
mod payment_methods_read;
mod plain_credentials;
mod project_deletion;
mod project_lifecycle;
mod projects;
mod rate_limits;
mod recording;
mod refused_callers;
mod roles;
mod row_security;
mod schema;
mod sealed_credentials;
mod setup_intents;
mod sweeping;
mod unavailable;
mod webhook_events;
mod webhooks;
