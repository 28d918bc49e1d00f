//! What writes the audit log. Events that come while others are being written wait and are written together: the busier it
//! is, the fewer transactions an event costs, and none waits longer than for the one before.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use billfold_domain::{AuditEvent, ProjectId, ProjectScope, RefusedCaller};
use billfold_store::{AuditEvents, RefusedCallers, StoreError};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tracing::Instrument as _;

use super::{log::Names, refused_callers::Bound};
use crate::{ServiceError, background};

/// How many events one transaction writes at most, so that none lasts long.
const BATCH: usize = 500;

/// How many projects' transactions run at once: a few of the database's connections, since requests need them too.
const TRANSACTIONS_AT_ONCE: usize = 4;

/// How often those are looked for who were only counted, in a minute that is over.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

type Answer = oneshot::Sender<Result<(), ServiceError>>;

/// What waits to be written.
pub(super) enum Waiting {
    /// An event, and who waits for it.
    Event {
        scope: ProjectScope,
        event: Box<AuditEvent>,
        answer: Answer,
    },
    /// A refused caller, for whom nobody waits.
    Caller(RefusedCaller),
}

/// The events of one project that are written together.
struct Group {
    scope: ProjectScope,
    events: Vec<AuditEvent>,
    answers: Vec<Answer>,
}

#[derive(Clone)]
pub(super) struct Recorder {
    pub(super) events: AuditEvents,
    pub(super) refused_callers: RefusedCallers,
    pub(super) names: Names,
    pub(super) bound: Arc<Mutex<Bound>>,
}

impl Recorder {
    /// Writes until nobody can have anything more to write.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Waiting>) {
        let mut batch = Vec::new();
        loop {
            let received = tokio::select! {
                received = queue.recv_many(&mut batch, BATCH) => received,
                () = tokio::time::sleep(LOOK_AGAIN) => {
                    let counted = self.bound.lock().end_if_over(self.names.now());
                    self.tell_of_the_counted(counted).await;
                    continue;
                }
            };
            if received == 0 {
                let counted = self.bound.lock().end();
                self.tell_of_the_counted(counted).await;
                return;
            }
            self.write(batch.drain(..)).await;
        }
    }

    async fn write(&self, batch: impl Iterator<Item = Waiting>) {
        let mut callers = Vec::new();
        let mut groups: BTreeMap<ProjectId, Group> = BTreeMap::new();
        for waiting in batch {
            match waiting {
                Waiting::Caller(caller) => callers.push(caller),
                Waiting::Event { scope, event, answer } => {
                    let group = groups.entry(scope.project().clone()).or_insert_with(|| Group {
                        scope,
                        events: Vec::new(),
                        answers: Vec::new(),
                    });
                    group.events.push(*event);
                    group.answers.push(answer);
                }
            }
        }
        let mut transactions = JoinSet::new();
        for (project, group) in groups {
            if transactions.len() >= TRANSACTIONS_AT_ONCE {
                transactions.join_next().await;
            }
            let recorder = self.clone();
            let span = background::span("writeAuditLog", &project);
            transactions.spawn(async move { recorder.append(group).await }.instrument(span));
        }
        self.add(callers).await;
        // A task that panicked has dropped its answers, which tells those who wait.
        while transactions.join_next().await.is_some() {}
    }

    /// Writes the events of one project in one transaction, and answers each.
    async fn append(
        &self,
        Group {
            scope,
            events,
            answers,
        }: Group,
    ) {
        let appended = self.events.append(&scope, &events).await;
        if let (Err(StoreError::Internal(_) | StoreError::Duplicate(_)), 2..) = (&appended, events.len()) {
            // One that cannot be written must not keep the others out.
            for (event, answer) in events.into_iter().zip(answers) {
                let appended = self.events.append(&scope, &[event]).await;
                drop(answer.send(appended.map_err(ServiceError::from)));
            }
            return;
        }
        let appended = appended.map_err(ServiceError::from);
        for answer in answers {
            // Whoever is gone needs no answer.
            drop(answer.send(appended.clone()));
        }
    }

    async fn tell_of_the_counted(&self, counted: u32) {
        if counted == 0 {
            return;
        }
        match self.names.only_counted(counted) {
            Ok(caller) => self.add(vec![caller]).await,
            Err(error) => tracing::error!(?error, counted, "refused callers cannot be written down"),
        }
    }

    async fn add(&self, callers: Vec<RefusedCaller>) {
        if callers.is_empty() {
            return;
        }
        if let Err(error) = self.refused_callers.append(&callers).await {
            tracing::warn!(%error, number = callers.len(), "refused callers cannot be written down");
            let number = callers.iter().map(|caller| caller.number).sum();
            // They are told of when the database answers again.
            self.bound.lock().count(number);
        }
    }
}
