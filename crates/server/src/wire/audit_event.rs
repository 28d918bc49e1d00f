//! Events of the audit log on the project API.

use billfold_domain::{AuditEntry, AuditEvent, AuditObject, Caller, Page};
use serde::Serialize;

use super::time::rfc3339;

/// An event as the project API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEventWire<'a> {
    object: &'static str,
    id: &'a str,
    action: &'a str,
    caller: CallerWire<'a>,
    code: Option<&'a str>,
    operation: Option<&'a str>,
    outcome: &'static str,
    request: Option<&'a str>,
    status: Option<u16>,
    target: Option<TargetWire<'a>>,
    user: Option<&'a str>,
    created_at: String,
}

/// Who asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CallerWire<'a> {
    issuer: Option<&'a str>,
    key_id: Option<&'a str>,
    subject: Option<&'a str>,
    #[serde(rename = "type")]
    caller_type: &'static str,
}

/// The object that they asked about.
#[derive(Debug, Serialize)]
struct TargetWire<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    target_type: &'static str,
}

impl<'a> From<&'a Caller> for CallerWire<'a> {
    fn from(caller: &'a Caller) -> Self {
        let (kind, subject, issuer, key_id) = caller.parts();
        Self {
            issuer,
            key_id,
            subject,
            caller_type: kind.as_str(),
        }
    }
}

impl<'a> From<&'a AuditObject> for TargetWire<'a> {
    fn from(object: &'a AuditObject) -> Self {
        Self {
            id: object.id(),
            target_type: object.kind().as_str(),
        }
    }
}

impl<'a> From<&'a AuditEvent> for AuditEventWire<'a> {
    fn from(
        AuditEvent {
            id,
            created_at,
            entry,
        }: &'a AuditEvent,
    ) -> Self {
        let AuditEntry {
            caller,
            request_id,
            operation,
            action,
            object,
            user,
            outcome,
            status,
            code,
        } = entry;
        Self {
            object: "auditEvent",
            id: id.as_str(),
            action: action.as_str(),
            caller: caller.into(),
            code: code.as_deref(),
            operation: operation.as_deref(),
            outcome: outcome.as_str(),
            request: request_id.as_deref(),
            status: *status,
            target: object.as_ref().map(TargetWire::from),
            user: user.as_ref().map(billfold_domain::UserId::as_str),
            created_at: rfc3339(*created_at),
        }
    }
}

/// A page of events as the project API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEventListWire<'a> {
    object: &'static str,
    items: Vec<AuditEventWire<'a>>,
    more_items_after: Option<&'a str>,
    more_items_before: Option<&'a str>,
}

impl<'a> From<&'a Page<AuditEvent>> for AuditEventListWire<'a> {
    fn from(page: &'a Page<AuditEvent>) -> Self {
        let last = page.items.last().filter(|_| page.has_more_after);
        let first = page.items.first().filter(|_| page.has_more_before);
        Self {
            object: "list",
            items: page.items.iter().map(AuditEventWire::from).collect(),
            more_items_after: last.map(|item| item.id.as_str()),
            more_items_before: first.map(|item| item.id.as_str()),
        }
    }
}
