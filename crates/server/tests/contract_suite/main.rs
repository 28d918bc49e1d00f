//! The whole contract over HTTP: every operation, every status, every caller and every kind of bad input, on SQLite and
//! on PostgreSQL.
//!
//! Requests go out as bytes over TCP, so that nothing between the test and the server tidies them up; every answer is
//! held against `openapi.yaml`.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../../../auth/tests/corpus/mod.rs"]
mod corpus;

mod api_keys;
mod arbitrary;
mod bodies;
mod body_cases;
mod forge;
mod http;
mod list_parameters;
mod matrix;
mod operations;
mod operator;
mod path_parameters;
mod raw_http;
mod routes;
mod scene;
mod signatures;
mod statuses;
mod tenants;
mod token_corpus;
mod token_transport;
mod tokens;
mod world;
