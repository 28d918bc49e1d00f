//! The audit log: who did what to which object, and what came of it.

use std::{fmt, str::FromStr};

use crate::{
    ApiKeyId, AuditEventId, Caller, PageLimit, PaymentMethodId, Position, ProjectId, SetupIntentId, UserId,
    UtcTimestamp, caller::bounded, names::names,
};

/// What a caller wanted done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AuditAction {
    /// To save a payment method.
    PaymentMethodCreate,
    /// To delete a payment method.
    PaymentMethodDelete,
    /// To make a setup intent.
    SetupIntentCreate,
    /// To make a project.
    ProjectCreate,
    /// To change a project: its credentials or its webhook secrets.
    ProjectUpdate,
    /// To shut a project.
    ProjectDisable,
    /// To open a shut project again.
    ProjectEnable,
    /// To delete a project.
    ProjectDelete,
    /// To make an API key.
    ApiKeyCreate,
    /// To revoke an API key.
    ApiKeyRevoke,
    /// To encrypt a project's secrets anew.
    KeysRotate,
    /// To forget old events of the audit log.
    AuditEventsPrune,
    /// What another version of the program has a name for, and this one has not.
    Other(Box<str>),
}

/// The text cannot be an action's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an action's name, such as paymentMethod.create")]
pub struct AuditActionError;

impl AuditAction {
    /// Every action that this version knows.
    pub const KNOWN: [Self; 12] = [
        Self::PaymentMethodCreate,
        Self::PaymentMethodDelete,
        Self::SetupIntentCreate,
        Self::ProjectCreate,
        Self::ProjectUpdate,
        Self::ProjectDisable,
        Self::ProjectEnable,
        Self::ProjectDelete,
        Self::ApiKeyCreate,
        Self::ApiKeyRevoke,
        Self::KeysRotate,
        Self::AuditEventsPrune,
    ];

    /// The action of this name: 1 to 64 letters and dots.
    pub fn parse(name: &str) -> Result<Self, AuditActionError> {
        let well_formed = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'.');
        if !well_formed {
            return Err(AuditActionError);
        }
        let known = Self::KNOWN.into_iter().find(|known| known.as_str() == name);
        Ok(known.unwrap_or_else(|| Self::Other(name.into())))
    }

    /// The action's name in rows and answers: the object, a dot, the verb.
    pub fn as_str(&self) -> &str {
        match self {
            Self::PaymentMethodCreate => "paymentMethod.create",
            Self::PaymentMethodDelete => "paymentMethod.delete",
            Self::SetupIntentCreate => "setupIntent.create",
            Self::ProjectCreate => "project.create",
            Self::ProjectUpdate => "project.update",
            Self::ProjectDisable => "project.disable",
            Self::ProjectEnable => "project.enable",
            Self::ProjectDelete => "project.delete",
            Self::ApiKeyCreate => "apiKey.create",
            Self::ApiKeyRevoke => "apiKey.revoke",
            Self::KeysRotate => "keys.rotate",
            Self::AuditEventsPrune => "auditEvents.prune",
            Self::Other(name) => name,
        }
    }
}

impl FromStr for AuditAction {
    type Err = AuditActionError;

    fn from_str(name: &str) -> Result<Self, AuditActionError> {
        Self::parse(name)
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What kind of object an action is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditObjectKind {
    /// A payment method.
    PaymentMethod,
    /// A setup intent.
    SetupIntent,
    /// A project.
    Project,
    /// An API key.
    ApiKey,
}

names!(AuditObjectKind {
    PaymentMethod = "paymentMethod",
    SetupIntent = "setupIntent",
    Project = "project",
    ApiKey = "apiKey",
});

/// The object that an action is on, by its kind and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditObject {
    kind: AuditObjectKind,
    id: Box<str>,
}

impl AuditObject {
    /// An object. `None` where the name is empty; cut after 255 characters.
    pub fn new(kind: AuditObjectKind, id: &str) -> Option<Self> {
        bounded(id).map(|id| Self { kind, id })
    }

