//! When keys were last used: noted on the way of a request, written behind its back.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Weak,
    time::Duration,
};

use billfold_domain::{ApiKeyId, ProjectId, ProjectScope, UtcTimestamp};
use billfold_store::{ApiKeyUse, ApiKeys};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::service::Parts;

/// How often what was noted is written. Where nothing was, nothing is asked of the database.
const INTERVAL: Duration = Duration::from_secs(1);

/// Uses that are not yet in the database: of each key the latest one, so no more than there are keys.
#[derive(Default)]
pub(super) struct Uses {
    noted: Mutex<HashMap<(ProjectId, ApiKeyId), UtcTimestamp>>,
}

impl Uses {
    pub(super) fn note(&self, project: &ProjectId, id: &ApiKeyId, at: UtcTimestamp) {
        let key = (project.clone(), id.clone());
        let mut noted = self.noted.lock();
        let latest = noted.entry(key).or_insert(at);
        *latest = at.max(*latest);
    }

    /// Writes what was noted, one transaction for each project. What cannot be written stays noted.
    pub(super) async fn write(&self, keys: &ApiKeys) {
        let noted = std::mem::take(&mut *self.noted.lock());
        let mut by_project: BTreeMap<ProjectId, Vec<ApiKeyUse>> = BTreeMap::new();
        for ((project, id), at) in noted {
            by_project.entry(project).or_default().push(ApiKeyUse { id, at });
        }
        for (project, mut uses) in by_project {
            // Transactions that write the same rows write them in one order, so that none waits for another in a circle.
            uses.sort_unstable_by(|one, other| one.id.cmp(&other.id));
            if let Err(error) = keys.record_uses(&scope(&project), &uses).await {
                tracing::warn!(%project, %error, "the last use of API keys cannot be recorded yet");
                for ApiKeyUse { id, at } in &uses {
                    self.note(&project, id, *at);
                }
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the background work goes project by project, on its own authority"
)]
fn scope(project: &ProjectId) -> ProjectScope {
    ProjectScope::authorized(project.clone())
}

/// Writes what is noted, again and again, for as long as the service is there.
pub(crate) fn record_in_background(parts: Weak<Parts>, runtime: &Handle) {
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let Some(parts) = parts.upgrade() else { return };
            parts.api_keys.record_uses().await;
        }
    });
}
