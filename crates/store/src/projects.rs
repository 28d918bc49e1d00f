//! Projects and their Stripe credentials. Not a tenant's own data: whoever asks by name here has yet to be authorised.
//! Credentials are sealed on their way in and opened on their way out (`sealed_credentials`).

use billfold_domain::{ProjectId, StripeAccountId, StripeMode, UtcTimestamp};
use billfold_vault::{DataKey, DataKeyVersion, Vault};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, JoinOnDsl as _, NullableExpressionMethods as _,
    OptionalExtension as _, QueryDsl as _,
};
use diesel_async::RunQueryDsl as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    AccountUse, Database, ListedProject, MadeProject, NewProject, Project, StoreError, StripeCredentials,
    WebhookSecrets,
    database::{in_transaction, read, read_shared},
    schema::{project_data_keys, projects, stripe_credentials},
    sealed_credentials::{
        self, DataKeyColumns, SecretColumns, insert_data_key, lock_credentials, replace_secrets, seal,
        secret_columns,
    },
    sql_types::StoredInstant,
};

/// What of a project is in its own row and no other: its name, and when it was made, shut, and begun to be deleted.
type ListedColumns = (
    String,
    StoredInstant,
    Option<StoredInstant>,
    Option<StoredInstant>,
);

/// Its mode, the account that it works on, whether others may too, and how often it was changed.
type AccountColumns = (String, Option<String>, i16, i64);

pub(crate) type Row = (
    ListedColumns,
    AccountColumns,
    (String, Option<String>),
    SecretColumns,
    DataKeyColumns,
);

/// What of credentials is in their row and no secret.
macro_rules! open_columns {
    ($credentials:expr) => {
        (
            stripe_credentials::publishable_key.eq(&$credentials.publishable_key),
            stripe_credentials::account_id.eq($credentials.account.as_ref().map(StripeAccountId::as_str)),
        )
    };
}

pub(crate) use open_columns;

/// Which account a project works on, as its row has it.
macro_rules! account_use {
    ($account_use:expr) => {
        (
            projects::stripe_account_id.eq($account_use.account.as_ref().map(StripeAccountId::as_str)),
            projects::account_shared.eq(i16::from($account_use.shared)),
        )
    };
}
pub(crate) use account_use;

/// Whether a project other than this one works on the account, where it is not to be shared. An expression, since it is
/// compiled for each database's connection.
macro_rules! is_taken {
    ($connection:expr, $id:expr, $mode:expr, $account_use:expr) => {
        match (&$account_use.account, $account_use.shared) {
            (Some(account), false) => {
                projects::table
                    .filter(projects::stripe_account_id.eq(account.as_str()))
                    .filter(projects::mode.eq($mode.as_str()))
                    .filter(projects::id.ne($id.as_str()))
                    .count()
                    .get_result::<i64>($connection)
                    .await?
                    > 0
            }
            _ => false,
        }
    };
}
pub(crate) use is_taken;

/// The mode of a project with this publishable key: test unless it says live.
fn mode(publishable_key: &str) -> StripeMode {
    if publishable_key.starts_with("pk_live_") {
        StripeMode::Live
    } else {
        StripeMode::Test
    }
}

/// The projects of the installation.
#[derive(Clone)]
pub struct Projects {
    pub(crate) database: Database,
    pub(crate) vault: Vault,
}

impl Projects {
    /// The projects in a database, with the keys that seal and open their secrets.
    pub fn new(database: Database, vault: Vault) -> Self {
        Self { database, vault }
    }

    /// Makes a project whose account nobody has looked at. [`StoreError::Duplicate`] when there is or was one of this name.
    pub async fn create(&self, project: &NewProject, now: UtcTimestamp) -> Result<(), StoreError> {
        match self.make(project, &AccountUse::default(), now).await? {
            MadeProject::Made => Ok(()),
            refused => Err(StoreError::Duplicate(format!("{refused:?}"))),
        }
    }

