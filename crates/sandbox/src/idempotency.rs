//! Idempotency keys of POST requests.

use serde::{Deserialize, Serialize};

use crate::call::RequestContext;
use crate::errors::ApiError;
use crate::state::{Record, World};

/// How long a key holds its answer.
const RETENTION_SECONDS: u64 = 24 * 3600;

/// Each time that many more keys are held, those whose time is over are dropped.
const CLEANING_INTERVAL: usize = 1_024;

/// Most characters of a key.
const LONGEST_KEY: usize = 255;

/// The answer that a key holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    path: String,
    /// The parameters, in a canonical form.
    parameters: String,
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The request that the answer was made for.
    pub(crate) request_id: String,
    /// Seconds since 1970.
    at: u64,
}

impl Kept {
    fn is_over(&self, now: u64) -> bool {
        now >= self.at + RETENTION_SECONDS
    }
}

/// What a key says of a request.
#[derive(Debug)]
pub(crate) enum Begin {
    /// Nothing: go on. The key is now in progress, until [`finish`].
    Fresh,
    /// The answer is known.
    Replay(Kept),
    /// The request must not be done.
    Refused(ApiError),
}

/// Looks a key up and claims it if it is free.
pub(crate) fn begin(world: &mut World, request: &RequestContext, key: &str, parameters: &str) -> Begin {
    if key.is_empty() {
        return Begin::Refused(ApiError::idempotency(
            "Idempotency Key must be a non-empty string.",
        ));
    }
    if key.chars().count() > LONGEST_KEY {
        let message = format!("Idempotency keys can have up to {LONGEST_KEY} characters.");
        return Begin::Refused(ApiError::idempotency(message));
    }
    if world
        .in_progress
        .contains(&(request.account.clone(), key.to_owned()))
    {
        return Begin::Refused(ApiError::idempotency_in_progress(key));
    }
    let account = world.accounts.get_mut(&request.account);
    if let Some(account) = account {
        if account.kept.len().is_multiple_of(CLEANING_INTERVAL) {
            account.kept.retain(|_, kept| !kept.is_over(request.now));
        }
        if let Some(kept) = account.kept.get(key).filter(|kept| !kept.is_over(request.now)) {
            return compare(kept, request, key, parameters);
        }
    }
    world
        .in_progress
        .insert((request.account.clone(), key.to_owned()));
    Begin::Fresh
}

fn compare(kept: &Kept, request: &RequestContext, key: &str, parameters: &str) -> Begin {
    if kept.path != request.path {
        return Begin::Refused(ApiError::idempotency(format!(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{}' vs \
             '{}'). Try using a key other than '{key}' if you meant to execute a different request.",
            request.path, kept.path
        )));
    }
    if kept.parameters != parameters {
        return Begin::Refused(ApiError::idempotency(format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try \
             using a key other than '{key}' if you meant to execute a different request."
        )));
    }
    Begin::Replay(kept.clone())
}

/// Ends the work on a key; holds the answer if there is one to hold.
pub(crate) fn finish(
    world: &mut World,
    request: &RequestContext,
    key: &str,
    parameters: &str,
    answer: Option<(u16, &str)>,
) {
    world
        .in_progress
        .remove(&(request.account.clone(), key.to_owned()));
    if let Some((status, body)) = answer {
        let kept = Kept {
            path: request.path.clone(),
            parameters: parameters.to_owned(),
            status,
            body: body.to_owned(),
            request_id: request.id.clone(),
            at: request.now,
        };
        world.put(&request.account, Record::Kept(key.to_owned(), kept));
    }
}
