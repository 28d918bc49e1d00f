//! What Billfold speaks of: identifiers, cards, payment methods, setup intents, pages and time.
//!
//! Everything here is pure: no input or output, no database, no serialisation. A value that exists is valid;
//! text becomes a value once, at the edge, through the `parse` functions.

mod api_key;
mod audit;
mod caller;
mod card;
mod clock;
mod id;
mod names;
mod origin;
mod page;
mod payment_method;
mod project;
mod rate_limit;
mod setup_intent;
mod stripe_key;

pub use api_key::{ApiKeyHash, ApiKeyName, ApiKeyNameError, ApiKeyScopes, ApiKeyScopesError};
pub use audit::{
    AuditAction, AuditActionError, AuditEntry, AuditEvent, AuditObject, AuditObjectKind, AuditOutcome,
    AuditPageRequest, RefusedCaller,
};
pub use caller::{Caller, CallerKind};
pub use card::{Card, CardBrand};
pub use clock::{Clock, SystemClock, UtcTimestamp};
pub use id::{
    ApiKeyId, AuditEventId, CustomerId, IdError, PaymentMethodId, ProjectId, SetupIntentId, StripeAccountId,
    UserId,
};
pub use origin::{Origin, OriginError};
pub use page::{Page, PageLimit, PageLimitError, PageRequest, Position};
pub use payment_method::{PaymentMethod, PaymentMethodStatus, PaymentMethodType, PaymentMethodTypes};
pub use project::{ProjectPosition, ProjectScope, ProjectStatus};
pub use rate_limit::{Bucket, Pace, RateLimit};
pub use setup_intent::{ClientSecret, SetupIntent, SetupIntentStatus};
pub use stripe_key::{PublishableKey, StripeKeyError, StripeMode, StripeSecretKey, WebhookSecret};
