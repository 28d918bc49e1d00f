//! A request that changes something.

use std::{fmt, future::IntoFuture, sync::Arc};

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;

use crate::{
    Error,
    request::{Request, checked_key},
    transport::{Answered, Transport},
};

/// A request that changes something. It is sent when it is awaited, under an `Idempotency-Key` that is the same in all
/// attempts, so what is sent twice is done once.
///
/// ```no_run
/// # async fn example(billfold: billfold_client::ProjectClient) -> Result<(), billfold_client::Error> {
/// let saved = billfold
///     .create_payment_method("pm_card_visa", "usr_alice")
///     .idempotency_key("signup-4711")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a request is sent when it is awaited"]
pub struct Write<T> {
    transport: Arc<Transport>,
    request: Result<Request, Error>,
    idempotency_key: Option<String>,
    read: fn(Answered) -> Result<T, Error>,
}

impl<T> Write<T> {
    /// Names the request, in place of a key that the client makes: 1 to 255 visible ASCII characters. Give one where the
    /// same request may come again from elsewhere, such as from a job that is started anew.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }
}

impl Write<()> {
    /// A request whose good answer has no body.
    pub(crate) fn without_answer(transport: &Arc<Transport>, request: Result<Request, Error>) -> Self {
        Self {
            transport: Arc::clone(transport),
            request,
            idempotency_key: None,
            read: |_| Ok(()),
        }
    }
}

impl<T: DeserializeOwned> Write<T> {
    pub(crate) fn new(transport: &Arc<Transport>, request: Result<Request, Error>) -> Self {
        Self {
            transport: Arc::clone(transport),
            request,
            idempotency_key: None,
            read: Answered::json,
        }
    }
}

impl<T: 'static> IntoFuture for Write<T> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut request = self.request?;
            let key = match self.idempotency_key {
                Some(given) => checked_key(given)?,
                None => self.transport.surroundings.idempotency_key(),
            };
            request.idempotency_key = Some(key);
            (self.read)(self.transport.send(request).await?)
        })
    }
}

impl<T> fmt::Debug for Write<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Write")
            .field("request", &self.request)
            .field("idempotency_key", &self.idempotency_key)
            .finish_non_exhaustive()
    }
}
