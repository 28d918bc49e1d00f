//! What Billfold answers with. Each type is one of `openapi.yaml`.

mod account;
mod audit_event;
mod payment_method;
mod setup_intent;
mod text;

pub use account::{AccountBrand, AccountPaymentMethod, AccountSetupIntent, AccountSetupIntentStatus};
pub use audit_event::{
    AuditAction, AuditCaller, AuditCallerType, AuditEvent, AuditOutcome, AuditTarget, AuditTargetType,
};
pub use payment_method::{Brand, PaymentMethod, PaymentMethodStatus, PaymentMethodType, Provider};
pub use setup_intent::{SetupIntent, SetupIntentStatus};
