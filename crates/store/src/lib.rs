//! Billfold's database: PostgreSQL and SQLite behind one set of queries. The only crate that names diesel.
//!
//! A query is written once; the macros of `database` compile it for each database. Everything that belongs to a
//! tenant takes the [`billfold_domain::ProjectScope`] first and starts from a root that is scoped to it.

mod chores;
mod customers;
mod database;
mod error;
mod idempotency_keys;
mod migrations;
mod open_operations;
mod operations;
mod payment_method_mirror;
mod payment_method_page;
mod payment_method_row;
mod payment_methods;
mod postgres;
mod projects;
mod schema;
mod setup_intents;
mod sql_types;
mod sqlite;
mod stripe_reads;
mod sweeping;
mod webhook_backlog;
mod webhook_events;
mod webhook_work;

pub use chores::{Chore, ChoreKind, Chores};
pub use customers::Customers;
pub use database::{Database, DatabaseOptions};
pub use error::StoreError;
pub use idempotency_keys::{HeldKey, IdempotencyKeys, KeptAnswer, KeyClaim, NewKey, TakenSecret};
pub use migrations::MigrationReport;
pub use operations::{Claim, NewOperation, Operation, OperationKind, Operations, Subject};
pub use payment_methods::{BeginCreate, BeginDelete, Deletable, PaymentMethods};
pub use projects::{NewProject, Project, Projects, StripeCredentials, WebhookSecrets};
pub use setup_intents::{SetupIntents, StoredSetupIntent};
pub use stripe_reads::{StripeRead, StripeReads};
pub use sweeping::{Adoption, MirroredPaymentMethod, Recorded};
pub use webhook_events::{NewWebhookEvent, WebhookEvents};
pub use webhook_work::{ClaimedWork, ParkedWork, WebhookObject, WebhookWork};
