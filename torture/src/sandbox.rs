//! The Stripe sandbox beside the instances: cards, faults, and what was really done.

use std::{collections::BTreeMap, time::Duration};

use billfold_test_support::Process;
use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    TortureError,
    history::Card,
    judge::{Customer, Effect, Evidence, Intent, Method},
    program::Program,
};

/// Test cards, with what happens to them and how many of a hundred are one.
const TEST_CARDS: [(&str, Card, u32); 8] = [
    ("tok_visa", Card::Good, 30),
    ("tok_mastercard", Card::Good, 15),
    ("tok_amex", Card::Good, 10),
    ("tok_applePay_visa", Card::Good, 10),
    ("tok_googlePay_mastercard", Card::Good, 10),
    ("tok_authenticationRequired", Card::Challenged, 13),
    ("tok_chargeDeclined", Card::Declined, 8),
    ("tok_chargeDeclinedInsufficientFunds", Card::Declined, 4),
];

/// A project and its account in the sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) secret_key: String,
    pub(crate) publishable_key: String,
    /// What its webhooks are signed with: the newest, the one before, which is live too, and one that is live no more.
    pub(crate) webhook_secrets: [String; 3],
}

impl Tenant {
    /// A project of this name, with an account of its own.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            secret_key: format!("sk_test_torture_{name}_0000"),
            publishable_key: format!("pk_test_torture_{name}_0000"),
            webhook_secrets: ["newest", "before", "oldest"].map(|age| format!("whsec_{name}_{age}_0000")),
        }
    }
}

/// A rule for requests that are to go wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// One of the sandbox's kinds.
    pub(crate) kind: &'static str,
    /// The share of requests that it strikes.
    pub(crate) probability: f64,
    /// How long it takes, where it takes time.
    pub(crate) milliseconds: u64,
}

/// Stripe as slow as it is: without this, hardly a request is under way when something breaks.
pub(crate) const SLOW: [Fault; 2] = [
    Fault {
        kind: "delay",
        probability: 0.6,
        milliseconds: 60,
    },
    Fault {
        kind: "delay",
        probability: 0.3,
        milliseconds: 250,
    },
];

/// How many requests a rule may strike: more than any run has.
const UNLIMITED: u64 = 1_000_000;

/// The running sandbox.
pub(crate) struct Sandbox {
    pub(crate) url: String,
    http: Client,
    process: Process,
}

impl Sandbox {
    /// Starts one.
    pub(crate) async fn start(program: &Program) -> Result<Self, TortureError> {
        let (process, url) = program.sandbox().await?;
        let http = Client::builder()
            .no_proxy()
            .pool_idle_timeout(Duration::from_secs(2))
            .timeout(Duration::from_mins(1))
            .build()?;
        Ok(Self { url, http, process })
    }

    /// Everything that it has written.
    pub(crate) fn written(&self) -> Vec<String> {
        let mut lines = self.process.stdout_lines();
        lines.extend(self.process.stderr_lines());
        lines
    }

