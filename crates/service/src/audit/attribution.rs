//! Who asks, and by which request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use billfold_domain::{AuditAction, AuditEntry, AuditOutcome, Caller};

use crate::ServiceError;

/// What a caller is told who is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldRefusal {
    /// The HTTP status.
    pub status: u16,
    /// The error's code, as the project API has it.
    pub code: &'static str,
}

/// Who asks, and by which request.
///
/// Clones are of the same request: handing one of them to a use case hands over all.
#[derive(Clone, Debug)]
pub struct Asker {
    caller: Caller,
    request_id: Option<Box<str>>,
    handed_over: Arc<AtomicBool>,
}

impl Asker {
    /// A caller, and the request's id where it has one.
    pub fn new(caller: Caller, request_id: Option<&str>) -> Self {
        Self {
            caller,
            request_id: request_id.map(Into::into),
            handed_over: Arc::default(),
        }
    }

    /// The caller.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether a use case has the request, and writes down what comes of it.
    pub fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Acquire)
    }

    /// That the caller wanted this, and what came of it.
    pub fn entry(&self, action: AuditAction, outcome: AuditOutcome) -> AuditEntry {
        AuditEntry {
            request_id: self.request_id.clone(),
            ..AuditEntry::new(self.caller.clone(), action, outcome)
        }
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    pub(crate) fn hand_over(&self) {
        self.handed_over.store(true, Ordering::Release);
    }
}

/// Who asks, and how they are told of errors. Each use case that changes something in a project takes one, so that what it
/// does is written down under a name.
#[derive(Clone, Debug)]
pub struct Attribution {
    asker: Asker,
    told: fn(&ServiceError) -> ToldRefusal,
}

impl Attribution {
    /// A caller's request. `told` is how its face tells an error.
    pub fn new(caller: Caller, request_id: Option<&str>, told: fn(&ServiceError) -> ToldRefusal) -> Self {
        Self {
            asker: Asker::new(caller, request_id),
            told,
        }
    }

    /// Who asks.
    pub const fn asker(&self) -> &Asker {
        &self.asker
    }

    pub(crate) fn entry(&self, action: AuditAction, outcome: AuditOutcome) -> AuditEntry {
        self.asker.entry(action, outcome)
    }

    pub(crate) fn hand_over(&self) {
        self.asker.hand_over();
    }

    pub(crate) fn told(&self, error: &ServiceError) -> ToldRefusal {
        (self.told)(error)
    }
}