    /// Makes a project with a data key of its own. [`StoreError::Duplicate`] when another of the same name or on the same
    /// account is being made at this moment.
    pub async fn make(
        &self,
        project: &NewProject,
        account_use: &AccountUse,
        now: UtcTimestamp,
    ) -> Result<MadeProject, StoreError> {
        let NewProject { id, stripe } = project;
        let mode = mode(&stripe.publishable_key);
        self.admit_current_master_key().await?;
        let (key, wrapped) = self.vault.make_data_key(id, DataKeyVersion::FIRST)?;
        let sealed = seal(&key, &stripe.secret_key, &stripe.webhook_secrets)?;
        in_transaction!(self.database, id, |connection| {
            let deleted = projects::table
                .filter(projects::id.eq(id.as_str()))
                .select(projects::deleted_at.is_not_null())
                .first::<bool>(connection)
                .await
                .optional()?;
            match deleted {
                Some(true) => return Ok(MadeProject::NameRetired),
                Some(false) => return Ok(MadeProject::NameTaken),
                None => {}
            }
            if is_taken!(connection, id, mode, account_use) {
                return Ok(MadeProject::AccountTaken);
            }
            diesel::insert_into(projects::table)
                .values((
                    projects::id.eq(id.as_str()),
                    projects::created_at.eq(StoredInstant(now)),
                    projects::mode.eq(mode.as_str()),
                    account_use!(account_use),
                ))
                .execute(connection)
                .await?;
            insert_data_key!(connection, id, self.vault, wrapped, now);
            diesel::insert_into(stripe_credentials::table)
                .values((
                    stripe_credentials::project_id.eq(id.as_str()),
                    open_columns!(stripe),
                    secret_columns!(sealed),
                ))
                .execute(connection)
                .await?;
            Ok(MadeProject::Made)
        })
    }

    /// Makes a project, or gives the one of this name these Stripe credentials; its webhook secrets stay what they are,
    /// since Stripe shows each only once.
    pub async fn create_or_update(&self, project: &NewProject, now: UtcTimestamp) -> Result<(), StoreError> {
        match self.create(project, now).await {
            Err(StoreError::Duplicate(_)) => self.update_credentials(project).await,
            created => created,
        }
    }

