//! A client of Billfold: [`ProjectClient`] for a tenant's backend, [`AccountClient`] for what acts for one of its users.
//!
//! ```no_run
//! use billfold_client::{ClientOptions, PaymentMethodQuery, ProjectClient};
//! use futures_util::TryStreamExt as _;
//!
//! # async fn example(token: billfold_client::SecretString) -> Result<(), billfold_client::Error> {
//! let billfold = ProjectClient::new(ClientOptions::new("http://127.0.0.1:8080", token), "demo")?;
//!
//! let saved = billfold.create_payment_method("pm_card_visa", "usr_alice").await?;
//! let mut methods = billfold.list_payment_methods(PaymentMethodQuery::of_user("usr_alice")).items();
//! while let Some(method) = methods.try_next().await? {
//!     println!("{} {:?}", method.id, method.brand);
//! }
//! billfold.delete_payment_method(&saved.id).await?;
//! # Ok(())
//! # }
//! ```
//!
//! - **Whatever changes something is a [`Write`]**, which is sent when it is awaited, under an `Idempotency-Key`. The key is
//!   the same in all attempts, so what is sent twice is done once.
//! - **What gets no whole answer, or one that asks for another try, is sent again**, as a [`RetryPolicy`] says.
//! - **Lists** are a [`PagedList`], which fetches its pages as the walk comes to them, forwards and backwards.
//! - **Values that this version does not know** are kept as `Other`, and properties that it does not know are passed over:
//!   a newer Billfold breaks no older client.
//! - **Secrets** are [`SecretString`]s, which do not print.
//! - A call that is dropped ends, as any future does; what became of its request is then not known.

mod account;
mod answer;
mod credential;
mod error;
mod error_body;
mod model;
mod open_enum;
mod options;
mod paging;
mod project;
mod query;
mod request;
mod retry;
mod surroundings;
mod transport;
mod write;

pub use account::AccountClient;
pub use credential::Credential;
pub use error::{
    ApiError, BoxError, ConnectionError, Error, ErrorCode, ErrorDetail, ErrorType, UnreadableAnswer,
};
pub use model::{
    AccountBrand, AccountPaymentMethod, AccountSetupIntent, AccountSetupIntentStatus, AuditAction,
    AuditCaller, AuditCallerType, AuditEvent, AuditOutcome, AuditTarget, AuditTargetType, Brand,
    PaymentMethod, PaymentMethodStatus, PaymentMethodType, Provider, SetupIntent, SetupIntentStatus,
};
pub use options::ClientOptions;
pub use paging::{Cursor, Page, PagedList};
pub use project::ProjectClient;
pub use query::{AuditEventFilter, AuditEventQuery, PaymentMethodFilter, PaymentMethodQuery, Query};
pub use retry::RetryPolicy;
pub use secrecy::{ExposeSecret, SecretString};
pub use surroundings::Surroundings;
pub use write::Write;

/// The example of the README, which is compiled with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
