//! Finding an API key by its hash: the one question that is asked before the project is known.
//!
//! In PostgreSQL the row is shown to whoever names its hash in `app.api_key_hash`, which the statement itself sets: for its
//! own transaction, so that nothing of it stays on the connection. `offset 0` keeps the setting in a subquery of its own,
//! which the lateral one cannot run before.

use billfold_domain::{ApiKeyHash, ApiKeyId, ApiKeyScopes, ProjectId, UtcTimestamp};
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Nullable, Text},
    sqlite::Sqlite,
};

use crate::{
    ApiKeys, StoreError,
    api_keys::unreadable,
    database::read_shared,
    sql_types::{Instant, StoredInstant},
};

/// What a key's row says to whoever has its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundApiKey {
    /// The only project that the key speaks for.
    pub project: ProjectId,
    /// Its public name.
    pub id: ApiKeyId,
    /// What it allows.
    pub scopes: ApiKeyScopes,
    /// From when on it is good no more, if it ends by itself.
    pub expires_at: Option<UtcTimestamp>,
    /// Since when it is revoked, if it is.
    pub revoked_at: Option<UtcTimestamp>,
    /// When it was last seen in use, to the minute.
    pub last_used_at: Option<UtcTimestamp>,
}

type Row = (
    String,
    String,
    String,
    Option<StoredInstant>,
    Option<StoredInstant>,
    Option<StoredInstant>,
);

const COLUMNS: &str = "project_id, id, scopes, expires_at, revoked_at, last_used_at";

impl ApiKeys {
    /// The keys with this hash, of whatever project: none, one, or two where the database holds more than one. Two keys
    /// that are made have never the same; a row was copied by hand, and neither should be believed.
    pub async fn find_by_hash(&self, hash: ApiKeyHash) -> Result<Vec<FoundApiKey>, StoreError> {
        let hash = hash.to_hex();
        let rows = read_shared!(self.database, Lookup { hash: hash.clone() } => Row)?;
        rows.into_iter().map(found).collect()
    }
}

fn found(
    (project, id, scopes, expires_at, revoked_at, last_used_at): Row,
) -> Result<FoundApiKey, StoreError> {
    Ok(FoundApiKey {
        scopes: scopes.parse().map_err(|error| unreadable(&id, &error))?,
        project: ProjectId::parse(project).map_err(|error| unreadable(&id, &error))?,
        expires_at: expires_at.map(|at| at.0),
        revoked_at: revoked_at.map(|at| at.0),
        last_used_at: last_used_at.map(|at| at.0),
        id: ApiKeyId::parse(id.as_str()).map_err(|error| unreadable(&id, &error))?,
    })
}

#[derive(Clone, Debug, QueryId)]
struct Lookup {
    hash: String,
}

impl Query for Lookup {
    type SqlType = (
        Text,
        Text,
        Text,
        Nullable<Instant>,
        Nullable<Instant>,
        Nullable<Instant>,
    );
}

impl QueryFragment<Pg> for Lookup {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select found.* from (select set_config('app.api_key_hash', ");
        out.push_bind_param::<Text, _>(&self.hash)?;
        out.push_sql(", true) as hash offset 0) as asked cross join lateral (select ");
        out.push_sql(COLUMNS);
        out.push_sql(" from api_keys where api_keys.hash = asked.hash limit 2) as found");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for Lookup {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("select ");
        out.push_sql(COLUMNS);
        out.push_sql(" from api_keys where hash = ");
        out.push_bind_param::<Text, _>(&self.hash)?;
        out.push_sql(" limit 2");
        Ok(())
    }
}

impl<Connection> diesel::RunQueryDsl<Connection> for Lookup {}
