//! Writes down every refusal of a request that would have changed something. What gets as far as a use case writes itself
//! down (`billfold_service`'s `Trail`); this is for what does not, so no route can forget to.

use std::time::Duration;

use actix_web::{
    HttpMessage as _, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::Next,
    web,
};
use billfold_domain::{
    AuditAction, AuditEntry, AuditObject, AuditOutcome, CallerKind, PaymentMethodId, ProjectId, ProjectScope,
    UserId,
};
use billfold_service::{
    Asker, Attribution, AuditLog, OperatorAttribution, ProjectError, Service, ServiceError, ToldOutcome,
    ToldRefusal,
};

use crate::{
    error::{ApiError, Face, ProjectFace, RefusalCode, code_for_the_audit_log},
    handlers::projects,
    request_id::Named,
};

/// How long a refusal waits to be written down before it is told. It is told in any case.
const PATIENCE: Duration = Duration::from_secs(2);

/// A caller who is known, whatever becomes of the request.
#[derive(Clone)]
pub(crate) struct KnownCaller {
    /// The caller's own project: its log is the one that tells of the request, whatever project the path names. An
    /// operator has none, and the log is that of the project that the path names, if it names one.
    scope: Option<ProjectScope>,
    /// The user who calls, where one does.
    user: Option<UserId>,
    asker: Asker,
}

/// Why a caller is not believed, for the operator.
pub(crate) struct Disbelief(pub(crate) String);

/// Notes who calls, from the moment on that it is known, and gives what use cases ask for.
pub(crate) fn know<F: Face>(
    request: &HttpRequest,
    scope: ProjectScope,
    caller: billfold_domain::Caller,
) -> Attribution {
    let attribution = Attribution::new(caller, request_id(request).as_deref(), told::<F>);
    #[cfg(feature = "measure-parts")]
    if crate::left_out::audit() {
        return attribution;
    }
    request.extensions_mut().insert(KnownCaller {
        scope: Some(scope),
        user: None,
        asker: attribution.asker().clone(),
    });
    attribution
}

/// Notes that an operator calls, about the project that the path names, and gives what use cases ask for.
pub(crate) fn know_operator(
    request: &HttpRequest,
    scope: Option<ProjectScope>,
    caller: billfold_domain::Caller,
) -> OperatorAttribution {
    let asker = Asker::new(caller, request_id(request).as_deref());
    request.extensions_mut().insert(KnownCaller {
        scope,
        user: None,
        asker: asker.clone(),
    });
    OperatorAttribution::new(asker, told_to_operators)
}

/// Notes that the caller is this user.
pub(crate) fn know_user(request: &HttpRequest, user: &UserId) {
    if let Some(known) = request.extensions_mut().get_mut::<KnownCaller>() {
        known.user = Some(user.clone());
    }
}

/// How a face tells an error of a use case.
fn told<F: Face>(error: &ServiceError) -> ToldRefusal {
    let error = ApiError::Service(error.clone());
    ToldRefusal {
        status: F::refuse(&error).status.as_u16(),
        code: code_for_the_audit_log(&error),
    }
}

/// How operators are told what came of a wish.
#[expect(
    clippy::unnecessary_wraps,
    reason = "what has no status is told at the command line"
)]
fn told_to_operators(action: &AuditAction, result: Result<(), &ProjectError>) -> Option<ToldOutcome> {
    Some(match result {
        Ok(()) => ToldOutcome {
            status: projects::done(action).as_u16(),
            code: None,
        },
        Err(error) => {
            let error = ApiError::from(error.clone());
            ToldOutcome {
                status: ProjectFace::refuse(&error).status.as_u16(),
                code: Some(code_for_the_audit_log(&error)),
            }
        }
    })
}

/// Answers the request, and writes down what came of it where nothing else does.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    #[cfg(feature = "measure-parts")]
    if crate::left_out::audit() {
        return next.call(request).await;
    }
    let action = action(&request);
    let response = next.call(request).await?;
    let service = response.request().app_data::<web::Data<Service>>();
    if let (Some(action), Some(service)) = (action, service) {
        write_down(service.audit(), action, &response).await;
    }
    Ok(response)
}

/// What the log calls the request; `None` for what it does not tell of.
fn action(request: &ServiceRequest) -> Option<AuditAction> {
    let extensions = request.extensions();
    extensions.get::<Named>()?.route?.action.clone()
}

async fn write_down<B>(log: &AuditLog, action: AuditAction, response: &ServiceResponse<B>) {
    let (request, status) = (response.request(), response.status());
    let known = request.extensions().get::<KnownCaller>().cloned();
    let Some(known) = known else {
        return write_down_stranger(log, action, request, status);
    };
    if known.asker.is_handed_over() {
        return;
    }
    let code = response.response().extensions().get::<RefusalCode>().copied();
    let entry = AuditEntry {
        object: object(request, &known),
        user: known.user.clone(),
        status: Some(status.as_u16()),
        code: code.map(|code| code.0.into()),
        ..known.asker.entry(action.clone(), outcome(status))
    };
    let Some(scope) = &known.scope else {
        let reason = "an operator was refused who named no project";
        return log.refused_caller(request_id(request).as_deref(), action, reason);
    };
    match log.record_within(PATIENCE, scope, entry).await {
        Ok(()) => {}
        // The token is good, and there is no project of the name that it or the path has: it has no log.
        Err(ServiceError::ProjectNotFound) => {
            log.refused_caller(
                request_id(request).as_deref(),
                action,
                "there is no project of the token's name",
            );
        }
        Err(error) => tracing::error!(?error, "a refusal cannot be written into the audit log"),
    }
}

/// A caller of whom nobody knows who it is: no project's log is theirs to write in.
fn write_down_stranger(log: &AuditLog, action: AuditAction, request: &HttpRequest, status: StatusCode) {
    let extensions = request.extensions();
    let reason = match extensions.get::<Disbelief>() {
        Some(disbelief) => disbelief.0.clone(),
        None if status == StatusCode::UNAUTHORIZED => "there is no token".to_owned(),
        None => format!("answered {} before the caller was known", status.as_u16()),
    };
    drop(extensions);
    log.refused_caller(request_id(request).as_deref(), action, &reason);
}

fn outcome(status: StatusCode) -> AuditOutcome {
    if status.is_server_error() {
        AuditOutcome::Failed
    } else if status.is_client_error() {
        AuditOutcome::Refused
    } else {
        AuditOutcome::Succeeded
    }
}

fn request_id(request: &HttpRequest) -> Option<String> {
    request.extensions().get::<Named>().map(|named| named.id.clone())
}

/// The object that the path names, where the text can be a name: another's project, if it is that, since nothing in there
/// was looked for; the project that an operator names; or else the payment method.
fn object(request: &HttpRequest, known: &KnownCaller) -> Option<AuditObject> {
    let part = |name| request.match_info().get(name);
    let operates = matches!(known.asker.caller().kind(), CallerKind::Operator);
    let own = known.scope.as_ref().map(|scope| scope.project().as_str());
    if let Some(named) = part("project")
        && (operates || own != Some(named))
    {
        return ProjectId::parse(named).ok().as_ref().map(AuditObject::from);
    }
    let id = PaymentMethodId::parse(part("id")?).ok()?;
    Some(AuditObject::from(&id))
}
