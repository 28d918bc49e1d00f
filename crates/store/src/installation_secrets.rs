//! Secrets that the installation makes for itself, once, and that all its instances share: sealed under a master key.

use billfold_domain::UtcTimestamp;
use billfold_vault::{MasterKeyId, SealedForInstallation, Vault, VaultError};
use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use secrecy::SecretString;

use crate::{
    Database, MasterKeyError, StoreError,
    database::{in_shared_transaction, read_shared, with_shared_connection},
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
    /// All of them.
    pub const ALL: [Self; 1] = [Self::ApiKeyPepper];

    /// What the database and whoever operates it call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKeyPepper => "api_key_pepper",
        }
    }
}

/// The secrets of an installation.
#[derive(Clone)]
pub struct InstallationSecrets {
    database: Database,
    vault: Vault,
}

impl InstallationSecrets {
    /// The secrets in a database, sealed by a vault.
    pub fn new(database: Database, vault: Vault) -> Self {
        Self { database, vault }
    }

    /// Keeps this secret unless there is one, and gives the one that is kept then: of any number of processes that do so
    /// at once, all get the same.
    pub async fn find_or_keep(
        &self,
        secret: InstallationSecret,
        candidate: &SecretString,
        now: UtcTimestamp,
    ) -> Result<SecretString, StoreError> {
        let sealed = self.vault.seal_for_installation(secret.name(), candidate)?;
        let kept: String = in_shared_transaction!(self.database, |connection| {
            diesel::insert_into(installation_secrets::table)
                .values((
                    installation_secrets::name.eq(secret.name()),
                    installation_secrets::value.eq(sealed.to_string()),
                    installation_secrets::created_at.eq(StoredInstant(now)),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
                .await?;
            let kept = installation_secrets::table
                .filter(installation_secrets::name.eq(secret.name()))
                .select(installation_secrets::value)
                .first(connection)
                .await?;
            Ok(kept)
        })?;
        let opened = SealedForInstallation::parse(&kept)
            .and_then(|sealed| self.vault.open_for_installation(secret.name(), &sealed));
        opened.map_err(|error| closed(secret, error))
    }

    /// The name of the master key that a secret is sealed under; `None` when the secret was not made yet.
    pub async fn master_key(&self, secret: InstallationSecret) -> Result<Option<MasterKeyId>, StoreError> {
        let sealed = self.sealed(secret).await?;
        Ok(sealed.map(|(_, sealed)| sealed.master_key().clone()))
    }

    /// Seals a secret with the current master key, if another has sealed it. Says whether it had to.
    pub async fn rewrap(&self, secret: InstallationSecret) -> Result<bool, StoreError> {
        let Some((text, sealed)) = self.sealed(secret).await? else {
            return Ok(false);
        };
        if sealed.master_key() == self.vault.current() {
            return Ok(false);
        }
        let opened = self
            .vault
            .open_for_installation(secret.name(), &sealed)
            .map_err(|error| closed(secret, error))?;
        let anew = self.vault.seal_for_installation(secret.name(), &opened)?;
        // Only what was read is replaced: of two rotations at once, the other one's work stays.
        let row = installation_secrets::table
            .filter(installation_secrets::name.eq(secret.name()))
            .filter(installation_secrets::value.eq(text));
        let changed = with_shared_connection!(self.database, |connection| {
            Ok(diesel::update(row)
                .set(installation_secrets::value.eq(anew.to_string()))
                .execute(connection)
                .await?)
        })?;
        Ok(changed == 1)
    }

    async fn sealed(
        &self,
        secret: InstallationSecret,
    ) -> Result<Option<(String, SealedForInstallation)>, StoreError> {
        let values = read_shared!(
            self.database,
            installation_secrets::table
                .filter(installation_secrets::name.eq(secret.name()))
                .select(installation_secrets::value) => String
        )?;
        let Some(text) = values.into_iter().next() else {
            return Ok(None);
        };
        let sealed = SealedForInstallation::parse(&text).map_err(|error| closed(secret, error))?;
        Ok(Some((text, sealed)))
    }
}

fn closed(secret: InstallationSecret, error: VaultError) -> StoreError {
    let name = secret.name();
    MasterKeyError::InstallationSecret { name, error }.into()
}
