//! What a tenant's backend shows: a token, or an API key.

use actix_web::{HttpRequest, web};
use billfold_auth::{ApiKey, Scope, Scopes, VerifiedToken};
use billfold_domain::{ApiKeyScopes, Caller, CallerKind, ProjectId};
use billfold_service::{ApiKeyError, Service, VerifiedApiKey};

use super::{Gate, bearer, verify};
use crate::error::ApiError;

/// What a good token or a good API key says.
pub(crate) struct Credential {
    /// The only project that it speaks for.
    pub(crate) project: ProjectId,
    pub(crate) scopes: Scopes,
    pub(crate) caller: Caller,
}

impl Credential {
    /// What the request shows. Everything that is not good is refused in one way.
    pub(super) async fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        #[cfg(feature = "measure-parts")]
        if let Some(credential) = crate::left_out::credential(request) {
            return Ok(credential);
        }
        match bearer(request) {
            Some(text) if ApiKey::is_meant_by(text) => of_api_key(request, text).await,
            token => {
                let token = verify(request, token).await?;
                Ok(Self {
                    project: token.project().clone(),
                    scopes: token.scopes(),
                    caller: bearer_of(&token),
                })
            }
        }
    }
}

/// Who a verified token says it is, for the audit log.
pub(super) fn bearer_of(token: &VerifiedToken) -> Caller {
    Caller::of_kind(CallerKind::Token)
        .subject(token.subject())
        .issuer(token.issuer())
        .key_id(token.key_id())
}

async fn of_api_key(request: &HttpRequest, text: &str) -> Result<Credential, ApiError> {
    let (Some(gate), Some(service)) = (
        request.app_data::<web::Data<Gate>>(),
        request.app_data::<web::Data<Service>>(),
    ) else {
        return Err(ApiError::Unauthenticated);
    };
    // The checksum comes first, so that what is no key at all costs no query.
    let key = ApiKey::parse(text).map_err(|error| refused(request, &error))?;
    let VerifiedApiKey { project, id, scopes } = service
        .verify_api_key(gate.api_key_pepper.hash(&key))
        .await
        .map_err(|error| match error {
            ApiKeyError::Refused(reason) => refused(request, &reason),
            ApiKeyError::Failed(error) => ApiError::Service(error),
        })?;
    tracing::debug!(api_key = %id, %project, "an API key was accepted");
    Ok(Credential {
        project,
        scopes: scopes_of(scopes),
        caller: Caller::of_kind(CallerKind::ApiKey)
            .subject(&format!("api_key:{id}"))
            .key_id(id.as_str()),
    })
}

/// Why is for the logs alone.
fn refused(request: &HttpRequest, reason: &dyn std::fmt::Display) -> ApiError {
    tracing::info!(%reason, "an API key was refused");
    super::note_disbelief(request, reason)
}

fn scopes_of(scopes: ApiKeyScopes) -> Scopes {
    let read = scopes.may_read().then_some(Scope::ProjectRead);
    let write = scopes.may_write().then_some(Scope::ProjectWrite);
    read.into_iter().chain(write).collect()
}
