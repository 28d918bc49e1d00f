//! Whose a key is: asked of Stripe before the key is kept, which also shows that it is good.

use billfold_domain::{ProjectScope, StripeAccountId};
use billfold_store::{Project, StripeCredentials};
use billfold_stripe::{Credentials, Outcome, StripeError};

use super::ProjectError;
use crate::{ServiceError, service::Parts};

/// Whether Stripe is asked whose a key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountLook {
    /// It is: a key that is not good is refused now.
    #[default]
    AtStripe,
    /// It is not, where Stripe cannot be reached from here. The account stays unknown until a later update looks.
    Skipped,
}

/// What calls are made with.
pub(super) fn credentials(stripe: &StripeCredentials) -> Credentials {
    Credentials {
        secret_key: stripe.secret_key.clone(),
        account: stripe.account.clone(),
    }
}

impl Parts {
    /// The account that these credentials act on.
    pub(super) async fn look_at_account(
        &self,
        stripe: &StripeCredentials,
    ) -> Result<StripeAccountId, ProjectError> {
        let credentials = credentials(stripe);
        let found = self
            .engine
            .world
            .stripe
            .account(&credentials)
            .retrieve_account()
            .await;
        match (found, &stripe.account) {
            (Ok(found), Some(connected)) if found.id != *connected => {
                Err(ProjectError::AccountNotReachable {
                    account: connected.clone(),
                })
            }
            (Ok(found), _) => Ok(found.id),
            (Err(StripeError::Unauthenticated), _) => Err(ProjectError::KeyRefused),
            (Err(StripeError::PermissionDenied | StripeError::ResourceMissing { .. }), Some(connected)) => {
                Err(ProjectError::AccountNotReachable {
                    account: connected.clone(),
                })
            }
            (Err(StripeError::PermissionDenied), None) => Err(ProjectError::KeyLacksPermission),
            (Err(error), _) => Err(unanswered(&error)),
        }
    }

    /// Whether these credentials are of the account at which the project has something, told by one of its users'
    /// customers, where the account is not known by name. Without any, nobody can tell, and nobody need.
    pub(super) async fn has_its_customers_at(
        &self,
        scope: &ProjectScope,
        stripe: &StripeCredentials,
    ) -> Result<bool, ProjectError> {
        let world = &self.engine.world;
        let some = world.customers.page(scope, None, 1).await?;
        let Some((_, customer)) = some.into_iter().next() else {
            return Ok(false);
        };
        let credentials = credentials(stripe);
        // Stripe keeps customers that were deleted, and says so: one that it does not know is another account's.
        match world
            .stripe
            .account(&credentials)
            .retrieve_customer(&customer)
            .await
        {
            Ok(_) => Ok(true),
            Err(StripeError::ResourceMissing { .. }) => Ok(false),
            Err(error) => Err(unanswered(&error)),
        }
    }
}

/// The scope of a project whose credentials an operator changes.
#[expect(
    clippy::disallowed_methods,
    reason = "an operator, authorised as such, may do this to any project"
)]
pub(super) fn scope_of(project: &Project) -> ProjectScope {
    ProjectScope::authorized(project.id.clone())
}

/// What remains when Stripe has not said whose a key is.
fn unanswered(error: &StripeError) -> ProjectError {
    let cause = format!("Stripe: {} ({error})", error.kind());
    match error.outcome() {
        Outcome::Definite => ServiceError::internal(cause).into(),
        Outcome::NotApplied | Outcome::Unknown => ProjectError::StripeUnavailable {
            retry_after: error.retry_after().unwrap_or(std::time::Duration::from_secs(1)),
            cause,
        },
    }
}
