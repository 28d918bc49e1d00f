//! How secrets get into `stripe_credentials` and out of it: never in plain text, not even in a statement, which a
//! database may log.

use billfold_domain::ProjectId;
use billfold_vault::{Column, DataKey, DataKeyVersion, MasterKeyId, Sealed, Vault, WrappedDataKey};
use secrecy::SecretString;

use crate::{SecretsError, StoreError, WebhookSecrets};

const TABLE: &str = "stripe_credentials";
const SECRET_KEY: &str = "secret_key";
const WEBHOOK_SECRET: &str = "webhook_secret";
const PREVIOUS_WEBHOOK_SECRET: &str = "previous_webhook_secret";

/// The secrets of a row, open.
pub(crate) struct Secrets {
    pub(crate) secret_key: SecretString,
    pub(crate) webhook_secrets: WebhookSecrets,
}

/// The secrets of a row as they lie in it: the data key's version, and the columns.
pub(crate) type SecretColumns = (Option<i32>, String, Option<String>, Option<String>);

/// The data key of that version: wrapped, and the name of the master key that wraps it. Both or none are there.
pub(crate) type DataKeyColumns = (Option<String>, Option<String>);

/// The secrets of a row, sealed by one data key.
pub(crate) struct SealedSecrets {
    pub(crate) version: i32,
    pub(crate) secret_key: String,
    pub(crate) webhook_secret: Option<String>,
    pub(crate) previous_webhook_secret: Option<String>,
}

/// What of sealed secrets is in their row.
macro_rules! secret_columns {
    ($sealed:expr) => {
        (
            stripe_credentials::data_key_version.eq($sealed.version),
            stripe_credentials::secret_key.eq(&$sealed.secret_key),
            stripe_credentials::webhook_secret.eq($sealed.webhook_secret.as_deref()),
            stripe_credentials::previous_webhook_secret.eq($sealed.previous_webhook_secret.as_deref()),
        )
    };
}

/// Stores a data key in a transaction.
macro_rules! insert_data_key {
    ($connection:expr, $id:expr, $vault:expr, $wrapped:expr, $now:expr) => {
        diesel::insert_into(project_data_keys::table)
            .values((
                project_data_keys::project_id.eq($id.as_str()),
                project_data_keys::version.eq($wrapped.version().number()),
                project_data_keys::wrapped.eq($wrapped.to_string()),
                project_data_keys::master_key_id.eq($vault.current().as_str()),
                project_data_keys::created_at.eq(StoredInstant($now)),
            ))
            .execute($connection)
            .await?
    };
}

/// In a transaction: makes others who would change the row's secrets wait for its end. Says whether there is a row.
macro_rules! lock_credentials {
    ($connection:expr, $id:expr) => {
        diesel::update(stripe_credentials::table.filter(stripe_credentials::project_id.eq($id.as_str())))
            .set(stripe_credentials::data_key_version.eq(stripe_credentials::data_key_version))
            .execute($connection)
            .await?
            == 1
    };
}

/// Writes secrets over those that are in the row.
macro_rules! replace_secrets {
    ($connection:expr, $id:expr, $sealed:expr) => {
        diesel::update(stripe_credentials::table.filter(stripe_credentials::project_id.eq($id.as_str())))
            .set(secret_columns!($sealed))
            .execute($connection)
            .await?
    };
}

pub(crate) use {insert_data_key, lock_credentials, replace_secrets, secret_columns};

/// Seals secrets with a data key. Every column anew, so that all of a row are sealed by one key.
pub(crate) fn seal(
    key: &DataKey,
    secret_key: &SecretString,
    webhook: &WebhookSecrets,
) -> Result<SealedSecrets, StoreError> {
    let seal = |column, secret: &SecretString| {
        let sealed = key.seal(Column::new(TABLE, column), secret)?;
        Ok::<_, StoreError>(sealed.to_string())
    };
    Ok(SealedSecrets {
        version: key.version().number(),
        secret_key: seal(SECRET_KEY, secret_key)?,
        webhook_secret: webhook
            .current
            .as_ref()
            .map(|secret| seal(WEBHOOK_SECRET, secret))
            .transpose()?,
        previous_webhook_secret: webhook
            .previous
            .as_ref()
            .map(|secret| seal(PREVIOUS_WEBHOOK_SECRET, secret))
            .transpose()?,
    })
}

/// Opens the secrets of a project's row, and gives the key that opened them.
pub(crate) fn open(
    vault: &Vault,
    project: &ProjectId,
    (version, secret_key, webhook_secret, previous_webhook_secret): SecretColumns,
    data_key: DataKeyColumns,
) -> Result<(DataKey, Secrets), StoreError> {
    let failed = |reason| StoreError::Secrets {
        project: project.clone(),
        reason,
    };
    let version = version.ok_or_else(|| failed(SecretsError::Plain))?;
    let key = unwrap(vault, project, version, data_key).map_err(failed)?;
    let open = |column, text: String| {
        let opened = Sealed::parse(&text).and_then(|sealed| key.open(Column::new(TABLE, column), &sealed));
        opened.map_err(|error| failed(SecretsError::Column { column, error }))
    };
    let secrets = Secrets {
        secret_key: open(SECRET_KEY, secret_key)?,
        webhook_secrets: WebhookSecrets {
            current: webhook_secret
                .map(|text| open(WEBHOOK_SECRET, text))
                .transpose()?,
            previous: previous_webhook_secret
                .map(|text| open(PREVIOUS_WEBHOOK_SECRET, text))
                .transpose()?,
        },
    };
    Ok((key, secrets))
}

/// Unwraps the data key of a row of `project_data_keys`.
pub(crate) fn unwrap(
    vault: &Vault,
    project: &ProjectId,
    version: i32,
    data_key: DataKeyColumns,
) -> Result<DataKey, SecretsError> {
    let (Some(wrapped), Some(master_key)) = data_key else {
        return Err(SecretsError::NoDataKey);
    };
    let version = DataKeyVersion::new(version).ok_or(SecretsError::NoDataKey)?;
    let master_key = MasterKeyId::parse(&master_key).ok_or(SecretsError::NoDataKey)?;
    WrappedDataKey::parse(&wrapped)
        .and_then(|wrapped| vault.unwrap(project, version, &master_key, &wrapped))
        .map_err(SecretsError::DataKey)
}
