//! The project API.

use std::sync::Arc;

use serde_json::json;

use crate::{
    AuditEvent, AuditEventQuery, ClientOptions, Error, Page, PagedList, PaymentMethod, PaymentMethodQuery,
    SetupIntent, Write, request::Request, transport::Transport,
};

/// The project API, for a tenant's own backend, which acts for all users of its project.
///
/// It takes a token or an API key of the project. It is cheap to clone, and its clones share their connections.
#[derive(Clone, Debug)]
pub struct ProjectClient {
    transport: Arc<Transport>,
    project: Arc<str>,
}

impl ProjectClient {
    /// A client of this project, which must be the token's own. No connection is made until the first request.
    pub fn new(options: ClientOptions, project: &str) -> Result<Self, Error> {
        let transport = Transport::open(options)?;
        transport.base.join(&[project])?;
        Ok(Self {
            transport,
            project: project.into(),
        })
    }

    /// Saves a payment method of Stripe's for a user. One that is saved for the user already is given back as it is. Where
    /// its status is [`RequiresConfirmation`](crate::PaymentMethodStatus::RequiresConfirmation), its owner must still pass a
    /// check, with the client secret.
    pub fn create_payment_method(&self, id: &str, user: &str) -> Write<PaymentMethod> {
        self.post("paymentMethods", &json!({ "id": id, "user": user }))
    }

    /// Retrieves a payment method.
    pub async fn retrieve_payment_method(&self, id: &str) -> Result<PaymentMethod, Error> {
        let path = self.path(&["paymentMethods", id]);
        self.transport.get(&path, &[]).await
    }

    /// Detaches a payment method at Stripe and deletes it, which cannot be undone. Gives back what it was.
    pub fn delete_payment_method(&self, id: &str) -> Write<PaymentMethod> {
        let request = Request::delete(&self.transport.base, &self.path(&["paymentMethods", id]));
        Write::new(&self.transport, request)
    }

    /// All payment methods that the query leaves, fetched page by page. Their client secrets are not in it.
    ///
    /// ```no_run
    /// use billfold_client::{PaymentMethodQuery, PaymentMethodType, ProjectClient};
    /// use futures_util::TryStreamExt as _;
    ///
    /// # async fn example(billfold: ProjectClient) -> Result<(), billfold_client::Error> {
    /// let wallets = [PaymentMethodType::ApplePay, PaymentMethodType::GooglePay];
    /// let mut pages = billfold.list_payment_methods(PaymentMethodQuery::new().types(wallets)).pages();
    /// while let Some(page) = pages.try_next().await? {
    ///     println!("{} wallets", page.items.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list_payment_methods(&self, query: PaymentMethodQuery) -> PagedList<PaymentMethod> {
        let client = self.clone();
        PagedList::new(query.start(), move |cursor| {
            let (client, query) = (client.clone(), query.at(cursor));
            async move { client.payment_method_page(&query).await }
        })
    }

    /// One page, for who shows pages: to turn it, give its `more_items_after` to
    /// [`PaymentMethodQuery::after`], or its `more_items_before` to [`PaymentMethodQuery::before`].
    pub async fn payment_method_page(
        &self,
        query: &PaymentMethodQuery,
    ) -> Result<Page<PaymentMethod>, Error> {
        let path = self.path(&["paymentMethods"]);
        self.transport.get(&path, &query.parameters()).await
    }

    /// Makes what a user's page needs to collect a card with Stripe.js.
    pub fn create_setup_intent(&self, user: &str) -> Write<SetupIntent> {
        self.post("setupIntents", &json!({ "user": user }))
    }

    /// Retrieves a setup intent, fresh from Stripe.
    pub async fn retrieve_setup_intent(&self, id: &str) -> Result<SetupIntent, Error> {
        let path = self.path(&["setupIntents", id]);
        self.transport.get(&path, &[]).await
    }

    /// The audit log, as far as the query leaves it, fetched page by page: who asked for which change, and what came of it.
    pub fn list_audit_events(&self, query: AuditEventQuery) -> PagedList<AuditEvent> {
        let client = self.clone();
        PagedList::new(query.start(), move |cursor| {
            let (client, query) = (client.clone(), query.at(cursor));
            async move { client.audit_event_page(&query).await }
        })
    }

    /// One page of the audit log, for who shows pages.
    pub async fn audit_event_page(&self, query: &AuditEventQuery) -> Result<Page<AuditEvent>, Error> {
        let path = self.path(&["auditEvents"]);
        self.transport.get(&path, &query.parameters()).await
    }

    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["projects", &self.project], rest].concat()
    }

    fn post<T: serde::de::DeserializeOwned>(&self, collection: &str, body: &serde_json::Value) -> Write<T> {
        let request = Request::post(&self.transport.base, &self.path(&[collection]), Some(body));
        Write::new(&self.transport, request)
    }
}
