//! For whom something is done.

use std::{future::Future, sync::Arc};

use billfold_domain::{ProjectId, UserId};

tokio::task_local! {
    static REQUESTER: Arc<Requester>;
}

/// For whom something is done.
///
/// It goes with the task and not with each call, since whoever orders the calls is not told by whom it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Requester {
    /// A user of a project.
    User(ProjectId, UserId),
    /// A project's backend, which names no user.
    Backend(ProjectId),
    /// Nobody who waits.
    Background,
}

impl Requester {
    /// A user of the project, or its backend where no user is named.
    pub(crate) fn of(project: &ProjectId, user: Option<&UserId>) -> Arc<Self> {
        let project = project.clone();
        Arc::new(match user {
            Some(user) => Self::User(project, user.clone()),
            None => Self::Backend(project),
        })
    }

    /// For whom this task works: for the background, where nobody has said otherwise.
    pub(crate) fn current() -> Arc<Self> {
        REQUESTER
            .try_with(Arc::clone)
            .unwrap_or_else(|_| Arc::new(Self::Background))
    }

    /// Does the work for this requester.
    pub(crate) async fn within<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        REQUESTER.scope(self, work).await
    }

    pub(crate) fn is_background(&self) -> bool {
        *self == Self::Background
    }

    /// As a label of metrics.
    pub(crate) fn source(&self) -> &'static str {
        match self {
            Self::User(..) | Self::Backend(_) => "request",
            Self::Background => "background",
        }
    }
}
