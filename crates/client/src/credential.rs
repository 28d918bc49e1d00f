//! In whose name requests are sent.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::error::BoxError;

type Source = dyn Fn() -> BoxFuture<'static, Result<SecretString, BoxError>> + Send + Sync;

/// A token or an API key, or what gives one. It never prints.
#[derive(Clone)]
pub struct Credential(Kind);

#[derive(Clone)]
enum Kind {
    Fixed(SecretString),
    Source(Arc<Source>),
}

impl Credential {
    /// What gives a token. It is asked before each attempt, so it may give a fresh one each time.
    ///
    /// ```
    /// use billfold_client::{BoxError, Credential, SecretString};
    ///
    /// async fn token_of_the_hour() -> Result<SecretString, BoxError> {
    ///     Ok(std::fs::read_to_string("/run/secrets/billfold-token")?.trim().into())
    /// }
    /// let credential = Credential::from_source(token_of_the_hour);
    /// ```
    pub fn from_source<Source, Given, Failure>(source: Source) -> Self
    where
        Source: Fn() -> Given + Send + Sync + 'static,
        Given: Future<Output = Result<SecretString, Failure>> + Send + 'static,
        Failure: Into<BoxError>,
    {
        Self(Kind::Source(Arc::new(move || {
            let given = source();
            Box::pin(async move { given.await.map_err(Into::into) })
        })))
    }

    pub(crate) async fn token(&self) -> Result<SecretString, BoxError> {
        match &self.0 {
            Kind::Fixed(token) => Ok(token.clone()),
            Kind::Source(source) => source().await,
        }
    }
}

impl From<SecretString> for Credential {
    fn from(token: SecretString) -> Self {
        Self(Kind::Fixed(token))
    }
}

impl From<String> for Credential {
    fn from(token: String) -> Self {
        SecretString::from(token).into()
    }
}

impl From<&str> for Credential {
    fn from(token: &str) -> Self {
        SecretString::from(token).into()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential")
    }
}
