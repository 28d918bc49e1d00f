//! What a use case writes down of itself: that it begins, and what came of it.

use billfold_domain::{
    AuditAction, AuditEntry, AuditEvent, AuditObject, AuditOutcome, Caller, ProjectScope, UserId,
};
use billfold_store::Operation;
use parking_lot::Mutex;

use super::{Attribution, AuditLog};
use crate::{Fulfilled, GivenAnswer, SavedPaymentMethod, ServiceError, Wish, idempotency::Noted};

/// How far a use case has got.
#[derive(Clone, Debug)]
enum Progress {
    /// It has not acted.
    NotBegun,
    /// It acts, or has acted, by the operation of this name.
    Begun(Box<str>),
    /// That it begins could not be written down, so it does not.
    Stopped,
    /// What came of it is written down, together with its result.
    Ended,
}

/// A request on its way through a use case.
pub(crate) struct Trail {
    log: AuditLog,
    scope: ProjectScope,
    attribution: Attribution,
    subject: Subject,
    progress: Mutex<Progress>,
}

/// What an event is about.
#[derive(Clone, Debug)]
struct Subject {
    action: AuditAction,
    object: Option<AuditObject>,
    user: Option<UserId>,
}

impl From<&Wish> for Subject {
    fn from(wish: &Wish) -> Self {
        match wish {
            Wish::SavePaymentMethod { id, user, .. } => Self {
                action: AuditAction::PaymentMethodCreate,
                object: Some(id.into()),
                user: Some(user.clone()),
            },
            Wish::DeletePaymentMethod { id, owner } => Self {
                action: AuditAction::PaymentMethodDelete,
                object: Some(id.into()),
                user: owner.clone(),
            },
            Wish::MakeSetupIntent { user } => Self {
                action: AuditAction::SetupIntentCreate,
                object: None,
                user: Some(user.clone()),
            },
        }
    }
}

impl Fulfilled {
    /// The object that it is about, and whose it is.
    pub(crate) fn object(&self) -> (AuditObject, UserId) {
        match self {
            Self::Saved(SavedPaymentMethod::Created(shown) | SavedPaymentMethod::Existing(shown)) => (
                (&shown.payment_method.id).into(),
                shown.payment_method.user.clone(),
            ),
            Self::Deleted(deleted) => ((&deleted.id).into(), deleted.user.clone()),
            Self::SetupIntent(made) => ((&made.id).into(), made.user.clone()),
        }
    }
}

impl Trail {
    /// The trail of a wish. From here on the use case writes down what comes of the request.
    pub(crate) fn of(log: AuditLog, scope: ProjectScope, attribution: Attribution, wish: &Wish) -> Self {
        attribution.hand_over();
        Self {
            log,
            scope,
            attribution,
            subject: wish.into(),
            progress: Mutex::new(Progress::NotBegun),
        }
    }

