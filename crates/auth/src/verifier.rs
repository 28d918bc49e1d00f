//! The one question: does this token speak, now, and for whom?

use std::{collections::HashMap, fmt, sync::Arc};

use billfold_domain::UtcTimestamp;
use time::Duration;

use crate::{
    ConfigError, IssuerStatus, MAXIMUM_CACHED_TOKENS, MAXIMUM_TOKEN_LENGTH, TokenError, TokenPart,
    VerifiedToken, VerifierConfig,
    cache::{CachedToken, TokenCache, token_digest},
    claims::{self, ClaimRules, Claims, is_subject},
    compact::CompactToken,
    fetch::Fetcher,
    header::TokenHeader,
    issuer::Issuer,
    remote_keys::Landing,
    token::Contents,
};

/// Verifies tokens against the keys of the configured issuers. Shared by all requests; no request drives the network.
pub struct Verifier {
    pub(crate) issuers: Vec<Issuer>,
    by_name: HashMap<Box<str>, usize>,
    rules: ClaimRules,
    cache: TokenCache,
}

/// Who has signed a token.
pub(crate) struct Signed {
    /// The issuer, by its place in the configuration.
    pub(crate) index: usize,
    /// Its key.
    pub(crate) key_id: Box<str>,
    /// The key set that vouched for it.
    generation: u64,
}

impl Verifier {
    /// Reads or fetches every issuer's key set, and refuses a configuration that is not whole.
    ///
    /// Keys that come over the network are as old as this call until [`Verifier::keep_fresh`] is.
    pub async fn new(config: VerifierConfig, now: UtcTimestamp) -> Result<Self, ConfigError> {
        let by_name = check(&config)?;
        let fetcher = Fetcher::new(config.authorities.as_deref())?;
        let mut issuers = Vec::with_capacity(config.issuers.len());
        for issuer in config.issuers {
            let (name, place) = (issuer.issuer.clone(), issuer.keys.to_string());
            let issuer = Issuer::load(issuer, config.development_allowed, &fetcher, now)
                .await
                .map_err(|error| ConfigError::KeySet {
                    issuer: name,
                    place,
                    error,
                })?;
            issuers.push(issuer);
        }
        Ok(Self {
            issuers,
            by_name,
            rules: ClaimRules {
                audience: config.audience.into(),
                maximum_lifetime: config.maximum_lifetime,
            },
            cache: TokenCache::new(MAXIMUM_CACHED_TOKENS),
        })
    }

    /// What the token says, if it is good now, by the keys that are in force.
    ///
    /// The token is what follows `Bearer ` in the header. Its length is bounded here, so nothing need be checked
    /// before. A token seen lately costs about a microsecond and no memory; a new one costs its signature. Now and then a
    /// call looks at a key set's file.
    pub fn verify(&self, token: &str, now: UtcTimestamp) -> Result<VerifiedToken, TokenError> {
        self.judge(token, now).map_err(|refusal| refusal.error)
    }

    /// As [`Verifier::verify`], but a token whose key is not known yet waits, for two seconds at most, where the
    /// issuer's key set is about to be fetched: so the first token of a new key is good, and not only the second.
    ///
    /// Nothing is waited for when the key is known, or when an unknown one made the set be fetched a moment ago.
    pub async fn verify_or_await_key(
        &self,
        token: &str,
        now: UtcTimestamp,
    ) -> Result<VerifiedToken, TokenError> {
        match self.judge(token, now) {
            Ok(verified) => Ok(verified),
            Err(refusal) => {
                refusal.await_key().await?;
                self.verify(token, now)
            }
        }
    }

    /// Fetches every key set that is due at this time, or asked for: what [`Verifier::keep_fresh`] does by itself.
    pub async fn fetch_when_due(&self, now: UtcTimestamp) {
        for issuer in &self.issuers {
            issuer.fetch_when_due(now).await;
        }
    }

    /// How each issuer's key set stands, in the order of the configuration.
    pub fn status(&self) -> Vec<IssuerStatus> {
        self.issuers.iter().map(Issuer::status).collect()
    }

    /// How many verified tokens are remembered; never more than [`MAXIMUM_CACHED_TOKENS`].
    pub fn cached_tokens(&self) -> usize {
        self.cache.len()
    }

    fn judge(&self, token: &str, now: UtcTimestamp) -> Result<VerifiedToken, Refusal> {
        if token.len() > MAXIMUM_TOKEN_LENGTH {
            return Err(TokenError::TooLong.into());
        }
        let digest = token_digest(token);
        if let Some(cached) = self.cache.get(&digest) {
            let issuer = &self.issuers[cached.issuer];
            issuer.refresh_when_due(now);
            if issuer.generation() == cached.generation
                && issuer.keys_are_good_at(now)
                && cached.window.contains(now)
            {
                return Ok(cached.token);
            }
        }
        let verified = self.verify_afresh(token, now)?;
        self.cache.insert(digest, verified.clone());
        Ok(verified.token)
    }

