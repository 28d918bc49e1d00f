//! Billfold's database: PostgreSQL and SQLite behind one set of queries. The only crate that names diesel.
//!
//! A query is written once; the macros of `database` compile it for each database. Everything that belongs to a
//! tenant takes the [`billfold_domain::ProjectScope`] first and starts from a root that is scoped to it.

mod api_key_lookup;
mod api_keys;
mod append_only;
mod audit_event_page;
mod audit_event_row;
mod audit_events;
mod chores;
mod connection_share;
mod cors_origins;
mod customers;
mod database;
mod error;
mod idempotency_keys;
mod installation_secrets;
mod instances;
mod key_rotation;
mod master_keys;
mod migrations;
mod open_operations;
mod operation;
mod operations;
mod payment_method_create;
mod payment_method_delete;
mod payment_method_mirror;
mod payment_method_page;
mod payment_method_row;
mod payment_methods;
mod plain_credentials;
mod postgres;
mod project;
mod project_deletion;
mod project_lifecycle;
mod projects;
mod query_span;
mod rate_limits;
mod refused_callers;
mod roles;
mod row_security;
mod schema;
mod sealed_credentials;
mod setup_intents;
mod sql_types;
mod sqlite;
mod stripe_reads;
mod sweeping;
mod webhook_backlog;
mod webhook_events;
mod webhook_work;

pub use api_key_lookup::FoundApiKey;
pub use api_keys::{ApiKeyUse, ApiKeys, NewApiKey, StoredApiKey};
pub use audit_events::AuditEvents;
pub use chores::{Chore, ChoreKind, Chores};
pub use connection_share::ConnectionShare;
pub use cors_origins::{CorsOrigins, OriginsReplaced};
pub use customers::Customers;
pub use database::{Database, DatabaseOptions, DatabasePooler};
pub use error::{MasterKeyError, SecretsError, StoreError};
pub use idempotency_keys::{HeldKey, IdempotencyKeys, KeptAnswer, KeyClaim, NewKey, TakenSecret};
pub use installation_secrets::{InstallationSecret, InstallationSecrets};
pub use instances::Instances;
pub use key_rotation::Rotation;
pub use master_keys::{DataKeyRecord, KnownMasterKey};
pub use migrations::MigrationReport;
pub use operation::{Claim, NewOperation, Operation, OperationKind, Subject};
pub use operations::Operations;
pub use payment_method_create::BeginCreate;
pub use payment_method_delete::{BeginDelete, Deletable};
pub use payment_methods::PaymentMethods;
pub use project::{
    AccountUse, ListedProject, MadeProject, NewProject, Project, StripeCredentials, WebhookSecrets,
};
pub use project_deletion::{ROWS_OF_DELETED_PROJECTS, Remaining};
pub use project_lifecycle::{ChangedProject, ProjectChange};
pub use projects::Projects;
pub use rate_limits::{RateLimits, Token, TokenKind, Tokens};
pub use refused_callers::RefusedCallers;
pub use roles::RoleFault;
pub use setup_intents::{SetupIntents, StoredSetupIntent};
pub use stripe_reads::{StripeRead, StripeReads};
pub use sweeping::{Adoption, MirroredPaymentMethod, Recorded};
pub use webhook_events::{NewWebhookEvent, WebhookEvents};
pub use webhook_work::{ClaimedWork, ParkedWork, WebhookObject, WebhookWork};
