//! Idempotency keys: which requests have begun, and the answers of those that have ended.
//!
//! The first request with a key holds it under a lease and a fence, as an operation is held. Its answer is written once,
//! under the fence, and is the answer of the key from then on.

use billfold_domain::{ProjectScope, SetupIntentId, UtcTimestamp};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _,
    dsl::case_when, upsert::excluded,
};
use diesel_async::RunQueryDsl as _;
use time::Duration;

use crate::{
    Database, StoreError,
    database::{in_transaction, read, with_connection},
    error::still_held,
    operations::{FIRST_FENCE, LEASE_SECONDS},
    schema::idempotency_keys,
    sql_types::{StoredInstant, database_now, database_time_in},
};

/// How long a key stands for its answer.
const RETENTION: Duration = Duration::hours(24);

/// A key as a request brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// The route that the request came by: the same key on another route is another key.
    pub route: String,
    /// The key itself.
    pub key: String,
    /// What the request asks for, digested.
    pub fingerprint: String,
    /// The name of the operation that the request begins if it is the first with this key.
    pub operation: String,
}

/// A key that this holder alone may write the answer of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKey {
    /// The route.
    pub route: String,
    /// The key itself.
    pub key: String,
    /// The name of the operation that the first request with this key began, or was about to begin.
    pub operation: String,
    /// The holder's number: how often the key was claimed, this time included.
    pub fence: i64,
}

/// An answer that is given again to a request that comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Where the new object is, if the answer says so.
    pub location: Option<String>,
    /// The body, without the client secret.
    pub body: String,
    /// What was taken out of the body.
    pub taken_secret: Option<TakenSecret>,
}

/// A client secret that stood in an answer. The secret itself is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenSecret {
    /// Whose client secret it is.
    pub setup_intent: SetupIntentId,
    /// The byte of the body before which it stood.
    pub at: usize,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyClaim {
    /// The caller holds the key: it does the work and writes the answer.
    Held(HeldKey),
    /// The work is done; this was the answer.
    Known(KeptAnswer),
    /// Another holds the key.
    Busy,
    /// The key stands for another request.
    Reused,
}

/// The idempotency keys of every project, each call within one.
#[derive(Clone, Debug)]
pub struct IdempotencyKeys {
    database: Database,
}

/// One key of a project.
#[diesel::dsl::auto_type]
fn one(project: String, route: String, key: String) -> _ {
    idempotency_keys::table
        .filter(idempotency_keys::project_id.eq(project))
        .filter(idempotency_keys::route.eq(route))
        .filter(idempotency_keys::key.eq(key))
}

/// A key as long as this holder holds it and no answer is written.
#[diesel::dsl::auto_type]
fn held<'a>(project: &'a str, route: &'a str, key: &'a str, fence: i64) -> _ {
    idempotency_keys::table
        .filter(idempotency_keys::project_id.eq(project))
        .filter(idempotency_keys::route.eq(route))
        .filter(idempotency_keys::key.eq(key))
        .filter(idempotency_keys::fence.eq(fence))
        .filter(idempotency_keys::status.is_null())
}

type AnswerRow = (
    Option<i16>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i32>,
);
const ANSWER: (
    idempotency_keys::status,
    idempotency_keys::location,
    idempotency_keys::body,
    idempotency_keys::setup_intent_id,
    idempotency_keys::secret_at,
) = (
    idempotency_keys::status,
    idempotency_keys::location,
    idempotency_keys::body,
    idempotency_keys::setup_intent_id,
    idempotency_keys::secret_at,
);

fn answer((status, location, body, setup_intent, at): AnswerRow) -> Result<Option<KeptAnswer>, StoreError> {
    let Some(status) = status else { return Ok(None) };
    let unreadable = || StoreError::Internal("a kept answer cannot be read".to_owned());
    let taken_secret = match (setup_intent, at) {
        (None, None) => None,
        (Some(setup_intent), Some(at)) => Some(TakenSecret {
            setup_intent: SetupIntentId::parse(setup_intent).map_err(|_| unreadable())?,
            at: usize::try_from(at).map_err(|_| unreadable())?,
        }),
        _ => return Err(unreadable()),
    };
    Ok(Some(KeptAnswer {
        status: u16::try_from(status).map_err(|_| unreadable())?,
        location,
        body: body.unwrap_or_default(),
        taken_secret,
    }))
}

