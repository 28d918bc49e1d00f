//! Who is calling, decided before a handler runs: a handler that takes a caller has an authorised one.

mod credential;

use std::{future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, http::header, web};
use billfold_auth::{ApiKeyPepper, OperatorVerifier, Scope, TokenError, Verifier};
use billfold_domain::{Caller, CallerKind, Clock, ProjectId, ProjectScope, UserId};
use billfold_service::{Attribution, OperatorAttribution, Service, Tenant};
use jiff::tz::TimeZone;

pub(crate) use self::credential::Credential;
use crate::{
    audit,
    edge::cors::AuthorisedFor,
    error::{AccountFace, ApiError, Face, FaceError, ProjectFace},
    rate_limit,
    request_id::note_project,
    wire,
};

/// What a route asks of its caller, and the face that it belongs to.
pub(crate) trait Permission: 'static {
    /// The face whose caller it is, and who says no if need be.
    type Face: Face;
    /// The scope that the token must have.
    const SCOPE: Scope;
}

macro_rules! permission {
    ($(#[$meta:meta])* $name:ident, $face:ty) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub(crate) struct $name;

        impl Permission for $name {
            type Face = $face;
            const SCOPE: Scope = Scope::$name;
        }
    };
}

permission!(
    /// Reading on the project API.
    ProjectRead, ProjectFace
);
permission!(
    /// Writing on the project API.
    ProjectWrite, ProjectFace
);
permission!(
    /// Reading on the account API.
    AccountRead, AccountFace
);
permission!(
    /// Writing on the account API.
    AccountWrite, AccountFace
);

/// A tenant's backend, authorised for the project in the path.
pub(crate) struct Backend<P> {
    pub(crate) tenant: Tenant,
    /// Who calls, and by which request, for the audit log.
    pub(crate) attribution: Attribution,
    permission: PhantomData<P>,
}

/// A tenant's user, authorised for what is theirs.
pub(crate) struct AccountHolder<P> {
    pub(crate) tenant: Tenant,
    /// Who calls, and by which request, for the audit log.
    pub(crate) attribution: Attribution,
    pub(crate) user: UserId,
    /// The time zone that the user's page wants times in.
    pub(crate) zone: TimeZone,
    permission: PhantomData<P>,
}

/// What deciding needs.
pub(crate) struct Gate {
    pub(crate) verifier: Arc<Verifier>,
    /// Who operates the installation, where anyone does over HTTP.
    pub(crate) operators: Option<OperatorVerifier>,
    pub(crate) clock: Arc<dyn Clock>,
    /// What API keys are hashed with.
    pub(crate) api_key_pepper: ApiKeyPepper,
}

type Deciding<T, P> = Pin<Box<dyn Future<Output = Result<T, FaceError<<P as Permission>::Face>>>>>;

impl<P: Permission<Face = ProjectFace>> FromRequest for Backend<P> {
    type Error = FaceError<P::Face>;
    type Future = Deciding<Self, P>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let credential = Credential::of(&request).await?;
            note_project(&credential.project);
            let attribution = audit::know::<P::Face>(&request, scope(&credential.project), credential.caller);
            require(
                credential.scopes.contains(P::SCOPE),
                ApiError::PermissionDenied(P::SCOPE),
            )?;
            let named = request.match_info().get("project").unwrap_or_default();
            // Another's project and no project are the same to a caller who may see neither.
            let not_found = ApiError::Service(billfold_service::ServiceError::ProjectNotFound);
            require(named == credential.project.as_str(), not_found)?;
            let tenant = tenant(&request, &credential.project).await?;
            rate_limit::admit(&request, &tenant, None)?;
            Ok(Self {
                tenant,
                attribution,
                permission: PhantomData,
            })
        })
    }
}