    async fn control(&self, path: &str) -> Result<Value, TortureError> {
        let answer = self
            .http
            .get(format!("{}/_sandbox/{path}", self.url))
            .send()
            .await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Makes a payment method of one of the sandbox's test cards.
    pub(crate) async fn make_card(&self, tenant: &Tenant, token: &str) -> Result<String, TortureError> {
        let answer = self
            .http
            .post(format!("{}/v1/payment_methods", self.url))
            .bearer_auth(&tenant.secret_key)
            .form(&[("type", "card"), ("card[token]", token)])
            .send()
            .await?;
        let made: Value = answer.error_for_status()?.json().await?;
        let id = made["id"]
            .as_str()
            .ok_or("the sandbox made a card without an id")?;
        Ok(id.to_owned())
    }

    /// Changes something of a tenant's, as its dashboard does.
    pub(crate) async fn change(
        &self,
        tenant: &Tenant,
        path: &str,
        form: &[(&str, String)],
    ) -> Result<(), TortureError> {
        let request = self.http.post(format!("{}/v1/{path}", self.url));
        let answer = request.bearer_auth(&tenant.secret_key).form(form).send().await?;
        answer.error_for_status()?;
        Ok(())
    }

    /// The owner passes the check, as in a browser. It may be too late for that.
    pub(crate) async fn pass_check(&self, tenant: &Tenant, client_secret: &str) -> Result<(), TortureError> {
        let (intent, _) = client_secret
            .split_once("_secret_")
            .ok_or("this is no client secret")?;
        self.http
            .post(format!("{}/v1/setup_intents/{intent}/confirm", self.url))
            .form(&[
                ("key", tenant.publishable_key.as_str()),
                ("client_secret", client_secret),
            ])
            .send()
            .await?;
        Ok(())
    }

    /// Lets requests go wrong, each by one of the rules at most.
    pub(crate) async fn add_faults(&self, faults: &[Fault]) -> Result<(), TortureError> {
        let mut left = 1.0;
        let mut rules = Vec::new();
        for fault in faults {
            // The first rule that strikes decides, so a later one sees only what the earlier ones let through.
            rules.push(json!({
                "kind": fault.kind, "path": "/v1/", "count": UNLIMITED, "milliseconds": fault.milliseconds,
                "probability": (fault.probability / left).clamp(0.0, 1.0),
            }));
            left -= fault.probability;
        }
        let request = self
            .http
            .post(format!("{}/_sandbox/faults", self.url))
            .json(&rules);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Gives no answer to any call on one tenant's account, each for so long.
    pub(crate) async fn hang(&self, tenant: &Tenant, milliseconds: u64) -> Result<(), TortureError> {
        self.add_account_fault(tenant, "hang_before", milliseconds).await
    }

    async fn account(&self, tenant: &Tenant) -> Result<String, TortureError> {
        let state = self
            .control(&format!("state?account={}", tenant.secret_key))
            .await?;
        let accounts = state["accounts"].as_object();
        let account = accounts.and_then(|accounts| accounts.keys().next());
        Ok(account.ok_or("the tenant has no account yet")?.clone())
    }

    /// Lets everything go wrong in one tenant's account, in one way.
    pub(crate) async fn add_account_fault(
        &self,
        tenant: &Tenant,
        kind: &str,
        milliseconds: u64,
    ) -> Result<(), TortureError> {
        let account = self.account(tenant).await?;
        let rule = json!({
            "kind": kind, "path": "/v1/", "account": account, "count": UNLIMITED, "milliseconds": milliseconds,
        });
        let request = self
            .http
            .post(format!("{}/_sandbox/faults", self.url))
            .json(&rule);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Ends the faults, and says how many requests they struck.
    pub(crate) async fn end_faults(&self) -> Result<u64, TortureError> {
        let listed = self.control("faults").await?;
        let rules = listed["faults"].as_array().cloned().unwrap_or_default();
        let left: u64 = rules.iter().filter_map(|rule| rule["remaining"].as_u64()).sum();
        let request = self.http.delete(format!("{}/_sandbox/faults", self.url));
        request.send().await?.error_for_status()?;
        Ok(UNLIMITED * rules.len() as u64 - left)
    }

    /// Counts calls from now on.
    pub(crate) async fn reset_calls(&self) -> Result<(), TortureError> {
        let request = self.http.delete(format!("{}/_sandbox/requests", self.url));
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// How many calls came since the last reset, whatever became of them.
    pub(crate) async fn calls(&self) -> Result<u64, TortureError> {
        let counted = self.control("requests").await?;
        Ok(counted["total"].as_u64().ok_or("the sandbox does not count")?)
    }

    /// The same by endpoint: the method and the path, with `{id}` for identifiers.
    pub(crate) async fn calls_by_endpoint(&self) -> Result<BTreeMap<String, u64>, TortureError> {
        let counted = self.control("requests").await?;
        let mut calls = BTreeMap::new();
        for (request, count) in counted["requests"].as_object().into_iter().flatten() {
            *calls.entry(endpoint(request)).or_default() +=
                count.as_u64().ok_or("the sandbox does not count")?;
        }
        Ok(calls)
    }

    /// How many requests each kind of fault has struck.
    pub(crate) async fn struck(&self) -> Result<BTreeMap<String, u64>, TortureError> {
        let listed = self.control("faults").await?;
        let mut struck = BTreeMap::new();
        for rule in listed["faults"].as_array().into_iter().flatten() {
            let (kind, left) = (rule["kind"].as_str(), rule["remaining"].as_u64());
            let (kind, left) = kind.zip(left).ok_or("a fault without a kind or a count")?;
            *struck.entry(kind.to_owned()).or_default() += UNLIMITED - left;
        }
        Ok(struck)
    }

    /// Writes down what is and what was done in a tenant's account.
    pub(crate) async fn testify(&self, tenant: &Tenant, evidence: &mut Evidence) -> Result<(), TortureError> {
        let state = self
            .control(&format!("state?account={}", tenant.secret_key))
            .await?;
        let accounts = state["accounts"].as_object().cloned().unwrap_or_default();
        let list = |name: &str| -> Vec<Value> {
            let lists = accounts.values().filter_map(|account| account[name].as_array());
            lists.flatten().cloned().collect()
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let project = || tenant.name.clone();
        let customers = list("customers");
        let living = customers.iter().filter(|customer| customer["deleted"] != true);
        evidence.customers.extend(living.map(|customer| Customer {
            project: project(),
            id: text(&customer["id"]),
            user: text(&customer["metadata"]["user"]),
            operation: text(&customer["metadata"]["operation"]),
        }));
        evidence
            .methods
            .extend(list("payment_methods").iter().map(|method| Method {
                project: project(),
                id: text(&method["id"]),
                customer: method["customer"].as_str().map(str::to_owned),
            }));
        evidence
            .intents
            .extend(list("setup_intents").iter().map(|intent| Intent {
                project: project(),
                id: text(&intent["id"]),
                operation: text(&intent["metadata"]["operation"]),
                method: intent["payment_method"].as_str().map(str::to_owned),
                status: text(&intent["status"]),
            }));
        let ledger = self
            .control(&format!("ledger?account={}", tenant.secret_key))
            .await?;
        let entries = ledger["entries"].as_array().cloned().unwrap_or_default();
        evidence.effects.extend(entries.iter().map(|entry| Effect {
            project: project(),
            key: entry["idempotency_key"].as_str().map(str::to_owned),
            request: text(&entry["request_id"]),
            object: text(&entry["object_id"]),
            kind: text(&entry["effect"]),
        }));
        Ok(())
    }
}

/// A request with `{id}` in the place of each identifier.
fn endpoint(request: &str) -> String {
    let prefixes = ["cus_", "pm_", "seti_", "evt_", "we_"];
    let parts = request.split('/').map(|part| {
        let is_name = prefixes.iter().any(|prefix| part.starts_with(prefix));
        if is_name { "{id}" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The card that one of a hundred numbers stands for.
pub(crate) fn test_card(number: u32) -> (&'static str, Card) {
    let mut left = number;
    for (token, card, share) in TEST_CARDS {
        if left < share {
            return (token, card);
        }
        left -= share;
    }
    (TEST_CARDS[0].0, TEST_CARDS[0].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_a_hundred_numbers_is_a_card() {
        let shares: u32 = TEST_CARDS.iter().map(|(_, _, share)| share).sum();
        assert_eq!(shares, 100);
        assert_eq!(test_card(0), ("tok_visa", Card::Good));
        assert_eq!(test_card(75).1, Card::Challenged);
        assert_eq!(test_card(99).1, Card::Declined);
    }
}
