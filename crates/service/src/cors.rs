//! Which pages may call the account API for whose users.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use billfold_domain::{Clock, Origin, ProjectId, ProjectScope, UtcTimestamp};
use billfold_store::CorsOrigins;
use parking_lot::RwLock;
use time::Duration;
use tokio::sync::Mutex;

use crate::Service;

/// How long origins are known without asking the database: changes to them reach every instance within this time.
const FRESH: Duration = Duration::seconds(10);

/// A set of origins, and since when it is known.
#[derive(Clone)]
struct Known {
    origins: Arc<HashSet<Origin>>,
    since: UtcTimestamp,
}

/// Looks origins up, and remembers them for a short while.
///
/// While the database does not answer, what was known stays so: a page that could call goes on to be told its errors.
pub(crate) struct AllowedOrigins {
    store: CorsOrigins,
    clock: Arc<dyn Clock>,
    /// Those of all projects: as many as [`CorsOrigins::MAXIMUM`].
    installation: RwLock<Option<Known>>,
    /// Held by the one who asks the database for them, so that a flood of questions is one query.
    asking: Mutex<()>,
    /// Of projects that someone was authorised for; so these exist.
    projects: RwLock<HashMap<ProjectId, Known>>,
}

impl AllowedOrigins {
    pub(crate) fn new(store: CorsOrigins, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            installation: RwLock::default(),
            asking: Mutex::default(),
            projects: RwLock::default(),
        }
    }

    fn fresh(&self, known: Option<&Known>) -> Option<Known> {
        let now = self.clock.now();
        known.filter(|known| now < known.since.plus(FRESH)).cloned()
    }

    async fn look_at_installation(&self) {
        if self.fresh(self.installation.read().as_ref()).is_some() {
            return;
        }
        let _asking = self.asking.lock().await;
        let before = self.installation.read().clone();
        if self.fresh(before.as_ref()).is_some() {
            return;
        }
        let found = self.store.of_installation().await;
        *self.installation.write() = Some(self.known(found, before));
    }

    async fn of_project(&self, scope: &ProjectScope) -> Known {
        let before = self.projects.read().get(scope.project()).cloned();
        if let Some(known) = self.fresh(before.as_ref()) {
            return known;
        }
        let found = self.store.of_project(scope).await;
        let known = self.known(found, before);
        self.projects
            .write()
            .insert(scope.project().clone(), known.clone());
        known
    }

    /// What is known from now on. A database that fails is not asked again at once either.
    fn known(&self, found: Result<Vec<Origin>, billfold_store::StoreError>, before: Option<Known>) -> Known {
        let origins = match found {
            Ok(origins) => Arc::new(origins.into_iter().collect()),
            Err(error) => {
                tracing::warn!(%error, "the origins of pages cannot be looked up");
                before.map(|known| known.origins).unwrap_or_default()
            }
        };
        Known {
            origins,
            since: self.clock.now(),
        }
    }
}

impl Service {
    /// Whether any project lets pages of this origin call for its users: all that can be said of a question that shows no
    /// token. The installation's origins are looked up if they are not known.
    pub async fn some_project_allows(&self, origin: &Origin) -> bool {
        self.parts.allowed_origins.look_at_installation().await;
        self.some_project_is_known_to_allow(origin.as_str())
    }

    /// As [`Service::some_project_allows`] found out last, without waiting for anything.
    pub fn some_project_is_known_to_allow(&self, origin: &str) -> bool {
        let known = self.parts.allowed_origins.installation.read();
        known.as_ref().is_some_and(|known| known.origins.contains(origin))
    }

    /// Whether this project lets pages of this origin call for its users.
    pub async fn project_allows(&self, scope: &ProjectScope, origin: &Origin) -> bool {
        let known = self.parts.allowed_origins.of_project(scope).await;
        known.origins.contains(origin)
    }
}
