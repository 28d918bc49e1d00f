//! The sandbox, as a page of the tenant's and as the judge see it.

use std::collections::BTreeMap;

use serde_json::Value;

pub(super) const SECRET_KEY: &str = "sk_test_of_demo";
pub(super) const PUBLISHABLE_KEY: &str = "pk_test_of_demo";

/// A card that is accepted.
pub(super) const VISA: &str = "4242424242424242";
/// A card whose owner must pass a check.
pub(super) const ASKS_ITS_OWNER: &str = "4000002500003155";

pub(super) struct Page {
    client: reqwest::Client,
    base: String,
}

/// A payment method at Stripe.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) customer: Option<String>,
}

/// A setup intent at Stripe.
#[derive(Debug)]
pub(super) struct Intent {
    pub(super) status: String,
    pub(super) operation: String,
}

/// Everything at Stripe.
#[derive(Debug)]
pub(super) struct AtStripe {
    pub(super) methods: BTreeMap<String, Method>,
    pub(super) intents: BTreeMap<String, Intent>,
    /// The user whom each customer stands for.
    pub(super) customers: BTreeMap<String, String>,
    /// How often each effect was accepted on each object, by the object's name and the effect's.
    pub(super) effects: BTreeMap<(String, String), u32>,
}

impl Page {
    pub(super) fn new(base: String) -> Self {
        Self {
            client: reqwest::Client::new(),
            base,
        }
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = self.client.post(format!("{}{path}", self.base)).form(form);
        let response = request.send().await.unwrap();
        let (status, answer) = (response.status(), response.json::<Value>().await.unwrap());
        assert!(status.is_success(), "{path}: {answer}");
        answer
    }

    async fn control(&self, what: &str) -> Value {
        let url = format!("{}/_sandbox/{what}?account={SECRET_KEY}", self.base);
        let response = self.client.get(url).send().await.unwrap();
        response.error_for_status().unwrap().json().await.unwrap()
    }

    /// A payment method of a card number, attached to nobody. Gives its id.
    pub(super) async fn card(&self, number: &str) -> String {
        let form = [
            ("key", PUBLISHABLE_KEY),
            ("type", "card"),
            ("card[number]", number),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2034"),
            ("card[cvc]", "123"),
        ];
        text(&self.post("/v1/payment_methods", &form).await["id"])
    }

    /// Confirms a setup intent with a payment method, as Stripe.js does.
    pub(super) async fn confirm(&self, client_secret: &str, payment_method: &str) {
        let (setup_intent, _) = client_secret.split_once("_secret_").unwrap();
        let form = [
            ("key", PUBLISHABLE_KEY),
            ("client_secret", client_secret),
            ("use_stripe_sdk", "true"),
            ("payment_method", payment_method),
        ];
        let path = format!("/v1/setup_intents/{setup_intent}/confirm");
        let confirmed = self.post(&path, &form).await;
        assert_eq!(confirmed["status"], "succeeded", "{confirmed}");
    }

    /// Everything at Stripe, as it stands.
    pub(super) async fn everything(&self) -> AtStripe {
        let (state, ledger) = (self.control("state").await, self.control("ledger").await);
        let account = state["accounts"].as_object().unwrap().values().next().unwrap();
        let objects = |kind: &str| account[kind].as_array().unwrap().clone();
        let mut effects = BTreeMap::new();
        for entry in ledger["entries"].as_array().unwrap() {
            let effect = (text(&entry["object_id"]), text(&entry["effect"]));
            *effects.entry(effect).or_default() += 1;
        }
        AtStripe {
            methods: objects("payment_methods").iter().map(method).collect(),
            intents: objects("setup_intents").iter().map(intent).collect(),
            customers: objects("customers").iter().map(customer).collect(),
            effects,
        }
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}

fn method(object: &Value) -> (String, Method) {
    let customer = object["customer"].as_str().map(str::to_owned);
    (text(&object["id"]), Method { customer })
}

fn intent(object: &Value) -> (String, Intent) {
    let made = Intent {
        status: text(&object["status"]),
        operation: text(&object["metadata"]["operation"]),
    };
    (text(&object["id"]), made)
}

fn customer(object: &Value) -> (String, String) {
    (text(&object["id"]), text(&object["metadata"]["user"]))
}
