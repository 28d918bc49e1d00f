//! The account itself, to see that credentials work and whose they are.

use billfold_domain::StripeAccountId;
use serde::Deserialize;

use crate::{Account, KeyMode, StripeError, client::Call, form::Form, wire::read_id};

/// The account that credentials speak for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeAccount {
    /// Stripe's identifier: the connected account's where the credentials name one.
    pub id: StripeAccountId,
    /// Whether the key moves real money. Stripe's answer does not say; the key's prefix does.
    pub mode: KeyMode,
}

#[derive(Deserialize)]
struct AccountJson {
    id: String,
}

impl Account<'_> {
    /// Looks at the account: the shortest way to learn whether the credentials are good.
    pub async fn retrieve_account(&self) -> Result<StripeAccount, StripeError> {
        let mode = self.credentials.mode();
        let call = Call::get("/v1/account", None, Form::new());
        self.call(call, |json: AccountJson| {
            let id = read_id(StripeAccountId::parse(json.id))?;
            Ok(StripeAccount { id, mode })
        })
        .await
    }
}
