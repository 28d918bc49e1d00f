//! The projects that requests speak for, with what is needed to call Stripe for them.

use std::{collections::HashMap, sync::Arc};

use billfold_domain::{Clock, ProjectId, ProjectScope, ProjectStatus, StripeAccountId, UtcTimestamp};
use billfold_store::{Project, Projects, StoreError};
use billfold_stripe::{Account, Credentials, StripeClient};
use parking_lot::RwLock;
use secrecy::SecretString;
use time::Duration;

use crate::{ServiceError, pacing::AccountName};

/// How long a project is known without asking the database: changes to it reach every instance within this time.
const FRESH: Duration = Duration::seconds(10);

/// A project that a caller was authorised for, ready to work.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub(crate) scope: ProjectScope,
    project: Arc<KnownProject>,
}

#[derive(Debug)]
struct KnownProject {
    publishable_key: String,
    credentials: Credentials,
    account_name: AccountName,
    webhook_secrets: Vec<SecretString>,
    known_since: UtcTimestamp,
}

impl Tenant {
    /// The proof that the caller may act for the project.
    pub fn scope(&self) -> &ProjectScope {
        &self.scope
    }

    /// A tenant of a world that is not real.
    #[cfg(test)]
    pub(crate) fn simulated(scope: ProjectScope) -> Self {
        let project = KnownProject {
            publishable_key: "pk_test_simulated".to_owned(),
            credentials: Credentials {
                secret_key: "sk_test_simulated".into(),
                account: None,
            },
            account_name: AccountName::Of(billfold_domain::StripeMode::Test, scope.project().clone()),
            webhook_secrets: Vec::new(),
            known_since: UtcTimestamp::from_seconds(0),
        };
        Self {
            scope,
            project: Arc::new(project),
        }
    }

    pub(crate) fn publishable_key(&self) -> &str {
        &self.project.publishable_key
    }

    /// What its webhooks may be signed with now.
    pub(crate) fn webhook_secrets(&self) -> &[SecretString] {
        &self.project.webhook_secrets
    }

    /// The connected account that a platform's key acts for, if it is one.
    pub(crate) fn connected_account(&self) -> Option<&StripeAccountId> {
        self.project.credentials.account.as_ref()
    }

    /// The account that it works on, as calls are counted by.
    pub(crate) fn account_name(&self) -> &AccountName {
        &self.project.account_name
    }

    pub(crate) fn account<'a>(&'a self, stripe: &'a StripeClient) -> Account<'a> {
        stripe.account(&self.project.credentials)
    }
}

/// Looks projects up, and remembers them for a short while.
pub(crate) struct Tenants {
    projects: Projects,
    clock: Arc<dyn Clock>,
    known: RwLock<HashMap<ProjectId, Arc<KnownProject>>>,
}

impl Tenants {
    pub(crate) fn new(projects: Projects, clock: Arc<dyn Clock>) -> Self {
        Self {
            projects,
            clock,
            known: RwLock::default(),
        }
    }

    /// The project of the scope. Unknown and shut ones are the same to the caller; they are not remembered, so that
    /// made-up names fill no memory.
    pub(crate) async fn find(&self, scope: ProjectScope) -> Result<Tenant, ServiceError> {
        let now = self.clock.now();
        if let Some(project) = self.known(&scope, now) {
            return Ok(Tenant { scope, project });
        }
        let found = self.projects.find(scope.project()).await.inspect_err(tell)?;
        let Some(found) = found.filter(|project| project.status() == ProjectStatus::Active) else {
            self.forget(scope.project());
            return Err(ServiceError::ProjectNotFound);
        };
        let project = Arc::new(known_project(found, now));
        self.known
            .write()
            .insert(scope.project().clone(), Arc::clone(&project));
        Ok(Tenant { scope, project })
    }

    /// The project of the scope, also when it is shut or being deleted: to end what it has begun.
    pub(crate) async fn find_even_shut(&self, scope: ProjectScope) -> Result<Tenant, ServiceError> {
        let now = self.clock.now();
        if let Some(project) = self.known(&scope, now) {
            return Ok(Tenant { scope, project });
        }
        let found = self.projects.find(scope.project()).await.inspect_err(tell)?;
        let found = found.ok_or(ServiceError::ProjectNotFound)?;
        let project = Arc::new(known_project(found, now));
        Ok(Tenant { scope, project })
    }

    fn known(&self, scope: &ProjectScope, now: UtcTimestamp) -> Option<Arc<KnownProject>> {
        let known = self.known.read().get(scope.project()).cloned();
        known.filter(|project| now < project.known_since.plus(FRESH))
    }

    /// Asks the database the next time: the project has changed. Other instances find out within ten seconds.
    pub(crate) fn forget(&self, project: &ProjectId) {
        self.known.write().remove(project);
    }
}

/// What requests need of a project.
fn known_project(project: Project, now: UtcTimestamp) -> KnownProject {
    let stripe = project.stripe;
    let account = project.account.account.or_else(|| stripe.account.clone());
    let account_name = match account {
        Some(account) => AccountName::Known(project.mode, account),
        None => AccountName::Of(project.mode, project.id),
    };
    KnownProject {
        account_name,
        publishable_key: stripe.publishable_key,
        webhook_secrets: stripe.webhook_secrets.live().cloned().collect(),
        credentials: Credentials {
            secret_key: stripe.secret_key,
            account: stripe.account,
        },
        known_since: now,
    }
}

/// Secrets that do not open need a person; that the database is away does not, and is told elsewhere.
fn tell(error: &StoreError) {
    if let StoreError::Secrets { .. } = error {
        tracing::error!(%error, "a project cannot be served");
    }
}