impl IdempotencyKeys {
    /// The idempotency keys in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Takes the key for the caller, in one statement: one that is new, one whose holder's lease has run out without an
    /// answer, which goes on under the operation that the first request named, or one whose time is over at `now`,
    /// which begins anew.
    pub async fn claim(
        &self,
        scope: &ProjectScope,
        new: &NewKey,
        now: UtcTimestamp,
    ) -> Result<KeyClaim, StoreError> {
        let project = scope.project().as_str();
        let over = || idempotency_keys::created_at.le(StoredInstant(now.plus(-RETENTION)));
        let claimed: Result<Option<(String, i64)>, StoreError> =
            with_connection!(self.database, scope, |connection| {
                let upsert = diesel::insert_into(idempotency_keys::table)
                    .values((
                        idempotency_keys::project_id.eq(project),
                        idempotency_keys::route.eq(new.route.as_str()),
                        idempotency_keys::key.eq(new.key.as_str()),
                        idempotency_keys::fingerprint.eq(new.fingerprint.as_str()),
                        idempotency_keys::operation_id.eq(new.operation.as_str()),
                        idempotency_keys::fence.eq(FIRST_FENCE),
                        idempotency_keys::lease_expires_at.eq(database_time_in(LEASE_SECONDS)),
                        idempotency_keys::created_at.eq(StoredInstant(now)),
                    ))
                    .on_conflict((
                        idempotency_keys::project_id,
                        idempotency_keys::route,
                        idempotency_keys::key,
                    ))
                    .do_update()
                    .set((
                        idempotency_keys::fingerprint.eq(excluded(idempotency_keys::fingerprint)),
                        idempotency_keys::operation_id.eq(case_when(
                            over(),
                            excluded(idempotency_keys::operation_id),
                        )
                        .otherwise(idempotency_keys::operation_id)),
                        idempotency_keys::created_at.eq(case_when(
                            over(),
                            excluded(idempotency_keys::created_at),
                        )
                        .otherwise(idempotency_keys::created_at)),
                        idempotency_keys::fence.eq(idempotency_keys::fence + 1),
                        idempotency_keys::lease_expires_at.eq(database_time_in(LEASE_SECONDS)),
                        idempotency_keys::status.eq(None::<i16>),
                        idempotency_keys::location.eq(None::<String>),
                        idempotency_keys::body.eq(None::<String>),
                        idempotency_keys::setup_intent_id.eq(None::<String>),
                        idempotency_keys::secret_at.eq(None::<i32>),
                    ));
                let nobodys = idempotency_keys::lease_expires_at.lt(database_now());
                let left_open = idempotency_keys::status
                    .is_null()
                    .and(idempotency_keys::fingerprint.eq(new.fingerprint.as_str()));
                let claimed =
                    diesel::query_dsl::methods::FilterDsl::filter(upsert, nobodys.and(over().or(left_open)))
                        .returning((idempotency_keys::operation_id, idempotency_keys::fence))
                        .get_result(connection)
                        .await
                        .optional()?;
                Ok(claimed)
            });
        match claimed? {
            Some((operation, fence)) => Ok(KeyClaim::Held(HeldKey {
                route: new.route.clone(),
                key: new.key.clone(),
                operation,
                fence,
            })),
            None => self.not_claimed(scope, new).await,
        }
    }

    /// Why a key could not be claimed.
    async fn not_claimed(&self, scope: &ProjectScope, new: &NewKey) -> Result<KeyClaim, StoreError> {
        let rows = read!(
            self.database,
            scope,
            one(scope.project().to_string(), new.route.clone(), new.key.clone())
                .select((idempotency_keys::fingerprint, ANSWER)) => (String, AnswerRow)
        )?;
        Ok(match rows.into_iter().next() {
            Some((fingerprint, _)) if fingerprint != new.fingerprint => KeyClaim::Reused,
            Some((_, row)) => answer(row)?.map_or(KeyClaim::Busy, KeyClaim::Known),
            // It was forgotten just now: whoever asks again begins it anew.
            None => KeyClaim::Busy,
        })
    }