    /// What kind of object it is.
    pub const fn kind(&self) -> AuditObjectKind {
        self.kind
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }
}

macro_rules! object_of {
    ($($id:ident => $kind:ident,)+) => {
        $(impl From<&$id> for AuditObject {
            fn from(id: &$id) -> Self {
                Self { kind: AuditObjectKind::$kind, id: id.as_str().into() }
            }
        })+
    };
}

object_of! {
    PaymentMethodId => PaymentMethod,
    SetupIntentId => SetupIntent,
    ProjectId => Project,
    ApiKeyId => ApiKey,
}

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditOutcome {
    /// It is about to be done. A second event says what came of it.
    Begun,
    /// It was done.
    Succeeded,
    /// It had been done before: the answer of the first request with the same idempotency key was given again.
    Replayed,
    /// It was not done, and the caller was told why.
    Refused,
    /// It was not done, or not to the end, for a fault that is not the caller's.
    Failed,
    /// Nobody knew when the caller was told to try again. What was left open is ended in the background, which then says
    /// what came of it.
    Unknown,
}

names!(AuditOutcome {
    Begun = "begun",
    Succeeded = "succeeded",
    Replayed = "replayed",
    Refused = "refused",
    Failed = "failed",
    Unknown = "unknown",
});

impl AuditOutcome {
    /// Whether nothing more is to come of the action.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Refused | Self::Failed)
    }
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who.
    pub caller: Caller,
    /// The request by which they asked.
    pub request_id: Option<Box<str>>,
    /// The operation that does it, where one does: several requests may be about one.
    pub operation: Option<Box<str>>,
    /// What they wanted done.
    pub action: AuditAction,
    /// To which object, where that is known.
    pub object: Option<AuditObject>,
    /// The user whose object it is, where that is known.
    pub user: Option<UserId>,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// The HTTP status that the caller was told.
    pub status: Option<u16>,
    /// The error's code that the caller was told, as the project API has it.
    pub code: Option<Box<str>>,
}

impl AuditEntry {
    /// That a caller wanted something done, and what came of it; nothing else is known.
    pub const fn new(caller: Caller, action: AuditAction, outcome: AuditOutcome) -> Self {
        Self {
            caller,
            request_id: None,
            operation: None,
            action,
            object: None,
            user: None,
            outcome,
            status: None,
            code: None,
        }
    }
}

/// An event of a project's audit log. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Its name.
    pub id: AuditEventId,
    /// When it was written down.
    pub created_at: UtcTimestamp,
    /// What it tells.
    pub entry: AuditEntry,
}

/// Which page of which events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPageRequest {
    /// Only those about this user's objects.
    pub user: Option<UserId>,
    /// Only those of this action.
    pub action: Option<AuditAction>,
    /// Where the page lies.
    pub position: Position<AuditEventId>,
    /// How many events it may have.
    pub limit: PageLimit,
}

/// Callers whom nobody can vouch for, so that no project's log is theirs: one, or as many as came within a minute and
/// were only counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCaller {
    /// The record's name.
    pub id: AuditEventId,
    /// When it was written down.
    pub created_at: UtcTimestamp,
    /// The request; `None` where several are counted.
    pub request_id: Option<Box<str>>,
    /// What they wanted done; `None` where several are counted.
    pub action: Option<AuditAction>,
    /// Which rule they broke. Nothing of what they sent.
    pub reason: Box<str>,
    /// How many they were.
    pub number: u32,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use super::*;

    #[test]
    fn an_actions_name_is_read_as_it_is_written() {
        for action in AuditAction::KNOWN {
            assert_eq!(AuditAction::parse(action.as_str()), Ok(action));
        }
        let other = AuditAction::parse("invoice.pay").unwrap();
        assert_eq!(other, AuditAction::Other("invoice.pay".into()));
        let too_long = "a".repeat(65);
        for wrong in ["", "a b", "paymentMethod_create", "a\n", "ä.b", &too_long] {
            assert_eq!(AuditAction::parse(wrong), Err(AuditActionError), "{wrong:?}");
        }
    }
}
