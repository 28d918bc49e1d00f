//! Making a project.

use billfold_domain::{
    AuditAction, ProjectId, PublishableKey, StripeAccountId, StripeSecretKey, WebhookSecret,
};
use billfold_store::{AccountUse, MadeProject, NewProject, StripeCredentials, WebhookSecrets};

use super::{AccountLook, OperatorAttribution, ProjectError, ShownProject};
use crate::{Service, service::Parts, world::Surroundings as _};

/// A project to be made.
#[derive(Clone, Debug)]
pub struct CreateProject {
    /// Its name.
    pub id: ProjectId,
    /// Its own secret key, or a platform's.
    pub secret_key: StripeSecretKey,
    /// What its users' pages call Stripe with, of the same mode.
    pub publishable_key: PublishableKey,
    /// The connected account to act for, where the secret key is a platform's.
    pub connected_account: Option<StripeAccountId>,
    /// What its webhooks are signed with, where that is known already.
    pub webhook_secret: Option<WebhookSecret>,
    /// Whether other projects may work on the same account.
    pub allow_shared_account: bool,
    /// Whether Stripe is asked whose the key is.
    pub look: AccountLook,
}

impl Service {
    /// Makes a project, after a look at Stripe whether its key is good and whose it is.
    pub async fn create_project(
        &self,
        by: OperatorAttribution,
        new: CreateProject,
    ) -> Result<ShownProject, ProjectError> {
        let (action, id) = (AuditAction::ProjectCreate, new.id.clone());
        self.run_on_record(by, action, &id, |parts, _| async move {
            parts.create_project(new).await
        })
        .await
    }
}

impl Parts {
    async fn create_project(&self, new: CreateProject) -> Result<ShownProject, ProjectError> {
        let (secret, publishable) = (new.secret_key.mode(), new.publishable_key.mode());
        if secret != publishable {
            return Err(ProjectError::ModesDiffer { secret, publishable });
        }
        // Before Stripe is asked for nothing; what counts is asked again when the project is made.
        if self.projects.find(&new.id).await?.is_some() {
            return Err(ProjectError::AlreadyExists);
        }
        let project = NewProject {
            id: new.id,
            stripe: StripeCredentials {
                secret_key: new.secret_key.into_secret(),
                publishable_key: new.publishable_key.as_str().to_owned(),
                account: new.connected_account,
                webhook_secrets: WebhookSecrets {
                    current: new.webhook_secret.map(WebhookSecret::into_secret),
                    previous: None,
                },
            },
        };
        let account = match new.look {
            AccountLook::AtStripe => Some(self.look_at_account(&project.stripe).await?),
            AccountLook::Skipped => project.stripe.account.clone(),
        };
        let account_use = AccountUse {
            account,
            shared: new.allow_shared_account,
        };
        let now = self.engine.world.now();
        match self.projects.make(&project, &account_use, now).await? {
            MadeProject::Made => Ok(self.project(&project.id).await?.into()),
            MadeProject::NameTaken => Err(ProjectError::AlreadyExists),
            MadeProject::NameRetired => Err(ProjectError::NameRetired),
            MadeProject::AccountTaken => Err(ProjectError::AccountTaken),
        }
    }
}
