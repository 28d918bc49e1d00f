//! Who is calling, decided before a handler runs: a handler that takes a caller has an authorised one.

use std::{future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use billfold_auth::{Scope, Verifier};
use billfold_domain::{Clock, ProjectScope, UserId};
use billfold_service::{Service, Tenant};
use jiff::tz::TimeZone;

use crate::{
    error::{AccountFace, ApiError, Face, FaceError, ProjectFace},
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
    permission: PhantomData<P>,
}

/// A tenant's user, authorised for what is theirs.
pub(crate) struct AccountHolder<P> {
    pub(crate) tenant: Tenant,
    pub(crate) user: UserId,
    /// The time zone that the user's page wants times in.
    pub(crate) zone: TimeZone,
    permission: PhantomData<P>,
}

/// What deciding needs.
pub(crate) struct Gate {
    pub(crate) verifier: Verifier,
    pub(crate) clock: Arc<dyn Clock>,
}

type Deciding<T, P> = Pin<Box<dyn Future<Output = Result<T, FaceError<<P as Permission>::Face>>>>>;

impl<P: Permission<Face = ProjectFace>> FromRequest for Backend<P> {
    type Error = FaceError<P::Face>;
    type Future = Deciding<Self, P>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let token = verify(&request)?;
            require(
                token.scopes().contains(P::SCOPE),
                ApiError::PermissionDenied(P::SCOPE),
            )?;
            let named = request.match_info().get("project").unwrap_or_default();
            // Another's project and no project are the same to a caller who may see neither.
            let not_found = ApiError::Service(billfold_service::ServiceError::ProjectNotFound);
            require(named == token.project().as_str(), not_found)?;
            let tenant = tenant(&request, &token).await?;
            Ok(Self {
                tenant,
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
            let token = verify(&request)?;
            let user = UserId::parse(token.subject()).map_err(|_| ApiError::Unauthenticated)?;
            require(
                token.scopes().contains(P::SCOPE),
                ApiError::PermissionDenied(P::SCOPE),
            )?;
            let tenant = tenant(&request, &token).await?;
            let zone = wire::time::zone(token.timezone());
            Ok(Self {
                tenant,
                user,
                zone,
                permission: PhantomData,
            })
        })
    }
}

fn require(condition: bool, otherwise: ApiError) -> Result<(), ApiError> {
    if condition { Ok(()) } else { Err(otherwise) }
}

fn verify(request: &HttpRequest) -> Result<billfold_auth::VerifiedToken, ApiError> {
    let gate = request
        .app_data::<web::Data<Gate>>()
        .ok_or(ApiError::Unauthenticated)?;
    let token = bearer(request).ok_or(ApiError::Unauthenticated)?;
    gate.verifier.verify(token, gate.clock.now()).map_err(|error| {
        tracing::info!(%error, "a token was refused");
        ApiError::Unauthenticated
    })
}

/// What follows `Bearer ` (RFC 6750 section 2.1) in the only Authorization header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (Some(value), None) = (headers.next(), headers.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_start_matches(' '))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a verified token is what authorises a caller for its project"
)]
async fn tenant(request: &HttpRequest, token: &billfold_auth::VerifiedToken) -> Result<Tenant, ApiError> {
    let service = request
        .app_data::<web::Data<Service>>()
        .ok_or(ApiError::RouteNotFound)?;
    Ok(service
        .tenant(ProjectScope::authorized(token.project().clone()))
        .await?)
}
