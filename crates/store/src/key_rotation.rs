//! New keys for old: data keys wrapped anew by the current master key, and secrets sealed anew by new data keys. Project
//! by project, each in one transaction, beside running instances.

use billfold_domain::{ProjectId, UtcTimestamp};
use billfold_vault::DataKeyVersion;
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    Project, Projects, StoreError,
    database::in_transaction,
    projects::all,
    schema::{project_data_keys, projects, stripe_credentials},
    sealed_credentials::{insert_data_key, lock_credentials, replace_secrets, seal, secret_columns, unwrap},
    sql_types::StoredInstant,
};

/// What became of a project's data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// A new one has taken its place; the ones before are gone.
    Rotated(DataKeyVersion),
    /// It is too young to need another.
    Young,
    /// There is none: the project has no credentials.
    NoSecrets,
}

impl Projects {
    /// Has the current master key wrap every data key of a project, and says how many another had wrapped. Does nothing
    /// where it wraps them already. The data keys stay the same, so whoever has read one goes on with it.
    pub async fn rewrap_data_keys(&self, id: &ProjectId) -> Result<usize, StoreError> {
        self.admit_current_master_key().await?;
        let current = self.vault.current().as_str();
        in_transaction!(self.database, id, |connection| {
            // Whoever gives the project a new data key goes first or waits.
            let _there: bool = lock_credentials!(connection, id);
            let others: Vec<(i32, String, String)> = project_data_keys::table
                .filter(project_data_keys::project_id.eq(id.as_str()))
                .filter(project_data_keys::master_key_id.ne(current))
                .select((
                    project_data_keys::version,
                    project_data_keys::wrapped,
                    project_data_keys::master_key_id,
                ))
                .load(connection)
                .await?;
            let number = others.len();
            for (version, wrapped, master_key) in others {
                let key = unwrap(&self.vault, id, version, (Some(wrapped), Some(master_key)));
                let key = key.map_err(|reason| StoreError::Secrets {
                    project: id.clone(),
                    reason,
                })?;
                let wrapped = self.vault.rewrap(&key)?;
                diesel::update(project_data_keys::table.find((id.as_str(), version)))
                    .set((
                        project_data_keys::wrapped.eq(wrapped.to_string()),
                        project_data_keys::master_key_id.eq(current),
                    ))
                    .execute(connection)
                    .await?;
            }
            Ok(number)
        })
    }

    /// Gives a project a new data key, seals its secrets anew with it, and deletes the keys before, unless the newest was
    /// made after `made_before`. An instance that reads meanwhile sees the old key with what it seals or the new one.
    pub async fn rotate_data_key(
        &self,
        id: &ProjectId,
        made_before: UtcTimestamp,
        now: UtcTimestamp,
    ) -> Result<Rotation, StoreError> {
        self.admit_current_master_key().await?;
        in_transaction!(self.database, id, |connection| {
            if !lock_credentials!(connection, id) {
                return Ok(Rotation::NoSecrets);
            }
            let newest: Option<(i32, StoredInstant)> = project_data_keys::table
                .filter(project_data_keys::project_id.eq(id.as_str()))
                .select((project_data_keys::version, project_data_keys::created_at))
                .order(project_data_keys::version.desc())
                .first(connection)
                .await
                .optional()?;
            if newest.is_some_and(|(_, created_at)| created_at.0 > made_before) {
                return Ok(Rotation::Young);
            }
            let row = all()
                .filter(projects::id.eq(id.as_str()))
                .first(connection)
                .await?;
            let (_, Project { stripe, .. }) = self.open(row)?;
            let version = newest
                .and_then(|(version, _)| DataKeyVersion::new(version))
                .and_then(DataKeyVersion::next)
                .ok_or_else(|| StoreError::Internal(format!("project {id} can have no more data keys")))?;
            let (key, wrapped) = self.vault.make_data_key(id, version)?;
            let sealed = seal(&key, &stripe.secret_key, &stripe.webhook_secrets)?;
            insert_data_key!(connection, id, self.vault, wrapped, now);
            replace_secrets!(connection, id, sealed);
            diesel::delete(
                project_data_keys::table
                    .filter(project_data_keys::project_id.eq(id.as_str()))
                    .filter(project_data_keys::version.lt(version.number())),
            )
            .execute(connection)
            .await?;
            Ok(Rotation::Rotated(version))
        })
    }
}
