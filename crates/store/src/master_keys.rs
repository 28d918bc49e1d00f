//! The master keys that this database was ever used with, and which of them are still needed.

use billfold_domain::{ProjectId, UtcTimestamp};
use billfold_vault::{MasterKeyId, Standing};
use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    MasterKeyError, Projects, StoreError,
    database::{read, read_shared, with_shared_connection},
    schema::{master_keys, project_data_keys},
    sql_types::StoredInstant,
};

/// A master key that wraps data keys of this database or once did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMasterKey {
    /// Its name.
    pub id: String,
    /// How it stands to the keys that were given.
    pub standing: Standing,
}

/// A data key as its row tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyRecord {
    /// Which of the project's, from 1.
    pub version: i32,
    /// The name of the master key that wraps it.
    pub master_key: String,
    /// When it was made.
    pub created_at: UtcTimestamp,
}

impl Projects {
    /// Makes sure that the master keys that were given are this database's, and writes down the current one if it is new.
    /// [`StoreError::MasterKey`] where one is another than the database knows by its name, or none of those that it knows
    /// was given: a new key comes beside an old one, or into a database that knows none.
    pub async fn prove_master_keys(&self) -> Result<(), StoreError> {
        let known = self.known_master_keys().await?;
        if let Some(other) = known.iter().find(|key| key.standing == Standing::Other) {
            return Err(not_the_one(&other.id));
        }
        if known.iter().all(|key| key.standing == Standing::NotGiven) && !known.is_empty() {
            let names = known.into_iter().map(|key| key.id).collect();
            return Err(MasterKeyError::NoneKnown(names).into());
        }
        self.admit_current_master_key().await
    }

    /// Every master key that the database knows, by name.
    pub async fn known_master_keys(&self) -> Result<Vec<KnownMasterKey>, StoreError> {
        let all = master_keys::table
            .select((master_keys::id, master_keys::check_value))
            .order(master_keys::id);
        let rows = read_shared!(self.database, all => (String, String))?;
        let known = rows.into_iter().map(|(id, check_value)| KnownMasterKey {
            standing: MasterKeyId::parse(&id)
                .map_or(Standing::NotGiven, |id| self.vault.standing(&id, &check_value)),
            id,
        });
        Ok(known.collect())
    }

    /// A project's data keys, the oldest first.
    pub async fn data_keys(&self, id: &ProjectId) -> Result<Vec<DataKeyRecord>, StoreError> {
        let of_project = project_data_keys::table
            .filter(project_data_keys::project_id.eq(id.as_str().to_owned()))
            .select((
                project_data_keys::version,
                project_data_keys::master_key_id,
                project_data_keys::created_at,
            ))
            .order(project_data_keys::version);
        let rows = read!(self.database, id, of_project.clone() => (i32, String, StoredInstant))?;
        let records = rows
            .into_iter()
            .map(|(version, master_key, created_at)| DataKeyRecord {
                version,
                master_key,
                created_at: created_at.0,
            });
        Ok(records.collect())
    }

    /// Writes the current master key's check value down where the database does not know the key, and holds the key
    /// against it where it does. Comes before anything is wrapped: no data key is ever wrapped by a key that nobody could
    /// tell from the right one. What is written down never changes, so it need not be in one transaction with that.
    pub(crate) async fn admit_current_master_key(&self) -> Result<(), StoreError> {
        let id = self.vault.current();
        let check_value = self.vault.check_value()?;
        let new = (
            master_keys::id.eq(id.as_str()),
            master_keys::check_value.eq(&check_value),
        );
        if self.standing_of_current().await?.is_none() {
            let written: Result<(), StoreError> = with_shared_connection!(self.database, |connection| {
                diesel::insert_into(master_keys::table)
                    .values(new)
                    .execute(connection)
                    .await
                    .map(drop)
                    .map_err(StoreError::from)
            });
            // Another may have been quicker, with this key or with another of its name: what is there decides.
            if !matches!(written, Err(StoreError::Duplicate(_))) {
                written?;
            }
        }
        match self.standing_of_current().await? {
            Some(Standing::Proven) => Ok(()),
            _ => Err(not_the_one(id.as_str())),
        }
    }

    async fn standing_of_current(&self) -> Result<Option<Standing>, StoreError> {
        let id = self.vault.current();
        let known = master_keys::table
            .filter(master_keys::id.eq(id.as_str().to_owned()))
            .select(master_keys::check_value);
        let rows = read_shared!(self.database, known.clone() => String)?;
        let mut standings = rows
            .iter()
            .map(|check_value| self.vault.standing(id, check_value));
        Ok(standings.next())
    }
}

fn not_the_one(id: &str) -> StoreError {
    match MasterKeyId::parse(id) {
        Some(id) => MasterKeyError::Other(id).into(),
        None => StoreError::Internal("a master key has a name that none may have".to_owned()),
    }
}
