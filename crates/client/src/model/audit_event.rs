//! The audit log: who asked for which change, and what came of it.

use serde::Deserialize;
use time::OffsetDateTime;

use super::text;
use crate::open_enum::open_enum;

/// That a caller wanted something done, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditEvent {
    /// Its identifier.
    pub id: String,
    /// What the caller wanted done.
    pub action: AuditAction,
    /// Who asked.
    pub caller: AuditCaller,
    /// The error's code, or else its type, where the caller was told one.
    pub code: Option<String>,
    /// The operation that does it, where one does. Several requests may be about one.
    pub operation: Option<String>,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// The `Request-Id` of the request.
    pub request: Option<String>,
    /// The HTTP status that the caller was told.
    pub status: Option<u16>,
    /// The object, where it is known.
    pub target: Option<AuditTarget>,
    /// The user whose object it is, where that is known.
    pub user: Option<String>,
    /// When it was written down, in UTC. The list is ordered by it.
    #[serde(deserialize_with = "text::time")]
    pub created_at: OffsetDateTime,
}

/// Who asked for something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditCaller {
    /// Who vouches for the caller, such as a token's `iss`.
    pub issuer: Option<String>,
    /// The key that proved it, by its id.
    pub key_id: Option<String>,
    /// Who the caller is, such as a token's `sub`.
    pub subject: Option<String>,
    /// Whose hand it was.
    #[serde(rename = "type")]
    pub caller_type: AuditCallerType,
}

/// What a request was about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct AuditTarget {
    /// The object's identifier.
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub target_type: AuditTargetType,
}

open_enum! {
    /// What a caller wanted done: the kind of object, a dot, the verb.
    AuditAction {
        /// To save a payment method.
        PaymentMethodCreate = "paymentMethod.create",
        /// To delete a payment method.
        PaymentMethodDelete = "paymentMethod.delete",
        /// To make a setup intent.
        SetupIntentCreate = "setupIntent.create",
        /// To make a project.
        ProjectCreate = "project.create",
        /// To change a project.
        ProjectUpdate = "project.update",
        /// To shut a project.
        ProjectDisable = "project.disable",
        /// To open a project again.
        ProjectEnable = "project.enable",
        /// To delete a project.
        ProjectDelete = "project.delete",
        /// To make an API key.
        ApiKeyCreate = "apiKey.create",
        /// To revoke an API key.
        ApiKeyRevoke = "apiKey.revoke",
        /// To seal secrets with new keys.
        KeysRotate = "keys.rotate",
        /// To delete old events of this log.
        AuditEventsPrune = "auditEvents.prune",
    }
}

open_enum! {
    /// What came of a request.
    AuditOutcome {
        /// It is about to be done.
        Begun = "begun",
        /// It was done.
        Succeeded = "succeeded",
        /// An earlier request with the same `Idempotency-Key` had been answered, and its answer was given again.
        Replayed = "replayed",
        /// It was not done, for a reason that the caller was told.
        Refused = "refused",
        /// It was not done, for a fault on Billfold's side.
        Failed = "failed",
        /// Nobody knew when the caller was told to try again.
        Unknown = "unknown",
    }
}

open_enum! {
    /// Whose hand a request was.
    AuditCallerType {
        /// The tenant's, with a token.
        Token = "token",
        /// The tenant's, with an API key.
        ApiKey = "apiKey",
        /// That of whoever runs the installation.
        Operator = "operator",
        /// Billfold itself.
        System = "system",
    }
}

open_enum! {
    /// What a request was about.
    AuditTargetType {
        /// A payment method.
        PaymentMethod = "paymentMethod",
        /// A setup intent.
        SetupIntent = "setupIntent",
        /// A project.
        Project = "project",
        /// An API key.
        ApiKey = "apiKey",
    }
}
