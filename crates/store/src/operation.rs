//! An operation as a value and as a row.

use billfold_domain::{PaymentMethodId, UserId, UtcTimestamp};

use crate::{StoreError, schema::operations, sql_types::StoredInstant};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// Saves a payment method, which may have to wait for its owner's confirmation.
    CreatePaymentMethod,
    /// Saves a payment method only if it is available at once.
    CreateAvailablePaymentMethod,
    /// Detaches a payment method and forgets it.
    DeletePaymentMethod,
    /// Makes a user's Stripe customer.
    CreateCustomer,
    /// Makes a setup intent for a user's page.
    CreateSetupIntent,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::CreatePaymentMethod,
        Self::CreateAvailablePaymentMethod,
        Self::DeletePaymentMethod,
        Self::CreateCustomer,
        Self::CreateSetupIntent,
    ];

    /// The kind as its row has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreatePaymentMethod => "createPaymentMethod",
            Self::CreateAvailablePaymentMethod => "createAvailablePaymentMethod",
            Self::DeletePaymentMethod => "deletePaymentMethod",
            Self::CreateCustomer => "createCustomer",
            Self::CreateSetupIntent => "createSetupIntent",
        }
    }
}

/// What an operation works on. One operation at most is open on a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A payment method.
    PaymentMethod(PaymentMethodId),
    /// The Stripe customer of a user.
    Customer(UserId),
    /// A setup intent, which has no name until Stripe gives it one: the operation's own stands for it.
    SetupIntent(String),
}

impl Subject {
    /// The subject as its row has it, such as `paymentMethod:pm_…`.
    pub fn to_text(&self) -> String {
        match self {
            Self::PaymentMethod(id) => format!("paymentMethod:{id}"),
            Self::Customer(user) => format!("customer:{user}"),
            Self::SetupIntent(operation) => format!("setupIntent:{operation}"),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let (name, value) = text.split_once(':')?;
        match name {
            "paymentMethod" => PaymentMethodId::parse(value).ok().map(Self::PaymentMethod),
            "customer" => UserId::parse(value).ok().map(Self::Customer),
            "setupIntent" => Some(Self::SetupIntent(value.to_owned())),
            _ => None,
        }
    }
}

/// An operation to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOperation {
    /// A name that no other operation has or will have.
    pub id: String,
    /// What it does.
    pub kind: OperationKind,
    /// What it works on.
    pub subject: Subject,
    /// The user whom it is for.
    pub user: UserId,
}

/// An operation that this holder may drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, which Stripe's idempotency keys are made of.
    pub id: String,
    /// What it does.
    pub kind: OperationKind,
    /// What it works on.
    pub subject: Subject,
    /// The user whom it is for.
    pub user: UserId,
    /// Part of Stripe's idempotency keys: rises when the same step must run anew.
    pub epoch: i32,
    /// The holder's number: how often it was claimed, this time included.
    pub fence: i64,
    /// How many attempts ended without a result.
    pub attempts: i32,
    /// The step that this attempt, or the one before, got to last.
    pub step: Option<String>,
    /// When it began.
    pub created_at: UtcTimestamp,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The caller holds this operation: the one that it asked for, or an older one on the same subject, which must be
    /// driven to its end first.
    Held(Operation),
    /// Another holds an operation on the subject.
    Busy,
}

pub(crate) type Row = (
    String,
    String,
    String,
    String,
    i32,
    i64,
    i32,
    Option<String>,
    StoredInstant,
);
pub(crate) const COLUMNS: (
    operations::id,
    operations::kind,
    operations::subject,
    operations::user_id,
    operations::epoch,
    operations::fence,
    operations::attempts,
    operations::step,
    operations::created_at,
) = (
    operations::id,
    operations::kind,
    operations::subject,
    operations::user_id,
    operations::epoch,
    operations::fence,
    operations::attempts,
    operations::step,
    operations::created_at,
);

pub(crate) fn operation(row: Row) -> Result<Operation, StoreError> {
    let (id, kind, subject, user, epoch, fence, attempts, step, created_at) = row;
    let unreadable = || StoreError::Internal(format!("operation {id} cannot be read"));
    Ok(Operation {
        kind: OperationKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or_else(unreadable)?,
        subject: Subject::from_text(&subject).ok_or_else(unreadable)?,
        user: UserId::parse(user).map_err(|_| unreadable())?,
        epoch,
        fence,
        attempts,
        step,
        created_at: created_at.0,
        id,
    })
}
