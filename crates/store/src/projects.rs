//! Projects and their Stripe credentials. Not a tenant's own data: whoever asks by name here has yet to be authorised.

use billfold_domain::{ProjectId, StripeAccountId, UtcTimestamp};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, NullableExpressionMethods as _, QueryDsl as _,
};
use diesel_async::RunQueryDsl as _;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Database, StoreError,
    database::{in_transaction, read, with_connection},
    schema::{projects, stripe_credentials},
    sql_types::StoredInstant,
};

/// How a project speaks to Stripe.
#[derive(Clone, Debug)]
pub struct StripeCredentials {
    /// The key that every call is signed with.
    pub secret_key: SecretString,
    /// What a user's page needs; no secret.
    pub publishable_key: String,
    /// The connected account to act for, where the key is a platform's.
    pub account: Option<StripeAccountId>,
    /// What webhooks may be signed with.
    pub webhook_secrets: WebhookSecrets,
}

/// The signing secrets of a project's webhook endpoint that are live: none, one, or two while one takes the other's
/// place.
#[derive(Clone, Debug, Default)]
pub struct WebhookSecrets {
    /// The newest.
    pub current: Option<SecretString>,
    /// The one before, which Stripe may still sign with.
    pub previous: Option<SecretString>,
}

impl WebhookSecrets {
    /// Only this one.
    pub fn only(secret: SecretString) -> Self {
        Self {
            current: Some(secret),
            previous: None,
        }
    }

    /// Those that are live, the newest first.
    pub fn live(&self) -> impl Iterator<Item = &SecretString> {
        self.current.iter().chain(&self.previous)
    }
}

/// A project to be made.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// Its name.
    pub id: ProjectId,
    /// How it speaks to Stripe.
    pub stripe: StripeCredentials,
}

/// A tenant.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its name.
    pub id: ProjectId,
    /// When it was made.
    pub created_at: UtcTimestamp,
    /// Since when it is shut, if it is.
    pub disabled_at: Option<UtcTimestamp>,
    /// How it speaks to Stripe.
    pub stripe: StripeCredentials,
}

type Row = (
    String,
    StoredInstant,
    Option<StoredInstant>,
    String,
    String,
    Option<String>,
    (Option<String>, Option<String>),
);

/// What credentials are in their row. The webhook's secrets have a way of their own, since Stripe shows each only once:
/// whoever changes the others still has those.
macro_rules! credentials {
    ($credentials:expr) => {
        (
            stripe_credentials::secret_key.eq($credentials.secret_key.expose_secret()),
            stripe_credentials::publishable_key.eq(&$credentials.publishable_key),
            stripe_credentials::account_id.eq($credentials.account.as_ref().map(StripeAccountId::as_str)),
        )
    };
}

/// The projects of the installation.
#[derive(Clone, Debug)]
pub struct Projects {
    database: Database,
}

impl Projects {
    /// The projects in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Makes a project. [`StoreError::Duplicate`] when one of this name exists.
    pub async fn create(&self, project: &NewProject, now: UtcTimestamp) -> Result<(), StoreError> {
        let NewProject { id, stripe } = project;
        in_transaction!(self.database, |connection| {
            diesel::insert_into(projects::table)
                .values((
                    projects::id.eq(id.as_str()),
                    projects::created_at.eq(StoredInstant(now)),
                ))
                .execute(connection)
                .await?;
            diesel::insert_into(stripe_credentials::table)
                .values((
                    stripe_credentials::project_id.eq(id.as_str()),
                    credentials!(stripe),
                    stripe_credentials::webhook_secret.eq(text(stripe.webhook_secrets.current.as_ref())),
                    stripe_credentials::previous_webhook_secret
                        .eq(text(stripe.webhook_secrets.previous.as_ref())),
                ))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Makes a project, or gives the one of this name these Stripe credentials; its webhook secrets stay what they are.
    pub async fn create_or_update(&self, project: &NewProject, now: UtcTimestamp) -> Result<(), StoreError> {
        match self.create(project, now).await {
            Err(StoreError::Duplicate(_)) => self.update_credentials(project).await,
            created => created,
        }
    }

    async fn update_credentials(&self, NewProject { id, stripe }: &NewProject) -> Result<(), StoreError> {
        with_connection!(self.database, |connection| {
            diesel::update(stripe_credentials::table.filter(stripe_credentials::project_id.eq(id.as_str())))
                .set(credentials!(stripe))
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
        let secret = secret.expose_secret();
        with_connection!(self.database, |connection| {
            let another = stripe_credentials::webhook_secret
                .is_null()
                .or(stripe_credentials::webhook_secret.assume_not_null().ne(secret));
            let of_project = stripe_credentials::table
                .filter(stripe_credentials::project_id.eq(id.as_str()))
                .filter(another);
            let changed = diesel::update(of_project)
                .set((
                    stripe_credentials::previous_webhook_secret.eq(stripe_credentials::webhook_secret),
                    stripe_credentials::webhook_secret.eq(secret),
                ))
                .execute(connection)
                .await?;
            Ok(changed == 1)
        })
    }

    /// The project of this name, or `None`.
    pub async fn find(&self, id: &ProjectId) -> Result<Option<Project>, StoreError> {
        let rows = read!(self.database, all().filter(projects::id.eq(id.as_str().to_owned())) => Row)?;
        rows.into_iter().next().map(project).transpose()
    }

    /// Every project, by name.
    pub async fn list(&self) -> Result<Vec<Project>, StoreError> {
        let rows = read!(self.database, all().order(projects::id) => Row)?;
        rows.into_iter().map(project).collect()
    }
}

fn text(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(ExposeSecret::expose_secret)
}

#[diesel::dsl::auto_type]
fn all() -> _ {
    projects::table.inner_join(stripe_credentials::table).select((
        projects::id,
        projects::created_at,
        projects::disabled_at,
        stripe_credentials::secret_key,
        stripe_credentials::publishable_key,
        stripe_credentials::account_id,
        (
            stripe_credentials::webhook_secret,
            stripe_credentials::previous_webhook_secret,
        ),
    ))
}

fn project(
    (id, created_at, disabled_at, secret_key, publishable_key, account, webhook_secrets): Row,
) -> Result<Project, StoreError> {
    let unreadable = |error| StoreError::Internal(format!("project {id}: {error}"));
    Ok(Project {
        created_at: created_at.0,
        disabled_at: disabled_at.map(|at| at.0),
        stripe: StripeCredentials {
            secret_key: SecretString::from(secret_key),
            publishable_key,
            account: account
                .map(StripeAccountId::parse)
                .transpose()
                .map_err(unreadable)?,
            webhook_secrets: WebhookSecrets {
                current: webhook_secrets.0.map(SecretString::from),
                previous: webhook_secrets.1.map(SecretString::from),
            },
        },
        id: ProjectId::parse(id.as_str()).map_err(unreadable)?,
    })
}
