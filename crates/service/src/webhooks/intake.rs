//! Taking webhooks in: each is verified, stored once, and only then acknowledged. The work is done afterwards.

use billfold_domain::{ProjectId, ProjectScope};
use billfold_store::{NewWebhookEvent, WebhookObject};
use billfold_stripe::{
    Event, EventParseError, EventType,
    webhook::{SignatureError, check_header, verify},
};

use super::storing::WebhookPlace;
use crate::{Service, ServiceError, Tenant};

/// What a webhook's sender sent before the body.
#[derive(Clone, Copy, Debug)]
pub struct StripeDelivery<'a> {
    /// The project in the path, as it stands there.
    pub project: &'a str,
    /// The header `Stripe-Signature`, when there is exactly one and it is text.
    pub signature: Option<&'a str>,
}

/// A delivery whose body is worth reading. It has a place among those that are taken in at once.
#[derive(Debug)]
pub struct ExpectedWebhook<'a> {
    place: WebhookPlace,
    tenant: Tenant,
    signature: &'a str,
}

impl ExpectedWebhook<'_> {
    /// The project that it is for.
    pub fn project(&self) -> &ProjectId {
        self.tenant.scope.project()
    }
}

/// Why a webhook is not taken in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WebhookError {
    /// It is not an event that Stripe signed for this project just now. Why not is for the log: the sender may be anyone.
    #[error("the webhook is not believed")]
    Rejected,
    /// It cannot be stored now: Stripe delivers it again later.
    #[error(transparent)]
    Failed(#[from] ServiceError),
}

/// Why a webhook is rejected, for the log.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("there is no such project")]
    Project,
    #[error("it must have one Stripe-Signature header")]
    Header,
    #[error("the project has no webhook secret")]
    NoSecret,
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Event(#[from] EventParseError),
}

/// Why a webhook is not taken in, before the reason is hidden.
enum Refusal {
    Rejected(Reason),
    Failed(ServiceError),
}

impl<R: Into<Reason>> From<R> for Refusal {
    fn from(reason: R) -> Self {
        Self::Rejected(reason.into())
    }
}

impl Refusal {
    fn hide(self) -> WebhookError {
        match self {
            Self::Rejected(reason) => {
                tracing::info!(%reason, "a webhook was rejected");
                WebhookError::Rejected
            }
            Self::Failed(error) => WebhookError::Failed(error),
        }
    }
}

impl Service {
    /// Looks at a delivery whose body is about to be read: one that no body could make right is rejected, so that nobody
    /// makes it be read for nothing. [`ServiceError::Unavailable`] when as many as can be are being taken in.
    pub async fn expect_webhook<'a>(
        &self,
        delivery: &StripeDelivery<'a>,
    ) -> Result<ExpectedWebhook<'a>, WebhookError> {
        let place = self.parts.webhook_intake.queue.place()?;
        let (tenant, signature) = self.admit(delivery).await.map_err(Refusal::hide)?;
        Ok(ExpectedWebhook {
            place,
            tenant,
            signature,
        })
    }

    /// Stores the event in a body, as it was signed, unless the project has it already. Returns when that is committed;
    /// [`ServiceError::Unavailable`] when that takes longer than ten seconds, and then it goes on by itself.
    pub async fn accept_webhook(
        &self,
        expected: ExpectedWebhook<'_>,
        body: &[u8],
    ) -> Result<(), WebhookError> {
        let event = self.believe(&expected, body).map_err(Refusal::hide)?;
        let ExpectedWebhook { place, tenant, .. } = expected;
        let event = new_event(&tenant, event);
        let queue = &self.parts.webhook_intake.queue;
        Ok(queue.store(place, tenant.scope, event).await?)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the signature authorises, and what verifies it has to be looked up under the project first"
    )]
    async fn admit<'a>(&self, delivery: &StripeDelivery<'a>) -> Result<(Tenant, &'a str), Refusal> {
        let project = ProjectId::parse(delivery.project).map_err(|_| Refusal::Rejected(Reason::Project))?;
        let signature = delivery.signature.ok_or(Reason::Header)?;
        // A header that no secret could make right is not worth a look into the database.
        check_header(signature, self.now())?;
        let tenant = match self.parts.tenants.find(ProjectScope::authorized(project)).await {
            Ok(tenant) => tenant,
            Err(ServiceError::ProjectNotFound) => return Err(Reason::Project.into()),
            Err(error) => return Err(Refusal::Failed(error)),
        };
        if tenant.webhook_secrets().is_empty() {
            return Err(Reason::NoSecret.into());
        }
        Ok((tenant, signature))
    }

    fn believe(&self, expected: &ExpectedWebhook<'_>, body: &[u8]) -> Result<Event, Refusal> {
        let now = self.now();
        let secrets = expected.tenant.webhook_secrets();
        verify(expected.signature, body, secrets, now)?;
        Ok(Event::parse(body)?)
    }
}

/// What is kept of an event. One of another connected account than the project's is kept and makes no work: a platform's
/// endpoint hears of all its accounts.
pub(crate) fn new_event(tenant: &Tenant, event: Event) -> NewWebhookEvent {
    let Event {
        id,
        event_type,
        object,
        account,
        created,
        ..
    } = event;
    let acted_upon = !matches!(event_type, EventType::Other(_));
    let elsewhere = account.is_some() && account.as_ref() != tenant.connected_account();
    let work = object
        .id
        .as_deref()
        .filter(|_| acted_upon && !elsewhere)
        .and_then(|id| WebhookObject::parse(&object.object_type, id));
    NewWebhookEvent {
        id: id.as_str().to_owned(),
        event_type: event_type.as_str().to_owned(),
        object_type: object.object_type.into(),
        object_id: object.id.map(Into::into),
        created_at: created,
        work,
    }
}
