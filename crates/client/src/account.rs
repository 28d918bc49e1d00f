//! The account API.

use std::sync::Arc;

use serde_json::json;

use crate::{
    AccountPaymentMethod, AccountSetupIntent, ClientOptions, Error, Write, request::Request,
    transport::Transport,
};

const PAYMENT_METHODS: [&str; 3] = ["v1", "account", "payment-methods"];
const SETUP_INTENT: [&str; 3] = ["v1", "account", "setup-intent"];

/// The account API, for what acts for one user of a tenant's, such as a front end's own server. The token says whose payment
/// methods these are.
///
/// It is cheap to clone, and its clones share their connections.
#[derive(Clone, Debug)]
pub struct AccountClient {
    transport: Arc<Transport>,
}

impl AccountClient {
    /// A client in the name of the token's user. No connection is made until the first request.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let transport = Transport::open(options)?;
        Ok(Self { transport })
    }

    /// Makes what the user's page needs to collect a card with Stripe.js.
    pub fn create_setup_intent(&self) -> Write<AccountSetupIntent> {
        let request = Request::post(&self.transport.base, &SETUP_INTENT, None);
        Write::new(&self.transport, request)
    }

    /// Saves the payment method that Stripe.js gave back. One that is saved already is given back as it is.
    pub fn create_payment_method(&self, id: &str) -> Write<AccountPaymentMethod> {
        let body = json!({ "id": id });
        let request = Request::post(&self.transport.base, &PAYMENT_METHODS, Some(&body));
        Write::new(&self.transport, request)
    }

    /// All the user's payment methods that can be used, newest first. They come in one piece; there are no pages.
    pub async fn list_payment_methods(&self) -> Result<Vec<AccountPaymentMethod>, Error> {
        self.transport.get(&PAYMENT_METHODS, &[]).await
    }

    /// Detaches a payment method at Stripe and deletes it, which cannot be undone.
    pub fn delete_payment_method(&self, id: &str) -> Write<()> {
        let path = [&PAYMENT_METHODS[..], &[id]].concat();
        Write::without_answer(&self.transport, Request::delete(&self.transport.base, &path))
    }
}
