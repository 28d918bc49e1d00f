//! `billfold project`

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use billfold_domain::{Clock as _, ProjectId, StripeAccountId, SystemClock};
use billfold_store::{
    Database, DatabaseOptions, NewProject, Projects, StoreError, StripeCredentials, WebhookSecrets,
};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};

use super::{CommandError, DatabaseArguments, print};

#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Makes a project.
    Create(Create),
    /// Lists the projects.
    List(List),
    /// Shows a project.
    Show(Show),
    /// Changes a project: gives it a new webhook secret. The one before stays good until the next change.
    Update(Update),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Its name in paths and tokens: 1 to 64 characters of A-Z, a-z, 0-9, _ and -.
    project: ProjectId,
    /// Its Stripe account's publishable key.
    #[arg(long, env = "BILLFOLD_PROJECT_STRIPE_PUBLISHABLE_KEY", value_name = "pk_…")]
    stripe_publishable_key: String,
    /// The file that holds its Stripe account's secret key; - is standard input. Never the key itself: arguments are
    /// seen by every process of the machine.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_STRIPE_SECRET_KEY_FILE",
        value_name = "FILE",
        default_value = "-"
    )]
    stripe_secret_key_file: PathBuf,
    /// The connected account that a platform's secret key acts for.
    #[arg(long, env = "BILLFOLD_PROJECT_STRIPE_ACCOUNT", value_name = "acct_…")]
    stripe_account: Option<StripeAccountId>,
    /// The file that holds the signing secret of its webhook endpoint at Stripe; - is standard input. Never the secret
    /// itself.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_STRIPE_WEBHOOK_SECRET_FILE",
        value_name = "FILE"
    )]
    stripe_webhook_secret_file: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its name.
    project: ProjectId,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Debug, Args)]
pub(super) struct Update {
    /// Its name.
    project: ProjectId,
    /// The file that holds the new signing secret of its webhook endpoint at Stripe; - is standard input. Never the
    /// secret itself: arguments are seen by every process of the machine.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_STRIPE_WEBHOOK_SECRET_FILE",
        value_name = "FILE"
    )]
    stripe_webhook_secret_file: PathBuf,
    #[command(flatten)]
    database: DatabaseArguments,
}

impl Project {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Update(update) => update.run().await,
        }
    }
}

async fn projects(database: DatabaseArguments) -> Result<Projects, CommandError> {
    let database = Database::connect(&DatabaseOptions::new(database.database_url)).await?;
    super::serve::require_migrated(&database).await?;
    Ok(Projects::new(database))
}

impl Create {
    async fn run(self) -> Result<(), CommandError> {
        let webhook_secret_file = self.stripe_webhook_secret_file.as_deref();
        if webhook_secret_file == Some(Path::new("-")) && self.stripe_secret_key_file == Path::new("-") {
            return Err(
                "standard input can hold the secret key or the webhook secret, not both: \
                 give one of them with --stripe-secret-key-file or --stripe-webhook-secret-file"
                    .into(),
            );
        }
        let stripe = StripeCredentials {
            secret_key: read_secret_key(&self.stripe_secret_key_file)?,
            publishable_key: publishable_key(self.stripe_publishable_key)?,
            account: self.stripe_account,
            webhook_secrets: WebhookSecrets {
                current: webhook_secret_file.map(read_webhook_secret).transpose()?,
                previous: None,
            },
        };
        let projects = projects(self.database).await?;
        match projects
            .create(
                &NewProject {
                    id: self.project.clone(),
                    stripe,
                },
                SystemClock.now(),
            )
            .await
        {
            Ok(()) => Ok(print(&format!("Made the project {}.\n", self.project))?),
            Err(StoreError::Duplicate(_)) => {
                Err(format!("there is a project {} already: choose another name", self.project).into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A secret key of Stripe's, from a file or from standard input.
fn read_secret_key(file: &Path) -> Result<SecretString, CommandError> {
    let text = read_secret("the secret key", file)?;
    let key = text.expose_secret().trim();
    if key.starts_with("pk_") {
        return Err("this is a publishable key: the secret key begins with sk_ or rk_".into());
    }
    if !["sk_test_", "sk_live_", "rk_test_", "rk_live_"]
        .iter()
        .any(|start| key.starts_with(start))
    {
        return Err(
            "Stripe's secret keys begin with sk_test_, sk_live_, rk_test_ or rk_live_: this one does not"
                .into(),
        );
    }
    Ok(SecretString::from(key.to_owned()))
}

/// A webhook endpoint's signing secret, from a file or from standard input.
fn read_webhook_secret(file: &Path) -> Result<SecretString, CommandError> {
    let text = read_secret("the webhook secret", file)?;
    let secret = text.expose_secret().trim();
    let good = secret
        .strip_prefix("whsec_")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()));
    if !good {
        // What was given may be a key, so it is not repeated here.
        return Err(
            "Stripe's webhook secrets begin with whsec_ and are one word: this one is not. \
             Stripe's dashboard shows it as the endpoint's signing secret"
                .into(),
        );
    }
    Ok(SecretString::from(secret.to_owned()))
}

/// A secret as it lies in a file, or as standard input has it.
fn read_secret(what: &str, file: &Path) -> Result<SecretString, CommandError> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file)
            .map_err(|error| format!("{what}'s file {} cannot be read: {error}", file.display()))?;
    }
    Ok(SecretString::from(text))
}

fn publishable_key(key: String) -> Result<String, CommandError> {
    if key.starts_with("pk_test_") || key.starts_with("pk_live_") {
        return Ok(key);
    }
    // What was given may be a secret key, so it is not repeated here.
    Err("Stripe's publishable keys begin with pk_test_ or pk_live_: this one does not".into())
}

impl List {
    async fn run(self) -> Result<(), CommandError> {
        for project in projects(self.database).await?.list().await? {
            print(&format!("{}\n", project.id))?;
        }
        Ok(())
    }
}

impl Show {
    async fn run(self) -> Result<(), CommandError> {
        let found = projects(self.database).await?.find(&self.project).await?;
        let project = found.ok_or_else(|| format!("there is no project {}", self.project))?;
        let live = match project.stripe.webhook_secrets.live().count() {
            0 => "none: webhooks are refused".to_owned(),
            live => format!("{live} live"),
        };
        let account = project
            .stripe
            .account
            .map_or_else(|| "its own".to_owned(), |account| account.to_string());
        print(&format!(
            "project          {}\ncreated          {}\ndisabled         {}\npublishable key  {}\nStripe account   {}\nwebhook secrets  {}\n",
            project.id,
            crate::wire::time::rfc3339(project.created_at),
            project
                .disabled_at
                .map_or_else(|| "no".to_owned(), crate::wire::time::rfc3339),
            project.stripe.publishable_key,
            account,
            live,
        ))?;
        Ok(())
    }
}

impl Update {
    async fn run(self) -> Result<(), CommandError> {
        let secret = read_webhook_secret(&self.stripe_webhook_secret_file)?;
        let projects = projects(self.database).await?;
        let found = projects.find(&self.project).await?;
        if found.is_none() {
            return Err(format!("there is no project {}", self.project).into());
        }
        let project = self.project;
        print(&if projects.roll_webhook_secret(&project, &secret).await? {
            format!(
                "The project {project} has a new webhook secret. The one before stays good until the next change.\n"
            )
        } else {
            format!("The project {project} has this webhook secret already.\n")
        })?;
        Ok(())
    }
}
