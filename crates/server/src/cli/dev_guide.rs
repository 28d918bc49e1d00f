//! What `billfold dev` prints: where everything is, and lines to paste.

use std::{fmt::Write as _, net::SocketAddr, path::Path};

use billfold_auth::{DevelopmentIssuer, TokenRequest};
use billfold_domain::{Clock as _, ProjectId, SystemClock, UserId};

use super::CommandError;

pub(super) struct Guide<'a> {
    pub(super) address: SocketAddr,
    pub(super) sandbox: Option<String>,
    pub(super) projects: Vec<ProjectId>,
    pub(super) issuer: &'a DevelopmentIssuer,
    pub(super) data_dir: &'a Path,
}

impl Guide<'_> {
    pub(super) fn text(&self) -> Result<String, CommandError> {
        let demo = ProjectId::parse("demo")?;
        let user = UserId::parse("usr_alice")?;
        let now = SystemClock.now();
        let names: Vec<&str> = self.projects.iter().map(ProjectId::as_str).collect();
        let mut text = String::new();
        writeln!(text, "Billfold is ready.\n")?;
        writeln!(text, "  API       http://{}", self.address)?;
        writeln!(text, "  Demo      http://{}/demo", self.address)?;
        writeln!(text, "  Inspector http://{}/demo/inspect", self.address)?;
        writeln!(text, "  Reference http://{}/docs", self.address)?;
        writeln!(text, "  Contract  http://{}/openapi.yaml", self.address)?;
        if let Some(sandbox) = &self.sandbox {
            writeln!(text, "  Sandbox   {sandbox} (a Stripe for development)")?;
        }
        writeln!(text, "  Projects  {}", names.join(", "))?;
        writeln!(text, "  Data      {}\n", self.data_dir.display())?;
        writeln!(
            text,
            "Paste this into another terminal. The tokens are good for an hour; billfold token makes more.\n"
        )?;
        writeln!(text, "API=http://{}", self.address)?;
        if let Some(sandbox) = &self.sandbox {
            writeln!(text, "STRIPE={sandbox}")?;
        }
        writeln!(
            text,
            "TOKEN={}",
            self.issuer.issue(&TokenRequest::for_backend(&demo), now)?
        )?;
        writeln!(
            text,
            "USER_TOKEN={}",
            self.issuer.issue(&TokenRequest::for_user(&demo, &user), now)?
        )?;
        text.push_str(if self.sandbox.is_some() {
            WITH_SANDBOX
        } else {
            WITHOUT_SANDBOX
        });
        Ok(text)
    }
}

/// The shell's own tools take values out of answers, so that nothing need be installed.
const WITH_SANDBOX: &str = r#"
value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# The project API, for a tenant's backend. 1. A setup intent for a user:
SETUP=$(curl -s -X POST $API/projects/demo/setupIntents -H "Authorization: Bearer $TOKEN" -d '{"user":"usr_alice"}'); echo "$SETUP"
# 2. The user's page confirms it with a card. Stripe.js would send this; the card goes to Stripe, never here:
CONFIRMED=$(curl -s $STRIPE/v1/setup_intents/$(echo "$SETUP" | value id)/confirm -d key=$(echo "$SETUP" | value publishableKey) -d client_secret=$(echo "$SETUP" | value clientSecret) -d 'payment_method_data[type]=card' -d 'payment_method_data[card][number]=4242424242424242' -d 'payment_method_data[card][exp_month]=12' -d 'payment_method_data[card][exp_year]=2034' -d 'payment_method_data[card][cvc]=123')
# 3. Save it, and another one that Stripe has ready for tests:
PM=$(echo "$CONFIRMED" | value payment_method); curl -s -X POST $API/projects/demo/paymentMethods -H "Authorization: Bearer $TOKEN" -d "{\"id\":\"$PM\",\"user\":\"usr_alice\"}"; echo
curl -s -X POST $API/projects/demo/paymentMethods -H "Authorization: Bearer $TOKEN" -d '{"id":"pm_card_mastercard","user":"usr_alice"}'; echo
# 4. List, and page:
PAGE=$(curl -s "$API/projects/demo/paymentMethods?user=usr_alice&limit=1" -H "Authorization: Bearer $TOKEN"); echo "$PAGE"
curl -s "$API/projects/demo/paymentMethods?user=usr_alice&limit=1&after=$(echo "$PAGE" | value moreItemsAfter)" -H "Authorization: Bearer $TOKEN"; echo
# 5. Delete:
curl -s -X DELETE $API/projects/demo/paymentMethods/$PM -H "Authorization: Bearer $TOKEN"; echo

# The account API, for the user's own page:
SETUP=$(curl -s -X POST $API/v1/account/setup-intent -H "Authorization: Bearer $USER_TOKEN"); echo "$SETUP"
CONFIRMED=$(curl -s $STRIPE/v1/setup_intents/$(echo "$SETUP" | value id)/confirm -d key=$(echo "$SETUP" | value publishable_key) -d client_secret=$(echo "$SETUP" | value client_secret) -d 'payment_method_data[type]=card' -d 'payment_method_data[card][number]=5555555555554444' -d 'payment_method_data[card][exp_month]=12' -d 'payment_method_data[card][exp_year]=2034' -d 'payment_method_data[card][cvc]=123')
PM=$(echo "$CONFIRMED" | value payment_method); curl -s -X POST $API/v1/account/payment-methods -H "Authorization: Bearer $USER_TOKEN" -d "{\"id\":\"$PM\"}"; echo
curl -s -G $API/v1/account/payment-methods -H "Authorization: Bearer $USER_TOKEN"; echo
curl -s -o /dev/null -w '%{http_code}\n' -X DELETE $API/v1/account/payment-methods/$PM -H "Authorization: Bearer $USER_TOKEN"
"#;

const WITHOUT_SANDBOX: &str = r#"
# Save one of Stripe's test cards, list it, and delete it (Stripe names it anew when it is saved):
value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
SAVED=$(curl -s -X POST $API/projects/demo/paymentMethods -H "Authorization: Bearer $TOKEN" -d '{"id":"pm_card_visa","user":"usr_alice"}'); echo "$SAVED"
curl -s "$API/projects/demo/paymentMethods?user=usr_alice" -H "Authorization: Bearer $TOKEN"; echo
curl -s -G $API/v1/account/payment-methods -H "Authorization: Bearer $USER_TOKEN"; echo
curl -s -X DELETE $API/projects/demo/paymentMethods/$(echo "$SAVED" | value id) -H "Authorization: Bearer $TOKEN"; echo
"#;
