//! A whole Billfold for one test: server, database, Stripe sandbox and time, and the ways to reach each.
//!
//! Every answer that a test sees is held against `openapi.yaml` on its way, and must have a `Request-Id` of its own.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each test binary that includes this module uses a part of it, so `expect` would be wrong in some"
)]

pub(crate) mod api_keys;
pub(crate) mod canaries;
mod client;
mod clock;
#[path = "../contract/mod.rs"]
pub(crate) mod contract;
pub(crate) mod database;
pub(crate) mod master_keys;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod stripe;
pub(crate) mod webhooks;

pub(crate) use client::{Request, Response};
pub(crate) use clock::{ManualClock, START};
pub(crate) use database::Backend;
pub(crate) use server::{Server, ServerBuilder};
pub(crate) use stripe::StripeAccount;

/// Every scope of the project API, as a token has them.
pub(crate) const PROJECT_SCOPES: &str = "project:read project:write";
/// Every scope of the account API, as a token has them.
pub(crate) const ACCOUNT_SCOPES: &str = "account:read account:write";

/// Runs each of the named functions, which take a [`Backend`], on every kind of database, as a test of its own.
///
/// A function that is not named is never called, which the compiler reports as dead code.
macro_rules! on_every_database {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use crate::support::Backend;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_in_memory() {
                Box::pin(super::$name(Backend::SqliteMemory)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_in_a_file() {
                Box::pin(super::$name(Backend::SqliteFile)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                Box::pin(super::$name(Backend::Postgres)).await;
            }
        })+
    };
}
pub(crate) use on_every_database;
