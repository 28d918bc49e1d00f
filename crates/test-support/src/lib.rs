//! Fresh databases and a faulty network for tests. Never part of the shipped binary.
//!
//! - [`PostgresDatabase`]: an empty, migrated database for one test, on a server shared by every test process.
//! - [`PostgresServer`]: a server of one's own, to stop, restart and freeze, for tests and benchmarks.
//! - [`SqliteFile`]: a path for an SQLite database that is deleted afterwards.
//! - [`TcpProxy`]: a network that delays, freezes, cuts and refuses.
//! - [`KeyServer`]: an https server on loopback that serves key sets, well and badly.
//! - [`CanarySearch`]: looks for secrets, in every form that they may take, where none may be.
//! - [`Process`], [`free_port`], [`wait_until`], [`wait_for`]: programs beside the test, without sleeping.
//!
//! For Unix only (Linux and macOS): it uses process groups, signals and file ownership.

mod canaries;
mod key_server;
mod postgres;
mod process;
mod proxy;
mod sqlite;
mod wait;

pub use canaries::{Canary, CanaryHit, CanarySearch};
pub use key_server::{KeyAnswer, KeyServer};
pub use postgres::{
    APPLICATION_ROLE, MigrationResult, OWNER_ROLE, POSTGRES_URL_VARIABLE, PostgresDatabase, PostgresError,
    PostgresServer, PostgresServerOptions, Shutdown, postgres_url, postgres_url_or_fail,
};
pub use process::{Process, signal};
pub use proxy::{TcpProxy, Verdict};
pub use sqlite::{SQLITE_IN_MEMORY_URL, SqliteFile};
pub use wait::{free_port, wait_for, wait_until};
