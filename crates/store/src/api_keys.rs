//! The API keys of tenants' backends: their hashes, what they allow, and when they were used. The keys are nowhere.

use std::fmt::Display;

use billfold_domain::{ApiKeyHash, ApiKeyId, ApiKeyName, ApiKeyScopes, ProjectScope, UtcTimestamp};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, NullableExpressionMethods as _, QueryDsl as _,
};
use diesel_async::RunQueryDsl as _;
use time::Duration;

use crate::{
    Database, StoreError,
    database::{in_transaction, read, with_connection},
    schema::api_keys,
    sql_types::StoredInstant,
};

/// How far apart two recorded uses of a key are at least, whichever instances saw them: to the minute is near enough, and
/// a busy key must not write at every request.
const BETWEEN_USES: Duration = Duration::MINUTE;

/// A key to be kept.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its public name, which no other key of the project has.
    pub id: ApiKeyId,
    /// What it is looked up by.
    pub hash: ApiKeyHash,
    /// What it allows.
    pub scopes: ApiKeyScopes,
    /// What people call it.
    pub name: Option<ApiKeyName>,
    /// From when on it is good no more, if it shall end by itself.
    pub expires_at: Option<UtcTimestamp>,
}

/// A key as its project sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredApiKey {
    /// Its public name.
    pub id: ApiKeyId,
    /// What it allows.
    pub scopes: ApiKeyScopes,
    /// What people call it.
    pub name: Option<ApiKeyName>,
    /// When it was made.
    pub created_at: UtcTimestamp,
    /// From when on it is good no more, if it ends by itself.
    pub expires_at: Option<UtcTimestamp>,
    /// Since when it is revoked, if it is.
    pub revoked_at: Option<UtcTimestamp>,
    /// When it was last seen in use, to the minute.
    pub last_used_at: Option<UtcTimestamp>,
}

/// That a key was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyUse {
    /// Which.
    pub id: ApiKeyId,
    /// When.
    pub at: UtcTimestamp,
}

/// The keys of every project: but for the lookup by hash, each call within one.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    pub(crate) database: Database,
}

type Row = (
    String,
    String,
    Option<String>,
    StoredInstant,
    Option<StoredInstant>,
    Option<StoredInstant>,
    Option<StoredInstant>,
);

#[diesel::dsl::auto_type]
fn of_project(project: String) -> _ {
    api_keys::table.filter(api_keys::project_id.eq(project))
}

#[diesel::dsl::auto_type]
fn one<'a>(project: &'a str, id: &'a str) -> _ {
    api_keys::table
        .filter(api_keys::project_id.eq(project))
        .filter(api_keys::id.eq(id))
}

impl ApiKeys {
    /// The keys in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Keeps a new key. [`StoreError::Duplicate`] when the project has one of this name.
    pub async fn create(
        &self,
        scope: &ProjectScope,
        key: &NewApiKey,
        now: UtcTimestamp,
    ) -> Result<(), StoreError> {
        with_connection!(self.database, scope, |connection| {
            diesel::insert_into(api_keys::table)
                .values((
                    api_keys::project_id.eq(scope.project().as_str()),
                    api_keys::id.eq(key.id.as_str()),
                    api_keys::hash.eq(key.hash.to_hex()),
                    api_keys::scopes.eq(key.scopes.as_str()),
                    api_keys::name.eq(key.name.as_ref().map(ApiKeyName::as_str)),
                    api_keys::created_at.eq(StoredInstant(now)),
                    api_keys::expires_at.eq(key.expires_at.map(StoredInstant)),
                ))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Every key of the project, the oldest first, revoked and expired ones too.
    pub async fn list(&self, scope: &ProjectScope) -> Result<Vec<StoredApiKey>, StoreError> {
        let rows = read!(
            self.database,
            scope,
            of_project(scope.project().to_string())
                .order((api_keys::created_at, api_keys::id))
                .select((
                    api_keys::id,
                    api_keys::scopes,
                    api_keys::name,
                    api_keys::created_at,
                    api_keys::expires_at,
                    api_keys::revoked_at,
                    api_keys::last_used_at,
                )) => Row
        )?;
        rows.into_iter().map(stored).collect()
    }

    /// Revokes a key, and says since when it is revoked: one that is already stays as it was. `None` when the project has
    /// none of this name.
    pub async fn revoke(
        &self,
        scope: &ProjectScope,
        id: &ApiKeyId,
        now: UtcTimestamp,
    ) -> Result<Option<UtcTimestamp>, StoreError> {
        let project = scope.project().as_str();
        in_transaction!(self.database, scope, |connection| {
            diesel::update(one(project, id.as_str()).filter(api_keys::revoked_at.is_null()))
                .set(api_keys::revoked_at.eq(Some(StoredInstant(now))))
                .execute(connection)
                .await?;
            let revoked: Vec<Option<StoredInstant>> = one(project, id.as_str())
                .select(api_keys::revoked_at)
                .load(connection)
                .await?;
            Ok(revoked.into_iter().flatten().next().map(|at| at.0))
        })
    }

    /// Records when keys of the project were used. A use within a minute of the one that is recorded changes nothing.
    pub async fn record_uses(&self, scope: &ProjectScope, uses: &[ApiKeyUse]) -> Result<(), StoreError> {
        let project = scope.project().as_str();
        in_transaction!(self.database, scope, |connection| {
            for ApiKeyUse { id, at } in uses {
                let long_ago = StoredInstant(at.plus(-BETWEEN_USES));
                let unseen = api_keys::last_used_at
                    .is_null()
                    .or(api_keys::last_used_at.assume_not_null().le(long_ago));
                diesel::update(one(project, id.as_str()).filter(unseen))
                    .set(api_keys::last_used_at.eq(Some(StoredInstant(*at))))
                    .execute(connection)
                    .await?;
            }
            Ok(())
        })
    }
}

/// A row that cannot be what it should: the database was written to by hand.
pub(crate) fn unreadable(id: &str, error: &dyn Display) -> StoreError {
    StoreError::Internal(format!("the API key {id}: {error}"))
}

fn stored(
    (id, scopes, name, created_at, expires_at, revoked_at, last_used_at): Row,
) -> Result<StoredApiKey, StoreError> {
    Ok(StoredApiKey {
        scopes: scopes.parse().map_err(|error| unreadable(&id, &error))?,
        name: name
            .map(|name| ApiKeyName::parse(&name))
            .transpose()
            .map_err(|error| unreadable(&id, &error))?,
        created_at: created_at.0,
        expires_at: expires_at.map(|at| at.0),
        revoked_at: revoked_at.map(|at| at.0),
        last_used_at: last_used_at.map(|at| at.0),
        id: ApiKeyId::parse(id.as_str()).map_err(|error| unreadable(&id, &error))?,
    })
}
