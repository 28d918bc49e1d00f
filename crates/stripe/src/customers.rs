//! Customers: one for each user who has saved something.

use billfold_domain::{CustomerId, ProjectId, UserId, UtcTimestamp};
use serde::Deserialize;

use crate::{
    Account, IdempotencyKey, StripeError, StripeMetadata, StripePage,
    client::Call,
    form::Form,
    page::ListJson,
    wire::{MetadataJson, Unreadable, read_id},
};

/// The customer to make for a user.
#[derive(Clone, Copy, Debug)]
pub struct NewCustomer<'a> {
    /// The user's project.
    pub project: &'a ProjectId,
    /// The user.
    pub user: &'a UserId,
    /// The operation that makes it, by which it is found again when the answer is lost. At most 500 characters.
    pub operation: &'a str,
}

/// A customer that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeCustomer {
    /// Stripe's identifier.
    pub id: CustomerId,
    /// When it was made.
    pub created: UtcTimestamp,
    /// For whom it was made.
    pub metadata: StripeMetadata,
}

/// A customer, or what is left of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerState {
    /// It can be used.
    Live(StripeCustomer),
    /// It was deleted. Its payment methods still name it and can never be used again.
    Deleted,
}

/// Which customers to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct CustomerQuery<'a> {
    /// Only those made at or after this time, in whole seconds.
    pub created_gte: Option<UtcTimestamp>,
    /// Only those that follow this one, to get the next page.
    pub starting_after: Option<&'a CustomerId>,
}

#[derive(Deserialize)]
pub(crate) struct CustomerJson {
    id: String,
    #[serde(default)]
    deleted: bool,
    created: Option<i64>,
    metadata: Option<MetadataJson>,
}

impl CustomerJson {
    pub(crate) fn read(self) -> Result<CustomerState, Unreadable> {
        if self.deleted {
            return Ok(CustomerState::Deleted);
        }
        self.read_live().map(CustomerState::Live)
    }

    fn read_live(self) -> Result<StripeCustomer, Unreadable> {
        Ok(StripeCustomer {
            id: read_id(CustomerId::parse(self.id))?,
            created: self
                .created
                .map(UtcTimestamp::from_seconds)
                .ok_or(Unreadable("a customer has no time of creation"))?,
            metadata: self.metadata.unwrap_or_default().into(),
        })
    }
}

impl Account<'_> {
    /// Makes a customer for a user, marked with metadata.
    pub async fn create_customer(
        &self,
        customer: &NewCustomer<'_>,
        key: &IdempotencyKey,
    ) -> Result<CustomerId, StripeError> {
        let form = Form::new().with_metadata(customer.project, customer.user, customer.operation);
        let call = Call::post("/v1/customers", None, form, key);
        self.call(call, |json: CustomerJson| {
            json.read_live().map(|customer| customer.id)
        })
        .await
    }

    /// Looks at a customer. One that never existed is [`StripeError::ResourceMissing`].
    pub async fn retrieve_customer(&self, id: &CustomerId) -> Result<CustomerState, StripeError> {
        let call = Call::get("/v1/customers/{id}", Some(id.as_str()), Form::new());
        self.call(call, CustomerJson::read).await
    }

    /// Lists customers, newest first, at most 100: the way to find one by its metadata whose creation was not
    /// answered. (Stripe's search would be shorter, but lags behind its writes.)
    pub async fn list_customers(
        &self,
        query: &CustomerQuery<'_>,
    ) -> Result<StripePage<StripeCustomer>, StripeError> {
        let form = Form::new().with_page(query.created_gte, query.starting_after.map(CustomerId::as_str));
        let call = Call::get("/v1/customers", None, form);
        self.call(call, |json: ListJson<CustomerJson>| {
            json.into_page(CustomerJson::read_live)
        })
        .await
    }
}
