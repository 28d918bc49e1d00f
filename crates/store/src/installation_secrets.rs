//! Secrets that the installation makes for itself, once, and that all its instances share. What is stored is whatever the
//! caller makes of a secret: it should be sealed.

use billfold_domain::UtcTimestamp;
use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    Database, StoreError,
    database::{in_shared_transaction, read_shared},
    schema::installation_secrets,
    sql_types::StoredInstant,
};

/// Which secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstallationSecret {
    /// What API keys are hashed with.
    ApiKeyPepper,
}

impl InstallationSecret {
    const fn name(self) -> &'static str {
        match self {
            Self::ApiKeyPepper => "api_key_pepper",
        }
    }
}

/// The secrets of an installation.
#[derive(Clone, Debug)]
pub struct InstallationSecrets {
    database: Database,
}

impl InstallationSecrets {
    /// The secrets in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The secret as it is stored, or `None` when there is none yet.
    pub async fn find(&self, secret: InstallationSecret) -> Result<Option<SecretString>, StoreError> {
        let values = read_shared!(
            self.database,
            installation_secrets::table
                .filter(installation_secrets::name.eq(secret.name()))
                .select(installation_secrets::value) => String
        )?;
        Ok(values.into_iter().next().map(SecretString::from))
    }

    /// Stores this one unless there is one, and gives the one that is stored then: of any number of processes that do so
    /// at once, all get the same.
    pub async fn find_or_keep(
        &self,
        secret: InstallationSecret,
        candidate: &SecretString,
        now: UtcTimestamp,
    ) -> Result<SecretString, StoreError> {
        in_shared_transaction!(self.database, |connection| {
            diesel::insert_into(installation_secrets::table)
                .values((
                    installation_secrets::name.eq(secret.name()),
                    installation_secrets::value.eq(candidate.expose_secret()),
                    installation_secrets::created_at.eq(StoredInstant(now)),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
                .await?;
            let kept: String = installation_secrets::table
                .filter(installation_secrets::name.eq(secret.name()))
                .select(installation_secrets::value)
                .first(connection)
                .await?;
            Ok(SecretString::from(kept))
        })
    }
}