    /// The answer of a key, if one is written.
    pub async fn kept(
        &self,
        scope: &ProjectScope,
        route: &str,
        key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        let rows = read!(
            self.database,
            scope,
            one(scope.project().to_string(), route.to_owned(), key.to_owned()).select(ANSWER) => AnswerRow
        )?;
        rows.into_iter().next().map_or(Ok(None), answer)
    }

    /// Writes the answer of a key, which is kept from `now` on. [`StoreError::Fenced`] when another has taken the key
    /// over, whether or not it has written an answer.
    pub async fn keep(
        &self,
        scope: &ProjectScope,
        holder: &HeldKey,
        answer: &KeptAnswer,
        now: UtcTimestamp,
    ) -> Result<(), StoreError> {
        let project = scope.project().as_str();
        let too_large = |_| StoreError::Internal("an answer is too large to be kept".to_owned());
        let status = i16::try_from(answer.status).map_err(too_large)?;
        let taken = answer.taken_secret.as_ref();
        let at = taken
            .map(|taken| i32::try_from(taken.at))
            .transpose()
            .map_err(too_large)?;
        with_connection!(self.database, scope, |connection| still_held(
            diesel::update(held(project, &holder.route, &holder.key, holder.fence))
                .set((
                    idempotency_keys::status.eq(status),
                    idempotency_keys::location.eq(answer.location.as_deref()),
                    idempotency_keys::body.eq(answer.body.as_str()),
                    idempotency_keys::setup_intent_id.eq(taken.map(|taken| taken.setup_intent.as_str())),
                    idempotency_keys::secret_at.eq(at),
                    idempotency_keys::created_at.eq(StoredInstant(now)),
                    idempotency_keys::lease_expires_at.eq(database_time_in(-1)),
                ))
                .execute(connection)
                .await?
        ))
    }

    /// Goes on holding a key. Does nothing when another has taken it over or an answer is written.
    pub async fn extend_lease(&self, scope: &ProjectScope, holder: &HeldKey) -> Result<(), StoreError> {
        self.set_lease(scope, holder, LEASE_SECONDS).await
    }

    /// Lets another request with this key go on at once, under the same operation. Does nothing when another has taken
    /// the key over or an answer is written.
    pub async fn release(&self, scope: &ProjectScope, holder: &HeldKey) -> Result<(), StoreError> {
        self.set_lease(scope, holder, -1).await
    }

    async fn set_lease(
        &self,
        scope: &ProjectScope,
        holder: &HeldKey,
        seconds: i64,
    ) -> Result<(), StoreError> {
        let project = scope.project().as_str();
        with_connection!(self.database, scope, |connection| {
            diesel::update(held(project, &holder.route, &holder.key, holder.fence))
                .set(idempotency_keys::lease_expires_at.eq(database_time_in(seconds)))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Forgets keys of before this point in time that nobody holds, the oldest first, and gives how many they were: about
    /// `limit` at most, since those of one moment go together.
    pub async fn forget_older(
        &self,
        scope: &ProjectScope,
        before: UtcTimestamp,
        limit: i64,
    ) -> Result<usize, StoreError> {
        if limit < 1 {
            return Ok(0);
        }
        let old = || {
            idempotency_keys::table
                .filter(idempotency_keys::project_id.eq(scope.project().as_str()))
                .filter(idempotency_keys::created_at.lt(StoredInstant(before)))
                .filter(idempotency_keys::lease_expires_at.lt(database_now()))
        };
        in_transaction!(self.database, scope, |connection| {
            let youngest: Option<StoredInstant> = old()
                .order(idempotency_keys::created_at)
                .select(idempotency_keys::created_at)
                .offset(limit - 1)
                .first(connection)
                .await
                .optional()?;
            let forgotten = match youngest {
                Some(youngest) => {
                    diesel::delete(old().filter(idempotency_keys::created_at.le(youngest)))
                        .execute(connection)
                        .await?
                }
                None => diesel::delete(old()).execute(connection).await?,
            };
            Ok(forgotten)
        })
    }
}
