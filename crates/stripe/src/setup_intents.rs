//! SetupIntents: the attempts to save a card. One that succeeds attaches its payment method to its customer.

use billfold_domain::{
    ClientSecret, CustomerId, PaymentMethodId, ProjectId, SetupIntentId, SetupIntentStatus, UserId,
    UtcTimestamp,
};
use serde::Deserialize;

use crate::{
    Account, CardError, IdempotencyKey, StripeError, StripeMetadata, StripePage,
    client::Call,
    error_parse::ErrorJson,
    form::Form,
    page::ListJson,
    wire::{MetadataJson, Unreadable, read_id, read_optional_id},
};

/// The SetupIntent to make. It saves cards only, for payments while the user is away.
#[derive(Clone, Copy, Debug)]
pub struct NewSetupIntent<'a> {
    /// The customer that the card will be attached to.
    pub customer: &'a CustomerId,
    /// The payment method to save at once (the SetupIntent is confirmed as it is made), or nothing when the
    /// user's page will bring one.
    pub payment_method: Option<&'a PaymentMethodId>,
    /// The user's project.
    pub project: &'a ProjectId,
    /// The user.
    pub user: &'a UserId,
    /// The operation that makes it. At most 500 characters.
    pub operation: &'a str,
}

/// A SetupIntent at Stripe.
#[derive(Clone, Debug)]
pub struct StripeSetupIntent {
    /// Stripe's identifier.
    pub id: SetupIntentId,
    /// Where it stands.
    pub status: SetupIntentStatus,
    /// What the user's page needs to finish it.
    pub client_secret: Option<ClientSecret>,
    /// The customer that the card will be attached to.
    pub customer: Option<CustomerId>,
    /// The payment method; nothing after a refusal, when [`CardError::payment_method`] tells which it was.
    pub payment_method: Option<PaymentMethodId>,
    /// When it was made.
    pub created: UtcTimestamp,
    /// Why the last attempt failed, when the card or its owner was the reason.
    pub last_setup_error: Option<CardError>,
    /// For whom it was made.
    pub metadata: StripeMetadata,
}

/// Which SetupIntents to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetupIntentQuery<'a> {
    /// Only this customer's.
    pub customer: Option<&'a CustomerId>,
    /// Only those of this payment method.
    pub payment_method: Option<&'a PaymentMethodId>,
    /// Only those made at or after this time, in whole seconds.
    pub created_gte: Option<UtcTimestamp>,
    /// Only those that follow this one, to get the next page.
    pub starting_after: Option<&'a SetupIntentId>,
}

/// A SetupIntent as Stripe writes it.
#[derive(Deserialize)]
pub(crate) struct SetupIntentJson {
    id: String,
    status: String,
    client_secret: Option<String>,
    customer: Option<String>,
    payment_method: Option<String>,
    created: i64,
    last_setup_error: Option<ErrorJson>,
    metadata: Option<MetadataJson>,
}

impl SetupIntentJson {
    pub(crate) fn read(self) -> Result<StripeSetupIntent, Unreadable> {
        Ok(StripeSetupIntent {
            id: read_id(SetupIntentId::parse(self.id))?,
            // The states belong to the pinned version: one that it does not list is no answer of that version.
            status: SetupIntentStatus::from_snake_case(&self.status)
                .ok_or(Unreadable("a setup intent has an unknown status"))?,
            client_secret: self.client_secret.map(ClientSecret::new),
            customer: read_optional_id(self.customer, CustomerId::parse)?,
            payment_method: read_optional_id(self.payment_method, PaymentMethodId::parse)?,
            created: UtcTimestamp::from_seconds(self.created),
            last_setup_error: self.last_setup_error.and_then(ErrorJson::card_error),
            metadata: self.metadata.unwrap_or_default().into(),
        })
    }
}

impl Account<'_> {
    /// Makes a SetupIntent, and confirms it when it has a payment method: it then has succeeded, or requires an
    /// action of the card's owner, or is refused with [`StripeError::Card`].
    pub async fn create_setup_intent(
        &self,
        setup_intent: &NewSetupIntent<'_>,
        key: &IdempotencyKey,
    ) -> Result<StripeSetupIntent, StripeError> {
        let mut form = Form::new()
            .with("customer", setup_intent.customer.as_str())
            .with("usage", "off_session")
            // Without this Stripe offers whatever else the account has enabled, redirects included.
            .with("payment_method_types[]", "card")
            .with_metadata(setup_intent.project, setup_intent.user, setup_intent.operation);
        if let Some(payment_method) = setup_intent.payment_method {
            form = form
                .with("payment_method", payment_method.as_str())
                .with("confirm", "true");
        }
        let call = Call::post("/v1/setup_intents", None, form, key);
        self.call(call, SetupIntentJson::read).await
    }

    /// Looks at a SetupIntent.
    pub async fn retrieve_setup_intent(&self, id: &SetupIntentId) -> Result<StripeSetupIntent, StripeError> {
        let call = Call::get("/v1/setup_intents/{id}", Some(id.as_str()), Form::new());
        self.call(call, SetupIntentJson::read).await
    }

    /// Gives a SetupIntent up. One that has succeeded or was canceled before is
    /// [`StripeError::UnexpectedState`], with the SetupIntent as it is.
    pub async fn cancel_setup_intent(
        &self,
        id: &SetupIntentId,
        key: &IdempotencyKey,
    ) -> Result<StripeSetupIntent, StripeError> {
        let call = Call::post(
            "/v1/setup_intents/{id}/cancel",
            Some(id.as_str()),
            Form::new(),
            key,
        );
        self.call(call, SetupIntentJson::read).await
    }

    /// Lists SetupIntents, newest first, at most 100.
    pub async fn list_setup_intents(
        &self,
        query: &SetupIntentQuery<'_>,
    ) -> Result<StripePage<StripeSetupIntent>, StripeError> {
        let form = Form::new()
            .with_some("customer", query.customer.map(CustomerId::as_str))
            .with_some(
                "payment_method",
                query.payment_method.map(PaymentMethodId::as_str),
            )
            .with_page(query.created_gte, query.starting_after.map(SetupIntentId::as_str));
        let call = Call::get("/v1/setup_intents", None, form);
        self.call(call, |json: ListJson<SetupIntentJson>| {
            json.into_page(SetupIntentJson::read)
        })
        .await
    }
}