    async fn update_credentials(&self, NewProject { id, stripe }: &NewProject) -> Result<(), StoreError> {
        in_transaction!(self.database, id, |connection| {
            if !lock_credentials!(connection, id) {
                return Ok(());
            }
            let row = all()
                .filter(projects::id.eq(id.as_str()))
                .first(connection)
                .await?;
            let (key, before) = self.open(row)?;
            let sealed = seal(&key, &stripe.secret_key, &before.stripe.webhook_secrets)?;
            replace_secrets!(connection, id, sealed);
            diesel::update(stripe_credentials::table.filter(stripe_credentials::project_id.eq(id.as_str())))
                .set(open_columns!(stripe))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Makes this the newest webhook secret. The one before stays live, and the one before that is live no more. Says
    /// whether anything changed: nothing does where it is the newest already, or where there is no such project.
    pub async fn roll_webhook_secret(
        &self,
        id: &ProjectId,
        secret: &SecretString,
    ) -> Result<bool, StoreError> {
        in_transaction!(self.database, id, |connection| {
            if !lock_credentials!(connection, id) {
                return Ok(false);
            }
            let row = all()
                .filter(projects::id.eq(id.as_str()))
                .first(connection)
                .await?;
            let (key, before) = self.open(row)?;
            let current = before.stripe.webhook_secrets.current;
            if current
                .as_ref()
                .is_some_and(|current| current.expose_secret() == secret.expose_secret())
            {
                return Ok(false);
            }
            let webhook_secrets = WebhookSecrets {
                current: Some(secret.clone()),
                previous: current,
            };
            let sealed = seal(&key, &before.stripe.secret_key, &webhook_secrets)?;
            replace_secrets!(connection, id, sealed);
            Ok(true)
        })
    }

    /// The project of this name, also while it is being deleted, or `None`. [`StoreError::Secrets`] where it is there and its secrets do not open.
    pub async fn find(&self, id: &ProjectId) -> Result<Option<Project>, StoreError> {
        let rows = read!(self.database, id, all().filter(projects::id.eq(id.as_str().to_owned())) => Row)?;
        rows.into_iter()
            .next()
            .map(|row| Ok(self.open(row)?.1))
            .transpose()
    }

    /// Every project that is not deleted, by name.
    pub async fn list(&self) -> Result<Vec<ListedProject>, StoreError> {
        Self::list_of(&self.database).await
    }

    /// Every project of a database that is not deleted, by name. Takes no master key.
    pub async fn list_of(database: &Database) -> Result<Vec<ListedProject>, StoreError> {
        let kept = every().filter(projects::deleted_at.is_null());
        let rows = read_shared!(database, kept => ListedColumns)?;
        rows.into_iter().map(listed).collect()
    }

    /// The names of every project of a database, those of deleted ones included, of which the audit log still tells.
    pub async fn names_even_of_deleted(database: &Database) -> Result<Vec<ProjectId>, StoreError> {
        let rows = read_shared!(database, every() => ListedColumns)?;
        rows.into_iter().map(|row| Ok(listed(row)?.id)).collect()
    }

    /// Opens a row of [`all`], and gives the data key that opened it too.
    pub(crate) fn open(
        &self,
        (project, account_columns, (publishable_key, account), secrets, data_key): Row,
    ) -> Result<(DataKey, Project), StoreError> {
        let ListedProject {
            id,
            created_at,
            disabled_at,
            deletion_began_at,
        } = listed(project)?;
        let (mode, known_account, account_shared, revision) = account_columns;
        let (key, secrets) = sealed_credentials::open(&self.vault, &id, secrets, data_key)?;
        let account_id = |account: Option<String>| {
            let parsed = account.map(StripeAccountId::parse).transpose();
            parsed.map_err(|error| StoreError::Internal(format!("project {id}: {error}")))
        };
        let project = Project {
            created_at,
            disabled_at,
            deletion_began_at,
            mode: StripeMode::from_name(&mode)
                .ok_or_else(|| StoreError::Internal(format!("project {id} has the mode {mode}")))?,
            account: AccountUse {
                account: account_id(known_account)?,
                shared: account_shared != 0,
            },
            revision,
            stripe: StripeCredentials {
                secret_key: secrets.secret_key,
                publishable_key,
                account: account_id(account)?,
                webhook_secrets: secrets.webhook_secrets,
            },
            id,
        };
        Ok((key, project))
    }
}

impl std::fmt::Debug for Projects {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Projects").field(&self.database).finish()
    }
}

/// Projects that have credentials, each with those as they lie there and with the data key that opens them: one statement,
/// so that both are of one moment.
#[diesel::dsl::auto_type]
pub(crate) fn all() -> _ {
    projects::table
        .inner_join(stripe_credentials::table)
        .left_join(
            project_data_keys::table.on(project_data_keys::project_id
                .eq(stripe_credentials::project_id)
                .and(
                    project_data_keys::version
                        .nullable()
                        .eq(stripe_credentials::data_key_version),
                )),
        )
        .select((
            (
                projects::id,
                projects::created_at,
                projects::disabled_at,
                projects::deletion_began_at,
            ),
            (
                projects::mode,
                projects::stripe_account_id,
                projects::account_shared,
                projects::revision,
            ),
            (
                stripe_credentials::publishable_key,
                stripe_credentials::account_id,
            ),
            (
                stripe_credentials::data_key_version,
                stripe_credentials::secret_key,
                stripe_credentials::webhook_secret,
                stripe_credentials::previous_webhook_secret,
            ),
            (
                project_data_keys::wrapped.nullable(),
                project_data_keys::master_key_id.nullable(),
            ),
        ))
}

/// Every project that there is or was, by name.
#[diesel::dsl::auto_type]
fn every() -> _ {
    projects::table.order(projects::id).select((
        projects::id,
        projects::created_at,
        projects::disabled_at,
        projects::deletion_began_at,
    ))
}

fn listed(
    (id, created_at, disabled_at, deletion_began_at): ListedColumns,
) -> Result<ListedProject, StoreError> {
    Ok(ListedProject {
        created_at: created_at.0,
        disabled_at: disabled_at.map(|at| at.0),
        deletion_began_at: deletion_began_at.map(|at| at.0),
        id: ProjectId::parse(id.as_str())
            .map_err(|error| StoreError::Internal(format!("project {id}: {error}")))?,
    })
}
