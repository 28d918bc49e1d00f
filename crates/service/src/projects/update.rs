//! Changing a project's keys, its account and its webhook secret. All of it happens, or nothing.

use billfold_domain::{
    AuditAction, ProjectId, PublishableKey, StripeAccountId, StripeMode, StripeSecretKey, WebhookSecret,
};
use billfold_store::{AccountUse, ChangedProject, Project, ProjectChange, StripeCredentials, WebhookSecrets};

use super::{AccountLook, OperatorAttribution, ProjectError, ShownProject, account::scope_of};
use crate::{Service, ServiceError, service::Parts};

/// What becomes of a project's connected account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConnectedAccountChange {
    /// It stays what it is.
    #[default]
    Keep,
    /// The secret key acts for its own account from now on.
    Own,
    /// The secret key is a platform's and acts for this account.
    Connected(StripeAccountId),
}

/// What shall change; what is not given stays.
#[derive(Clone, Debug, Default)]
pub struct UpdateProject {
    /// Another secret key.
    pub secret_key: Option<StripeSecretKey>,
    /// Another publishable key.
    pub publishable_key: Option<PublishableKey>,
    /// Another connected account, or none.
    pub connected_account: ConnectedAccountChange,
    /// A new webhook secret. The one before stays live until the next.
    pub webhook_secret: Option<WebhookSecret>,
    /// Whether other projects may work on the same account.
    pub allow_shared_account: Option<bool>,
    /// Whether Stripe is asked whose the key is.
    pub look: AccountLook,
}

impl Service {
    /// Changes a project. A key that is of another account than the one before is refused while the project has payment
    /// methods there. Instances follow within ten seconds.
    ///
    /// One that is being deleted may get another secret key, so that a deletion goes on whose key Stripe refuses.
    pub async fn update_project(
        &self,
        by: OperatorAttribution,
        id: &ProjectId,
        update: UpdateProject,
    ) -> Result<ShownProject, ProjectError> {
        let action = AuditAction::ProjectUpdate;
        self.run_on_record(by, action, id, |parts, id| async move {
            parts.update_project(&id, update).await
        })
        .await
    }
}

impl Parts {
    async fn update_project(
        &self,
        id: &ProjectId,
        update: UpdateProject,
    ) -> Result<ShownProject, ProjectError> {
        let before = self.project(id).await?;
        require_mode(before.mode, update.secret_key.as_ref().map(StripeSecretKey::mode))?;
        require_mode(
            before.mode,
            update.publishable_key.as_ref().map(PublishableKey::mode),
        )?;
        let look = update.look;
        let shared = update.allow_shared_account.unwrap_or(before.account.shared);
        let another_key = update.secret_key.is_some();
        let stripe = changed(&before.stripe, update);
        let another_account = another_key || stripe.account != before.stripe.account;
        let (account, moves) = self
            .account_after(&before, &stripe, look, another_account)
            .await?;
        let change = ProjectChange {
            stripe,
            account: AccountUse { account, shared },
            moves,
        };
        let written = self
            .projects
            .change(id, before.mode, before.revision, &change)
            .await?;
        self.tenants.forget(id);
        match written {
            ChangedProject::Changed => Ok(self.project(id).await?.into()),
            ChangedProject::Overtaken => Err(ServiceError::Busy.into()),
            ChangedProject::AccountTaken => Err(ProjectError::AccountTaken),
            ChangedProject::InUse if look == AccountLook::Skipped => Err(ProjectError::LookNeeded),
            ChangedProject::InUse => Err(ProjectError::AccountFixed),
        }
    }

    /// The account that the project works on with these credentials, where that can be known, and whether it may be
    /// another than before.
    async fn account_after(
        &self,
        before: &Project,
        stripe: &StripeCredentials,
        look: AccountLook,
        another_account: bool,
    ) -> Result<(Option<StripeAccountId>, bool), ProjectError> {
        let known = &before.account.account;
        match look {
            _ if !another_account && known.is_some() => Ok((known.clone(), false)),
            AccountLook::Skipped if another_account => {
                // A connected account keeps its name under any key of its platform's.
                let stays = stripe.account.is_some() && stripe.account == *known;
                Ok((stripe.account.clone(), !stays))
            }
            AccountLook::Skipped => Ok((None, false)),
            AccountLook::AtStripe => {
                let found = self.look_at_account(stripe).await?;
                let stays = match known {
                    Some(known) => *known == found,
                    None if another_account => self.has_its_customers_at(&scope_of(before), stripe).await?,
                    None => true,
                };
                Ok((Some(found), !stays))
            }
        }
    }
}

fn require_mode(project: StripeMode, key: Option<StripeMode>) -> Result<(), ProjectError> {
    match key {
        Some(key) if key != project => Err(ProjectError::ModeFixed { project, key }),
        _ => Ok(()),
    }
}

/// The credentials with what an update gives put into them.
fn changed(before: &StripeCredentials, update: UpdateProject) -> StripeCredentials {
    let stripe = before.clone();
    StripeCredentials {
        secret_key: update
            .secret_key
            .map_or(stripe.secret_key, StripeSecretKey::into_secret),
        publishable_key: update
            .publishable_key
            .map_or(stripe.publishable_key, |key| key.as_str().to_owned()),
        account: match update.connected_account {
            ConnectedAccountChange::Keep => stripe.account,
            ConnectedAccountChange::Own => None,
            ConnectedAccountChange::Connected(account) => Some(account),
        },
        webhook_secrets: rolled(stripe.webhook_secrets, update.webhook_secret),
    }
}

/// The webhook secrets with a new one before them. The same again costs the one before nothing.
fn rolled(before: WebhookSecrets, new: Option<WebhookSecret>) -> WebhookSecrets {
    match new {
        Some(new) if !before.current.as_ref().is_some_and(|current| new.is(current)) => WebhookSecrets {
            current: Some(new.into_secret()),
            previous: before.current,
        },
        _ => before,
    }
}
