//! Callers whom nobody vouches for. They belong to no project, so no tenant sees them: the operator does.

use billfold_domain::{AuditAction, AuditEventId, RefusedCaller, UtcTimestamp};
use diesel::{ExpressionMethods as _, Insertable, QueryDsl as _, Queryable};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    append_only::{AppendOnly, Forgets as _},
    database::{in_shared_transaction, read_shared},
    schema::refused_callers,
    sql_types::StoredInstant,
};

#[derive(Queryable, Insertable)]
#[diesel(table_name = refused_callers)]
#[diesel(treat_none_as_default_value = false)]
struct Row {
    id: String,
    created_at: StoredInstant,
    request_id: Option<String>,
    action: Option<String>,
    reason: String,
    number: i64,
}

/// The refused callers of the installation.
#[derive(Clone, Debug)]
pub struct RefusedCallers {
    database: Database,
}

impl RefusedCallers {
    /// The refused callers in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds some, all or none of them.
    pub async fn append(&self, callers: &[RefusedCaller]) -> Result<(), StoreError> {
        in_shared_transaction!(self.database, |connection| {
            for caller in callers {
                diesel::insert_into(refused_callers::table)
                    .values(Row {
                        id: caller.id.to_string(),
                        created_at: StoredInstant(caller.created_at),
                        request_id: caller.request_id.as_deref().map(str::to_owned),
                        action: caller.action.as_ref().map(ToString::to_string),
                        reason: caller.reason.to_string(),
                        number: i64::from(caller.number),
                    })
                    .execute(connection)
                    .await?;
            }
            Ok(())
        })
    }

    /// As many as this, the newest first.
    pub async fn newest(&self, limit: i64) -> Result<Vec<RefusedCaller>, StoreError> {
        let rows = read_shared!(
            self.database,
            refused_callers::table
                .order((refused_callers::created_at.desc(), refused_callers::id.desc()))
                .select((
                    refused_callers::id,
                    refused_callers::created_at,
                    refused_callers::request_id,
                    refused_callers::action,
                    refused_callers::reason,
                    refused_callers::number,
                ))
                .limit(limit) => Row
        )?;
        rows.into_iter().map(refused_caller).collect()
    }

    /// Deletes some that were written before a time, the oldest first, and says how many. In PostgreSQL only the tables'
    /// owner may: [`StoreError::Internal`] for anyone else.
    pub async fn forget_older(&self, before: UtcTimestamp, limit: i64) -> Result<usize, StoreError> {
        in_shared_transaction!(self.database, |connection| {
            let old: Vec<String> = refused_callers::table
                .filter(refused_callers::created_at.lt(StoredInstant(before)))
                .order((refused_callers::created_at, refused_callers::id))
                .select(refused_callers::id)
                .limit(limit)
                .load(connection)
                .await?;
            if old.is_empty() {
                return Ok(0);
            }
            let refusal = connection.allow_deletion(AppendOnly::RefusedCallers).await?;
            let forgotten = diesel::delete(refused_callers::table.filter(refused_callers::id.eq_any(old)))
                .execute(connection)
                .await?;
            connection.refuse_deletion(refusal).await?;
            Ok(forgotten)
        })
    }
}

fn refused_caller(row: Row) -> Result<RefusedCaller, StoreError> {
    let unreadable = |what: &str| StoreError::Internal(format!("a refused caller's {what} cannot be read"));
    Ok(RefusedCaller {
        id: AuditEventId::parse(row.id).map_err(|_| unreadable("id"))?,
        created_at: row.created_at.0,
        request_id: row.request_id.map(Into::into),
        action: row
            .action
            .as_deref()
            .map(AuditAction::parse)
            .transpose()
            .map_err(|_| unreadable("action"))?,
        reason: row.reason.into(),
        number: u32::try_from(row.number).map_err(|_| unreadable("number"))?,
    })
}
