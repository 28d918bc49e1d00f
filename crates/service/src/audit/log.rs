//! The audit log as those see it who have something to write down.

use std::{sync::Arc, time::Duration};

use billfold_domain::{
    AuditAction, AuditEntry, AuditEvent, AuditEventId, Clock, ProjectScope, RefusedCaller, UtcTimestamp,
};
use billfold_store::{AuditEvents, Database, RefusedCallers};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{
    recorder::{Recorder, Waiting},
    refused_callers::Bound,
};
use crate::{Identifiers, ServiceError};

/// How many events wait to be written at most. Whoever has one more waits for a place.
const PLACES: usize = 1_024;

/// How long whoever has something to write waits until it is written. It may be written all the same.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many callers an instance writes down each minute of whom nobody knows who they are.
const REFUSED_CALLERS_A_MINUTE: u32 = 60;

/// Why those are in one record that were only counted.
const ONLY_COUNTED: &str = "more in a minute than are written down one by one";

/// The audit log of an installation. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    queue: mpsc::Sender<Waiting>,
    events: AuditEvents,
    names: Names,
    bound: Arc<Mutex<Bound>>,
}

/// Where an event's name and time come from.
#[derive(Clone)]
pub(super) struct Names {
    clock: Arc<dyn Clock>,
    identifiers: Arc<dyn Identifiers>,
}

impl Names {
    pub(super) fn now(&self) -> UtcTimestamp {
        self.clock.now()
    }

    fn next(&self) -> Result<AuditEventId, ServiceError> {
        AuditEventId::parse(self.identifiers.audit_event())
            .map_err(|error| ServiceError::internal(format!("an audit event's name {error}")))
    }

    /// The record of as many callers as were only counted.
    pub(super) fn only_counted(&self, number: u32) -> Result<RefusedCaller, ServiceError> {
        Ok(RefusedCaller {
            id: self.next()?,
            created_at: self.now(),
            request_id: None,
            action: None,
            reason: ONLY_COUNTED.into(),
            number,
        })
    }
}

impl AuditLog {
    /// Begins to write to a database, on the current runtime, which must be the one that the database was made on. It
    /// ends when the last clone is dropped.
    pub fn start(database: &Database, clock: Arc<dyn Clock>, identifiers: Arc<dyn Identifiers>) -> Self {
        let events = AuditEvents::new(database.clone());
        let names = Names { clock, identifiers };
        let bound = Arc::new(Mutex::new(Bound::new(REFUSED_CALLERS_A_MINUTE)));
        let (queue, waiting) = mpsc::channel(PLACES);
        let recorder = Recorder {
            events: events.clone(),
            refused_callers: RefusedCallers::new(database.clone()),
            names: names.clone(),
            bound: Arc::clone(&bound),
        };
        tokio::spawn(recorder.run(waiting));
        Self {
            queue,
            events,
            names,
            bound,
        }
    }

    /// Writes down what happened in a project, and returns when that is committed. [`ServiceError::ProjectNotFound`] when
    /// there is no such project.
    pub async fn record(&self, scope: &ProjectScope, entry: AuditEntry) -> Result<(), ServiceError> {
        self.record_within(PATIENCE, scope, entry).await
    }

    /// The same, for those who have less patience.
    pub async fn record_within(
        &self,
        patience: Duration,
        scope: &ProjectScope,
        entry: AuditEntry,
    ) -> Result<(), ServiceError> {
        let event = self.event(entry)?;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting::Event {
            scope: scope.clone(),
            event: Box::new(event),
            answer,
        };
        let ended = || ServiceError::unavailable("nobody writes the audit log any more");
        let written = async {
            self.queue.send(waiting).await.map_err(|_| ended())?;
            answered.await.unwrap_or_else(|_| Err(ended()))
        };
        tokio::time::timeout(patience, written).await.unwrap_or_else(|_| {
            Err(ServiceError::unavailable(
                "writing the audit log takes too long; it goes on by itself",
            ))
        })
    }

    /// What happened as an event, for whoever writes it down together with what happens.
    pub(crate) fn event(&self, entry: AuditEntry) -> Result<AuditEvent, ServiceError> {
        Ok(AuditEvent {
            id: self.names.next()?,
            created_at: self.names.now(),
            entry,
        })
    }

    /// Writes down that a caller was refused of whom nobody knows who it is, or counts it where too many are. Waits for
    /// nothing: whoever is refused should cost nothing more.
    pub fn refused_caller(&self, request_id: Option<&str>, action: AuditAction, reason: &str) {
        let now = self.names.now();
        let (counted, admitted) = {
            let mut bound = self.bound.lock();
            (bound.end_if_over(now), bound.admit(now))
        };
        if counted > 0 {
            self.enqueue(self.names.only_counted(counted), counted);
        }
        if admitted {
            let caller = self.names.next().map(|id| RefusedCaller {
                id,
                created_at: now,
                request_id: request_id.map(Into::into),
                action: Some(action),
                reason: reason.chars().take(255).collect::<String>().into(),
                number: 1,
            });
            self.enqueue(caller, 1);
        }
    }

    fn enqueue(&self, caller: Result<RefusedCaller, ServiceError>, number: u32) {
        let queued = caller.is_ok_and(|caller| self.queue.try_send(Waiting::Caller(caller)).is_ok());
        if !queued {
            self.bound.lock().count(number);
        }
    }

    pub(crate) const fn events(&self) -> &AuditEvents {
        &self.events
    }
}
