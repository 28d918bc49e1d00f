//! The one question: does this token speak, now, and for whom?

use std::{collections::HashMap, fmt};

use billfold_domain::UtcTimestamp;
use time::Duration;

use crate::{
    ConfigError, IssuerStatus, MAXIMUM_CACHED_TOKENS, MAXIMUM_TOKEN_LENGTH, TokenError, TokenPart,
    VerifiedToken, VerifierConfig,
    cache::{CachedToken, TokenCache, token_digest},
    claims::{self, ClaimRules, Claims, is_subject},
    compact::CompactToken,
    header::TokenHeader,
    issuer::Issuer,
    token::Contents,
};

/// Verifies tokens against the keys of the configured issuers. Shared by all requests; never waits for a network.
pub struct Verifier {
    issuers: Vec<Issuer>,
    by_name: HashMap<Box<str>, usize>,
    rules: ClaimRules,
    cache: TokenCache,
}

impl Verifier {
    /// Reads every issuer's key set, and refuses a configuration that is not whole.
    pub fn new(config: VerifierConfig, now: UtcTimestamp) -> Result<Self, ConfigError> {
        if config.issuers.is_empty() {
            return Err(ConfigError::NoIssuer);
        }
        if !is_subject(&config.audience) {
            return Err(ConfigError::AudienceInvalid);
        }
        if config.maximum_lifetime < Duration::SECOND {
            return Err(ConfigError::LifetimeInvalid);
        }
        let mut issuers = Vec::with_capacity(config.issuers.len());
        let mut by_name = HashMap::new();
        for (index, issuer) in config.issuers.into_iter().enumerate() {
            let name = issuer.issuer.clone();
            if !is_subject(&name) {
                return Err(ConfigError::IssuerNameInvalid { number: index + 1 });
            }
            if issuer.is_development() && !config.development_allowed {
                return Err(ConfigError::DevelopmentIssuer { issuer: name });
            }
            if by_name.insert(name.clone().into_boxed_str(), index).is_some() {
                return Err(ConfigError::IssuerRepeated { issuer: name });
            }
            let place = issuer.keys.to_string();
            let issuer = Issuer::load(issuer, config.development_allowed, now).map_err(|error| {
                ConfigError::KeySet {
                    issuer: name,
                    place,
                    error,
                }
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

    /// What the token says, if it is good now.
    ///
    /// The token is what follows `Bearer ` in the header. Its length is bounded here, so nothing need be checked
    /// before. A token seen lately costs about a microsecond; a new one costs its signature. Now and then a call
    /// looks at a key set's file.
    pub fn verify(&self, token: &str, now: UtcTimestamp) -> Result<VerifiedToken, TokenError> {
        if token.len() > MAXIMUM_TOKEN_LENGTH {
            return Err(TokenError::TooLong);
        }
        let digest = token_digest(token);
        if let Some(cached) = self.cache.get(&digest) {
            let issuer = &self.issuers[cached.issuer];
            issuer.refresh_when_due(now);
            if issuer.generation() == cached.generation && cached.window.contains(now) {
                return Ok(cached.token);
            }
        }
        let verified = self.verify_afresh(token, now)?;
        self.cache.insert(digest, verified.clone());
        Ok(verified.token)
    }

    /// How each issuer's key set stands, in the order of the configuration.
    pub fn status(&self) -> Vec<IssuerStatus> {
        self.issuers.iter().map(Issuer::status).collect()
    }

    /// How many verified tokens are remembered; never more than [`MAXIMUM_CACHED_TOKENS`].
    pub fn cached_tokens(&self) -> usize {
        self.cache.len()
    }

    fn verify_afresh(&self, token: &str, now: UtcTimestamp) -> Result<CachedToken, TokenError> {
        let compact = CompactToken::parse(token)?;
        let header = TokenHeader::read(&compact.header)?;
        let index = *self
            .by_name
            .get(claims::issuer(&compact.payload)?)
            .ok_or(TokenError::IssuerUnknown)?;
        let issuer = &self.issuers[index];
        issuer.refresh_when_due(now);
        let mut keys = issuer.keys();
        if keys.find(header.key_id).is_none() {
            issuer.refresh_for_unknown_key(now);
            keys = issuer.keys();
        }
        let key = keys.find(header.key_id).ok_or(TokenError::KeyUnknown)?;
        if header.algorithm != key.algorithm() {
            return Err(TokenError::AlgorithmMismatch);
        }
        match key.verifies(compact.message, compact.signature) {
            None => return Err(TokenError::Encoding(TokenPart::Signature)),
            Some(false) => return Err(TokenError::SignatureInvalid),
            Some(true) => {}
        }
        let claims = Claims::read(&compact.payload, &self.rules, now)?;
        if issuer
            .project
            .as_ref()
            .is_some_and(|project| *project != claims.project)
        {
            return Err(TokenError::ProjectNotOfIssuer);
        }
        let token = VerifiedToken::new(Contents {
            issuer: issuer.name.clone(),
            key_id: key.id.clone(),
            subject: claims.subject.into(),
            project: claims.project,
            scopes: claims.scopes,
            timezone: claims.timezone.map(str::to_owned),
            expires_at: claims.expires_at,
        });
        Ok(CachedToken {
            token,
            issuer: index,
            generation: keys.generation,
            window: claims.window,
        })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Verifier")
            .field("issuers", &self.status())
            .finish_non_exhaustive()
    }
}