    /// How an error is told.
    pub(crate) fn code(&self, error: &ServiceError) -> &'static str {
        self.attribution.told(error).code
    }

    /// That the use case begins to act, for whoever writes it down where the operation begins.
    pub(crate) fn beginning(&self, operation: &str) -> Result<AuditEvent, ServiceError> {
        self.log.event(AuditEntry {
            operation: Some(operation.into()),
            ..self.entry(AuditOutcome::Begun)
        })
    }

    /// Notes that the use case acts, or may have begun to.
    pub(crate) fn begun(&self, operation: &str) {
        *self.progress.lock() = Progress::Begun(operation.into());
    }

    /// What came of the use case, for whoever writes it down together with its result.
    pub(crate) fn ending(
        &self,
        operation: &str,
        status: u16,
        noted: &Noted,
    ) -> Result<AuditEvent, ServiceError> {
        let entry = self.entry(AuditOutcome::Succeeded);
        self.log.event(AuditEntry {
            operation: Some(operation.into()),
            status: Some(status),
            object: noted.object.clone().or(entry.object),
            user: noted.user.clone().or(entry.user),
            ..entry
        })
    }

    /// Notes that this is written down.
    pub(crate) fn ended(&self) {
        *self.progress.lock() = Progress::Ended;
    }

    /// Writes down that the use case begins to act. Where that fails it may not.
    pub(crate) async fn begin(&self, operation: &str) -> Result<(), ServiceError> {
        let entry = AuditEntry {
            operation: Some(operation.into()),
            ..self.entry(AuditOutcome::Begun)
        };
        let written = self.log.record(&self.scope, entry).await;
        *self.progress.lock() = match &written {
            Ok(()) => Progress::Begun(operation.into()),
            Err(_) => Progress::Stopped,
        };
        written.map_err(|error| match error {
            ServiceError::ProjectNotFound => error,
            error => ServiceError::unavailable(format!("the audit log cannot be written: {error:?}")),
        })
    }

    /// Writes down what came of the use case. Where that fails the answer is told all the same: what was begun stands.
    pub(crate) async fn end(&self, result: &Result<GivenAnswer, ServiceError>) {
        let progress = self.progress.lock().clone();
        let operation = match progress {
            Progress::Begun(operation) => Some(operation),
            Progress::Stopped => return,
            Progress::Ended if result.as_ref().is_ok_and(|given| !given.replayed) => return,
            // Where it has ended, the caller is told something else than what came of it.
            Progress::NotBegun | Progress::Ended => None,
        };
        let entry = match result {
            Ok(given) => {
                let entry = self.entry(outcome_of(given));
                let noted = given.noted.clone();
                AuditEntry {
                    status: Some(given.answer.status),
                    code: noted.code.map(Into::into),
                    object: noted.object.or(entry.object),
                    user: noted.user.or(entry.user),
                    ..entry
                }
            }
            Err(error) => {
                let told = self.attribution.told(error);
                AuditEntry {
                    status: Some(told.status),
                    code: Some(told.code.into()),
                    ..self.entry(outcome_of_error(error, operation.is_some()))
                }
            }
        };
        let entry = AuditEntry { operation, ..entry };
        if let Err(error) = self.log.record(&self.scope, entry).await {
            tracing::error!(
                ?error,
                "what came of a request cannot be written into the audit log"
            );
        }
    }

    fn entry(&self, outcome: AuditOutcome) -> AuditEntry {
        let Subject { action, object, user } = self.subject.clone();
        AuditEntry {
            object,
            user,
            ..self.attribution.entry(action, outcome)
        }
    }
}

fn outcome_of(given: &GivenAnswer) -> AuditOutcome {
    match (given.replayed, given.answer.status) {
        (true, _) => AuditOutcome::Replayed,
        (false, ..400) => AuditOutcome::Succeeded,
        (false, _) => AuditOutcome::Refused,
    }
}

fn outcome_of_error(error: &ServiceError, begun: bool) -> AuditOutcome {
    match error {
        ServiceError::Unavailable { .. } if begun => AuditOutcome::Unknown,
        ServiceError::Unavailable { .. } | ServiceError::Internal { .. } => AuditOutcome::Failed,
        _ => AuditOutcome::Refused,
    }
}

impl AuditLog {
    /// Writes down, under Billfold's own name, what came of an operation that a request began and something else ended:
    /// nothing where that request, or another, has told of it, and nothing of what no request asked for.
    pub(crate) async fn note_end(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        refused: bool,
    ) -> Result<(), ServiceError> {
        let told = self.events().of_operation(scope, &operation.id).await?;
        let begun = told
            .iter()
            .rev()
            .find(|event| event.entry.outcome == AuditOutcome::Begun);
        let Some(begun) = begun else { return Ok(()) };
        if told.iter().any(|event| event.entry.outcome.is_final()) {
            return Ok(());
        }
        let entry = AuditEntry {
            caller: Caller::SYSTEM,
            outcome: if refused {
                AuditOutcome::Refused
            } else {
                AuditOutcome::Succeeded
            },
            user: Some(operation.user.clone()),
            ..begun.entry.clone()
        };
        self.record(scope, entry).await
    }
}
