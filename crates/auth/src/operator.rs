//! Who operates the installation: tokens of issuers of their own, for an audience of their own, that speak for no project.
//!
//! A token is good for tenants or for operators, never for both, whoever signed it: the one must name a project, and the
//! other must not. What comes out is a type of its own, so neither can stand where the other belongs.

use std::{fmt, sync::Arc};

use billfold_domain::{Clock, UtcTimestamp};

use crate::{
    ConfigError, DEFAULT_OPERATOR_AUDIENCE, IssuerStatus, KeyRefresher, MAXIMUM_TOKEN_LENGTH, Scopes,
    TokenError, Verifier, VerifierConfig, claims::OperatorClaims, compact::CompactToken, verifier::Refusal,
};

/// What a verified token of an operator's says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorToken {
    /// The issuer that signed it (`iss`).
    pub issuer: Arc<str>,
    /// The issuer's key that signed it (`kid`).
    pub key_id: Box<str>,
    /// Who the operator is (`sub`): 1 to 255 characters, none of them a control character.
    pub subject: Box<str>,
    /// What it allows.
    pub scopes: Scopes,
    /// When it expires (`exp`). It is honoured for [`LEEWAY`](crate::LEEWAY) more.
    pub expires_at: UtcTimestamp,
}

/// Verifies operators' tokens. Few come, so none is remembered.
pub struct OperatorVerifier(Arc<Verifier>);

impl OperatorVerifier {
    /// Reads or fetches every issuer's key set, and refuses a configuration that is not whole, or whose issuers are bound
    /// to a project.
    ///
    /// Keys that come over the network are as old as this call until [`OperatorVerifier::keep_fresh`] is.
    pub async fn new(config: VerifierConfig, now: UtcTimestamp) -> Result<Self, ConfigError> {
        if let Some(bound) = config.issuers.iter().find(|issuer| issuer.project.is_some()) {
            return Err(ConfigError::OperatorBound {
                issuer: bound.issuer.clone(),
            });
        }
        Ok(Self(Arc::new(Verifier::new(config, now).await?)))
    }

    /// As [`Verifier::keep_fresh`].
    pub fn keep_fresh(&self, clock: &Arc<dyn Clock>) -> KeyRefresher {
        self.0.keep_fresh(clock)
    }

    /// How each issuer's key set stands, in the order of the configuration.
    pub fn status(&self) -> Vec<IssuerStatus> {
        self.0.status()
    }

    /// What the token says, if it is an operator's and good now. The token is what follows `Bearer ` in the header.
    pub fn verify(&self, token: &str, now: UtcTimestamp) -> Result<OperatorToken, TokenError> {
        self.judge(token, now).map_err(|refusal| refusal.error)
    }

    /// As [`OperatorVerifier::verify`], but a token whose key is not known yet waits as in
    /// [`Verifier::verify_or_await_key`].
    pub async fn verify_or_await_key(
        &self,
        token: &str,
        now: UtcTimestamp,
    ) -> Result<OperatorToken, TokenError> {
        match self.judge(token, now) {
            Ok(verified) => Ok(verified),
            Err(refusal) => {
                refusal.await_key().await?;
                self.verify(token, now)
            }
        }
    }

    fn judge(&self, token: &str, now: UtcTimestamp) -> Result<OperatorToken, Refusal> {
        if token.len() > MAXIMUM_TOKEN_LENGTH {
            return Err(TokenError::TooLong.into());
        }
        let compact = CompactToken::parse(token)?;
        let signed = self.0.signed(&compact, now)?;
        let claims = OperatorClaims::read(&compact.payload, self.0.rules(), now)?;
        Ok(OperatorToken {
            issuer: Arc::clone(self.0.issuer_name(signed.index)),
            key_id: signed.key_id,
            subject: claims.subject.into(),
            scopes: claims.scopes,
            expires_at: claims.expires_at,
        })
    }
}

impl fmt::Debug for OperatorVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("OperatorVerifier").field(&self.0).finish()
    }
}

impl VerifierConfig {
    /// The usual rules for operators' tokens: those for tenants' with an audience of their own.
    pub fn for_operators() -> Self {
        Self {
            audience: DEFAULT_OPERATOR_AUDIENCE.to_owned(),
            ..Self::default()
        }
    }
}