    fn verify_afresh(&self, token: &str, now: UtcTimestamp) -> Result<CachedToken, Refusal> {
        let compact = CompactToken::parse(token)?;
        let Signed {
            index,
            key_id,
            generation,
        } = self.signed(&compact, now)?;
        let issuer = &self.issuers[index];
        let claims = Claims::read(&compact.payload, &self.rules, now)?;
        if issuer
            .project
            .as_ref()
            .is_some_and(|project| *project != claims.project)
        {
            return Err(TokenError::ProjectNotOfIssuer.into());
        }
        let token = VerifiedToken::new(Contents {
            issuer: Arc::clone(issuer.name()),
            key_id,
            subject: claims.subject.into(),
            project: claims.project,
            scopes: claims.scopes,
            timezone: claims.timezone.map(str::to_owned),
            expires_at: claims.expires_at,
        });
        Ok(CachedToken {
            token,
            issuer: index,
            generation,
            window: claims.window,
        })
    }

    /// Whether one of the issuers has signed the token, and which. Its claims are still to be read.
    pub(crate) fn signed(&self, compact: &CompactToken<'_>, now: UtcTimestamp) -> Result<Signed, Refusal> {
        let header = TokenHeader::read(&compact.header)?;
        let index = *self
            .by_name
            .get(claims::issuer(&compact.payload)?)
            .ok_or(TokenError::IssuerUnknown)?;
        let issuer = &self.issuers[index];
        issuer.refresh_when_due(now);
        if !issuer.keys_are_good_at(now) {
            return Err(TokenError::KeysOutdated.into());
        }
        let mut keys = issuer.keys();
        if keys.find(header.key_id).is_none() {
            let landing = issuer.refresh_for_unknown_key(now);
            // Looked for again also where nothing was done: another caller's asking may just have brought the key.
            keys = issuer.keys();
            if keys.find(header.key_id).is_none() {
                return Err(Refusal {
                    error: TokenError::KeyUnknown,
                    landing,
                });
            }
        }
        let key = keys.find(header.key_id).ok_or(TokenError::KeyUnknown)?;
        if header.algorithm != key.algorithm() {
            return Err(TokenError::AlgorithmMismatch.into());
        }
        match key.verifies(compact.message, compact.signature) {
            None => return Err(TokenError::Encoding(TokenPart::Signature).into()),
            Some(false) => return Err(TokenError::SignatureInvalid.into()),
            Some(true) => {}
        }
        Ok(Signed {
            index,
            key_id: key.id.clone(),
            generation: keys.generation,
        })
    }

    /// The name of an issuer, by its place in the configuration.
    pub(crate) fn issuer_name(&self, index: usize) -> &Arc<str> {
        self.issuers[index].name()
    }

    /// What the claims must say.
    pub(crate) const fn rules(&self) -> &ClaimRules {
        &self.rules
    }
}

/// Why a token is refused, and whether a fetch is under way that may change that.
pub(crate) struct Refusal {
    pub(crate) error: TokenError,
    pub(crate) landing: Option<Landing>,
}

impl Refusal {
    /// Waits for the fetch, if one is under way; else it stands.
    pub(crate) async fn await_key(self) -> Result<(), TokenError> {
        self.landing.ok_or(self.error)?.wait().await;
        Ok(())
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self { error, landing: None }
    }
}

/// What can be wrong with a configuration before any key set is looked at. Gives the issuers' places by name.
fn check(config: &VerifierConfig) -> Result<HashMap<Box<str>, usize>, ConfigError> {
    if config.issuers.is_empty() {
        return Err(ConfigError::NoIssuer);
    }
    if !is_subject(&config.audience) {
        return Err(ConfigError::AudienceInvalid);
    }
    if config.maximum_lifetime < Duration::SECOND {
        return Err(ConfigError::LifetimeInvalid);
    }
    let mut by_name = HashMap::new();
    for (index, issuer) in config.issuers.iter().enumerate() {
        let name = &issuer.issuer;
        if !is_subject(name) {
            return Err(ConfigError::IssuerNameInvalid { number: index + 1 });
        }
        if issuer.is_development() && !config.development_allowed {
            return Err(ConfigError::DevelopmentIssuer { issuer: name.clone() });
        }
        if by_name.insert(name.clone().into_boxed_str(), index).is_some() {
            return Err(ConfigError::IssuerRepeated { issuer: name.clone() });
        }
    }
    Ok(by_name)
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Verifier")
            .field("issuers", &self.status())
            .finish_non_exhaustive()
    }
}
