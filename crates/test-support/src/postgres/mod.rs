//! PostgreSQL servers and databases for tests.
//!
//! Every test process of one target directory uses one server, see [`shared`]. What it consists of is found or
//! downloaded by [`installation`], laid out by [`run_directory`] and brought to an end by [`supervisor`], so that
//! nothing stays behind whatever way the tests end.

mod client;
mod database;
mod download;
mod error;
mod installation;
mod private;
mod processes;
mod roles;
mod run_directory;
mod shared;
mod standby;
mod supervisor;

pub use database::{MigrationResult, PostgresDatabase, postgres_url, postgres_url_or_fail};
pub use error::PostgresError;
pub use private::{PostgresServer, PostgresServerOptions, Shutdown};
pub use roles::{APPLICATION_ROLE, OWNER_ROLE};

/// The environment variable that names a PostgreSQL server to use instead of starting one.
///
/// Its value is a `postgres://` URL of a superuser, without TLS: the tests make roles, and look past row-level security.
pub const POSTGRES_URL_VARIABLE: &str = "BILLFOLD_TEST_POSTGRES_URL";
