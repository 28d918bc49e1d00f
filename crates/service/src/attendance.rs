//! What a request has written in its operation's own transactions: what it costs and what the audit log tells of it. Apart
//! they would be four commits more, each of them a wait.

use billfold_store::{Alongside, StoreError, Token};
use parking_lot::Mutex;

use crate::{
    Fulfilled, ServiceError,
    audit::Trail,
    idempotency::{Answer, Worked},
};

/// How an answer is made of what came of a wish.
pub(crate) type Show = dyn Fn(Result<&Fulfilled, ServiceError>) -> Answer + Send + Sync;

/// A request that waits for what an operation does.
pub(crate) struct Attendance<'a> {
    /// None where nobody waits: what drives an operation for its own sake has nothing to write.
    request: Option<Request<'a>>,
}

struct Request<'a> {
    trail: &'a Trail,
    operation: &'a str,
    show: &'a Show,
    tokens: &'a [Token],
    progress: Mutex<Progress>,
}

/// How far what the request has written has got.
enum Progress {
    /// Nothing is written.
    Waiting,
    /// The beginning is, and its tokens are taken.
    Begun,
    /// The end was to be written with this answer.
    Ending(Box<Worked>),
    /// The result is written, and its tokens are put back, with this answer.
    Ended(Box<Worked>),
    /// A commit was not answered: what it wrote stands or does not.
    Unknown,
}

impl<'a> Attendance<'a> {
    /// Nobody attends.
    pub(crate) const fn nobody() -> Self {
        Self { request: None }
    }

    /// The request of this trail does, which is done by the operation of this name and costs these tokens.
    pub(crate) const fn of(
        trail: &'a Trail,
        operation: &'a str,
        show: &'a Show,
        tokens: &'a [Token],
    ) -> Self {
        Self {
            request: Some(Request {
                trail,
                operation,
                show,
                tokens,
                progress: Mutex::new(Progress::Waiting),
            }),
        }
    }

    /// What is written where the operation begins: once, however often it has to be tried.
    pub(crate) fn beginning(&self) -> Result<Alongside, ServiceError> {
        match &self.request {
            Some(request) if matches!(*request.progress.lock(), Progress::Waiting) => Ok(Alongside {
                event: Some(request.trail.beginning(request.operation)?),
                tokens: request.tokens.to_vec(),
            }),
            _ => Ok(Alongside::default()),
        }
    }

    /// Notes what became of the beginning.
    pub(crate) fn begun<T>(&self, begun: Result<T, StoreError>) -> Result<T, ServiceError> {
        if let Some(request) = &self.request {
            let mut progress = request.progress.lock();
            match (&*progress, &begun) {
                (Progress::Waiting, Ok(_)) => {
                    *progress = Progress::Begun;
                    request.trail.begun(request.operation);
                }
                (Progress::Waiting, Err(StoreError::Unavailable(_))) => {
                    *progress = Progress::Unknown;
                    request.trail.begun(request.operation);
                }
                _ => {}
            }
        }
        begun.map_err(ServiceError::from)
    }

    /// Ends the operation with this result. Where the audit log cannot be written it ends without that: what was done at Stripe
    /// stands, and its caller is told.
    pub(crate) async fn end<Finish>(
        &self,
        result: impl FnOnce() -> Fulfilled + Send,
        finish: impl Fn(Alongside) -> Finish + Send + Sync,
    ) -> Result<(), ServiceError>
    where
        Finish: Future<Output = Result<(), StoreError>> + Send,
    {
        let alongside = self.ending(result)?;
        let untold = Alongside {
            event: None,
            tokens: alongside.tokens.clone(),
        };
        let mut finished = finish(alongside).await;
        let told = !matches!(finished, Err(StoreError::Untold(_)));
        if !told {
            finished = finish(untold).await;
        }
        self.ended(&finished, told);
        Ok(finished?)
    }

    /// What is written where the operation ends with this result.
    fn ending(&self, result: impl FnOnce() -> Fulfilled) -> Result<Alongside, ServiceError> {
        let Some(request) = &self.request else {
            return Ok(Alongside::default());
        };
        let fulfilled = result();
        let worked = Worked::of((request.show)(Ok(&fulfilled)), &fulfilled);
        let event = request
            .trail
            .ending(request.operation, worked.answer.status, &worked.noted)?;
        let mut progress = request.progress.lock();
        let tokens = match *progress {
            Progress::Begun => request.tokens.to_vec(),
            _ => Vec::new(),
        };
        *progress = Progress::Ending(Box::new(worked));
        Ok(Alongside {
            event: Some(event),
            tokens,
        })
    }

    /// Notes what became of the end.
    fn ended(&self, ended: &Result<(), StoreError>, told: bool) {
        let Some(request) = &self.request else { return };
        let mut progress = request.progress.lock();
        *progress = match (std::mem::replace(&mut *progress, Progress::Unknown), ended) {
            (Progress::Ending(worked), Ok(())) => {
                if told {
                    request.trail.ended();
                }
                Progress::Ended(worked)
            }
            (_, Ok(()) | Err(StoreError::Unavailable(_))) => Progress::Unknown,
            // It was rolled back.
            (_, Err(_)) => Progress::Begun,
        };
    }

    /// The answer with which the end was written.
    pub(crate) fn into_worked(self) -> Option<Worked> {
        match self.request?.progress.into_inner() {
            Progress::Ended(worked) => Some(*worked),
            _ => None,
        }
    }

    /// Whether tokens are taken and not put back, as far as is known.
    pub(crate) fn has_tokens(&self) -> bool {
        self.request
            .as_ref()
            .is_some_and(|request| matches!(*request.progress.lock(), Progress::Begun))
    }
}
