//! An event of the audit log as a row.

use billfold_domain::{
    AuditAction, AuditEntry, AuditEvent, AuditEventId, AuditObject, AuditObjectKind, AuditOutcome, Caller,
    CallerKind, UserId,
};
use diesel::{
    Insertable, Queryable,
    sql_types::{Nullable, SmallInt, Text},
};

use crate::{
    StoreError,
    schema::audit_events,
    sql_types::{Instant, StoredInstant},
};

/// The columns of [`AuditEventRow`], in its order, of the table that `e` stands for.
pub(crate) const COLUMNS: &str = "e.id, e.created_at, e.caller_kind, e.subject, e.issuer, e.key_id, \
     e.request_id, e.operation_id, e.action, e.object_type, e.object_id, e.user_id, e.outcome, e.status, e.code";

/// The types of [`COLUMNS`].
pub(crate) type SqlTypes = (
    Text,
    Instant,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Text,
    Nullable<SmallInt>,
    Nullable<Text>,
);

/// An event's columns, without its project.
#[derive(Clone, Debug, Queryable, Insertable)]
#[diesel(table_name = audit_events)]
#[diesel(treat_none_as_default_value = false)]
pub(crate) struct AuditEventRow {
    id: String,
    created_at: StoredInstant,
    caller_kind: String,
    subject: Option<String>,
    issuer: Option<String>,
    key_id: Option<String>,
    request_id: Option<String>,
    operation_id: Option<String>,
    action: String,
    object_type: Option<String>,
    object_id: Option<String>,
    user_id: Option<String>,
    outcome: String,
    status: Option<i16>,
    code: Option<String>,
}

impl AuditEventRow {
    pub(crate) fn of(
        AuditEvent {
            id,
            created_at,
            entry,
        }: &AuditEvent,
    ) -> Self {
        let (kind, subject, issuer, key_id) = entry.caller.parts();
        Self {
            id: id.to_string(),
            created_at: StoredInstant(*created_at),
            caller_kind: kind.as_str().to_owned(),
            subject: subject.map(str::to_owned),
            issuer: issuer.map(str::to_owned),
            key_id: key_id.map(str::to_owned),
            request_id: entry.request_id.as_deref().map(str::to_owned),
            operation_id: entry.operation.as_deref().map(str::to_owned),
            action: entry.action.as_str().to_owned(),
            object_type: entry
                .object
                .as_ref()
                .map(|object| object.kind().as_str().to_owned()),
            object_id: entry.object.as_ref().map(|object| object.id().to_owned()),
            user_id: entry.user.as_ref().map(ToString::to_string),
            outcome: entry.outcome.as_str().to_owned(),
            status: entry.status.and_then(|status| i16::try_from(status).ok()),
            code: entry.code.as_deref().map(str::to_owned),
        }
    }
}

impl TryFrom<AuditEventRow> for AuditEvent {
    type Error = StoreError;

    fn try_from(row: AuditEventRow) -> Result<Self, StoreError> {
        let id = row.id.clone();
        event(row).ok_or_else(|| StoreError::Internal(format!("the audit event {id} cannot be read")))
    }
}

fn event(row: AuditEventRow) -> Option<AuditEvent> {
    let mut caller = Caller::of_kind(CallerKind::from_name(&row.caller_kind)?);
    if let Some(subject) = row.subject {
        caller = caller.subject(&subject);
    }
    if let Some(issuer) = row.issuer {
        caller = caller.issuer(&issuer);
    }
    if let Some(key_id) = row.key_id {
        caller = caller.key_id(&key_id);
    }
    let object = match (row.object_type, row.object_id) {
        (Some(kind), Some(id)) => Some(AuditObject::new(AuditObjectKind::from_name(&kind)?, &id)?),
        _ => None,
    };
    let user = match row.user_id {
        Some(user) => Some(UserId::parse(user).ok()?),
        None => None,
    };
    Some(AuditEvent {
        id: AuditEventId::parse(row.id).ok()?,
        created_at: row.created_at.0,
        entry: AuditEntry {
            caller,
            request_id: row.request_id.map(Into::into),
            operation: row.operation_id.map(Into::into),
            action: AuditAction::parse(&row.action).ok()?,
            object,
            user,
            outcome: AuditOutcome::from_name(&row.outcome)?,
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            code: row.code.map(Into::into),
        },
    })
}
