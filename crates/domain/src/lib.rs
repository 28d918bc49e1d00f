//! What Billfold speaks of: identifiers, cards, payment methods, setup intents, pages and time.
//!
//! Everything here is pure: no input or output, no database, no serialisation. A value that exists is valid;
//! text becomes a value once, at the edge, through the `parse` functions.

mod card;
mod clock;
mod id;
mod page;
mod payment_method;
mod project;
mod setup_intent;

pub use card::{Card, CardBrand};
pub use clock::{Clock, SystemClock, UtcTimestamp};
pub use id::{CustomerId, IdError, PaymentMethodId, ProjectId, SetupIntentId, StripeAccountId, UserId};
pub use page::{Page, PageLimit, PageLimitError, PageRequest, Position};
pub use payment_method::{PaymentMethod, PaymentMethodStatus, PaymentMethodType, PaymentMethodTypes};
pub use project::ProjectScope;
pub use setup_intent::{ClientSecret, SetupIntent, SetupIntentStatus};
