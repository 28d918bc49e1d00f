//! The schema's migrations, embedded in the binary.

use diesel::{QueryDsl as _, migration::MigrationSource};
use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{
    Database, StoreError,
    database::{Engine, read_shared},
};

const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Waits, for as long as it takes, until no other instance migrates. The lock's number is any that all agree on.
const LOCK: &str = "set statement_timeout = 0; set lock_timeout = 0; select pg_advisory_lock(6223911)";
const UNLOCK: &str = "select pg_advisory_unlock(6223911); reset statement_timeout; reset lock_timeout";

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

/// What a call to [`Database::migrate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// The versions that were applied, oldest first. Empty when the database was up to date.
    pub applied: Vec<String>,
}

type MigrationError = Box<dyn std::error::Error + Send + Sync>;

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` asks for")]
fn failed(error: MigrationError) -> StoreError {
    StoreError::Internal(format!("a migration failed: {error}"))
}

impl Database {
    /// Applies the migrations that the database lacks, oldest first, each in a transaction. Safe to call from several
    /// instances at once. Must be called on a multi-thread runtime.
    pub async fn migrate(&self) -> Result<MigrationReport, StoreError> {
        let applied = match &self.engine {
            Engine::Postgres(postgres) => {
                let mut connection = postgres.session().await?;
                connection.batch_execute(LOCK).await?;
                let mut harness = AsyncMigrationHarness::new(connection);
                let applied = apply(&mut harness, POSTGRES);
                harness.into_inner().batch_execute(UNLOCK).await?;
                applied
            }
            // One transaction for all of them, which takes the only writer's place at once: others wait for its end.
            Engine::Sqlite(sqlite) => {
                sqlite
                    .alone(|connection| {
                        connection.immediate_transaction(|connection| apply(connection, SQLITE))
                    })
                    .await?
            }
        };
        Ok(MigrationReport {
            applied: applied.map_err(failed)?,
        })
    }

    /// The versions that the database lacks, oldest first: empty when this program can work on it.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let mut versions = match &self.engine {
            Engine::Postgres(_) => versions::<diesel::pg::Pg>(&POSTGRES),
            Engine::Sqlite(_) => versions::<diesel::sqlite::Sqlite>(&SQLITE),
        }
        .map_err(failed)?;
        let applied = read_shared!(self, __diesel_schema_migrations::table.select(__diesel_schema_migrations::version) => String);
        match applied {
            Ok(applied) => versions.retain(|version| !applied.contains(version)),
            Err(StoreError::Internal(message)) if message.contains("permission denied") => {
                return Err(StoreError::Configuration(
                    "the database's role may not read its tables: run billfold migrate with --application-role and the \
                     role's name"
                        .to_owned(),
                ));
            }
            // A database that was never migrated has no such table.
            Err(StoreError::Internal(message)) if message.contains("__diesel_schema_migrations") => {}
            Err(error) => return Err(error),
        }
        Ok(versions)
    }
}

fn apply<Backend, Harness>(
    harness: &mut Harness,
    migrations: EmbeddedMigrations,
) -> Result<Vec<String>, MigrationError>
where
    Backend: diesel::backend::Backend,
    Harness: MigrationHarness<Backend>,
    EmbeddedMigrations: MigrationSource<Backend>,
{
    let applied = harness.run_pending_migrations(migrations)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

fn versions<Backend: diesel::backend::Backend>(
    migrations: &impl MigrationSource<Backend>,
) -> Result<Vec<String>, MigrationError> {
    Ok(migrations
        .migrations()?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}
