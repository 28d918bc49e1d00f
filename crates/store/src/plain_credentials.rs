//! Secrets that versions before sealing have written in plain text: they are found, sealed, and their traces removed.

use billfold_domain::{ProjectId, UtcTimestamp};
use billfold_vault::DataKeyVersion;
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use secrecy::SecretString;

use crate::{
    Database, Projects, StoreError, WebhookSecrets,
    database::{Engine, in_transaction, read},
    schema::{project_data_keys, stripe_credentials},
    sealed_credentials::{insert_data_key, lock_credentials, replace_secrets, seal, secret_columns},
    sql_types::StoredInstant,
};

impl Database {
    /// Whether a project's secrets are in plain text.
    pub async fn has_plain_secrets(&self, id: &ProjectId) -> Result<bool, StoreError> {
        let plain = stripe_credentials::table
            .filter(stripe_credentials::project_id.eq(id.as_str().to_owned()))
            .filter(stripe_credentials::data_key_version.is_null())
            .select(stripe_credentials::project_id);
        Ok(!read!(self, id, plain.clone() => String)?.is_empty())
    }

    /// How many projects have their secrets in plain text.
    pub async fn projects_with_plain_secrets(&self) -> Result<usize, StoreError> {
        let mut plain = 0;
        for project in Projects::list_of(self).await? {
            plain += usize::from(self.has_plain_secrets(&project.id).await?);
        }
        Ok(plain)
    }

    /// Removes what rows that were written over have left in the database's files. Takes the table's lock for a moment in
    /// PostgreSQL, and the database's in SQLite. What PostgreSQL has written to its log for recovery, and what is in
    /// backups, stays there.
    pub async fn scrub_replaced_secrets(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Postgres(postgres) => {
                let mut connection = postgres.session().await?;
                connection.batch_execute("vacuum full stripe_credentials").await?;
            }
            Engine::Sqlite(sqlite) => {
                let mut connection = sqlite.writer().await?;
                connection.batch_execute("vacuum").await?;
                // The write-ahead log has the pages from before.
                connection
                    .batch_execute("pragma wal_checkpoint(truncate)")
                    .await?;
            }
        }
        Ok(())
    }
}

impl Projects {
    /// Seals a project's secrets if they are in plain text, and says whether they were. Any number may do so at once.
    pub async fn seal_plain_secrets(&self, id: &ProjectId, now: UtcTimestamp) -> Result<bool, StoreError> {
        if !self.database.has_plain_secrets(id).await? {
            return Ok(false);
        }
        self.admit_current_master_key().await?;
        in_transaction!(self.database, id, |connection| {
            let _there: bool = lock_credentials!(connection, id);
            let plain: Option<(String, Option<String>, Option<String>)> = stripe_credentials::table
                .filter(stripe_credentials::project_id.eq(id.as_str()))
                .filter(stripe_credentials::data_key_version.is_null())
                .select((
                    stripe_credentials::secret_key,
                    stripe_credentials::webhook_secret,
                    stripe_credentials::previous_webhook_secret,
                ))
                .first(connection)
                .await
                .optional()?;
            let Some((secret_key, current, previous)) = plain else {
                return Ok(false);
            };
            let secret_key = SecretString::from(secret_key);
            let webhook_secrets = WebhookSecrets {
                current: current.map(SecretString::from),
                previous: previous.map(SecretString::from),
            };
            // A project that has a data key was sealed before: what claims to be older than that is not believed.
            let (key, wrapped) = self.vault.make_data_key(id, DataKeyVersion::FIRST)?;
            let sealed = seal(&key, &secret_key, &webhook_secrets)?;
            insert_data_key!(connection, id, self.vault, wrapped, now);
            replace_secrets!(connection, id, sealed);
            Ok(true)
        })
    }
}