impl<P: Permission<Face = AccountFace>> FromRequest for AccountHolder<P> {
    type Error = FaceError<P::Face>;
    type Future = Deciding<Self, P>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let token = verify(&request, bearer(&request)).await?;
            note_project(token.project());
            let attribution =
                audit::know::<P::Face>(&request, scope(token.project()), credential::bearer_of(&token));
            let user = UserId::parse(token.subject()).map_err(|_| ApiError::Unauthenticated)?;
            audit::know_user(&request, &user);
            require(
                token.scopes().contains(P::SCOPE),
                ApiError::PermissionDenied(P::SCOPE),
            )?;
            let tenant = tenant(&request, token.project()).await?;
            rate_limit::admit(&request, &tenant, Some(&user))?;
            let zone = wire::time::zone(token.timezone());
            Ok(Self {
                tenant,
                attribution,
                user,
                zone,
                permission: PhantomData,
            })
        })
    }
}

/// Whoever operates the installation, authorised for every project's life and for nothing that is in one.
pub(crate) struct Operator {
    /// Who calls, and by which request, for the audit log.
    pub(crate) attribution: OperatorAttribution,
}

impl FromRequest for Operator {
    type Error = FaceError<ProjectFace>;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(operator(&request).await?) })
    }
}

async fn operator(request: &HttpRequest) -> Result<Operator, ApiError> {
    let gate = request
        .app_data::<web::Data<Gate>>()
        .ok_or(ApiError::Unauthenticated)?;
    let operators = gate.operators.as_ref().ok_or(ApiError::RouteNotFound)?;
    let token = bearer(request).ok_or(ApiError::Unauthenticated)?;
    let verified = operators.verify_or_await_key(token, gate.clock.now()).await;
    let token = verified.map_err(|error| disbelieve(request, &error))?;
    let named = request.match_info().get("project");
    let named = named.and_then(|named| ProjectId::parse(named).ok());
    let attribution = audit::know_operator(
        request,
        named.as_ref().map(scope),
        Caller::of_kind(CallerKind::Operator)
            .subject(&token.subject)
            .issuer(&token.issuer)
            .key_id(&token.key_id),
    );
    require(
        token.scopes.contains(Scope::OperatorWrite),
        ApiError::PermissionDenied(Scope::OperatorWrite),
    )?;
    Ok(Operator { attribution })
}

fn require(condition: bool, otherwise: ApiError) -> Result<(), ApiError> {
    if condition { Ok(()) } else { Err(otherwise) }
}

async fn verify(
    request: &HttpRequest,
    token: Option<&str>,
) -> Result<billfold_auth::VerifiedToken, ApiError> {
    let gate = request
        .app_data::<web::Data<Gate>>()
        .ok_or(ApiError::Unauthenticated)?;
    let token = token.ok_or(ApiError::Unauthenticated)?;
    let verified = gate.verifier.verify_or_await_key(token, gate.clock.now()).await;
    verified.map_err(|error| disbelieve(request, &error))
}

/// Why is for the logs alone.
fn disbelieve(request: &HttpRequest, error: &TokenError) -> ApiError {
    tracing::info!(%error, "a token was refused");
    note_disbelief(request, error)
}

fn note_disbelief(request: &HttpRequest, why: &dyn std::fmt::Display) -> ApiError {
    request.extensions_mut().insert(audit::Disbelief(why.to_string()));
    ApiError::Unauthenticated
}

/// What follows `Bearer ` (RFC 6750 section 2.1) in the only Authorization header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (Some(value), None) = (headers.next(), headers.next()) else {
        return None;
    };
    let (scheme, token) = std::str::from_utf8(value.as_bytes()).ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_start_matches(' '))
}

/// What a verified token lets its caller act for.
#[expect(
    clippy::disallowed_methods,
    reason = "a verified token or API key is what authorises a caller for its project, and an operator for each"
)]
fn scope(project: &ProjectId) -> ProjectScope {
    ProjectScope::authorized(project.clone())
}

async fn tenant(request: &HttpRequest, project: &ProjectId) -> Result<Tenant, ApiError> {
    let service = request
        .app_data::<web::Data<Service>>()
        .ok_or(ApiError::RouteNotFound)?;
    let scope = scope(project);
    request.extensions_mut().insert(AuthorisedFor(scope.clone()));
    Ok(service.tenant(scope).await?)
}
