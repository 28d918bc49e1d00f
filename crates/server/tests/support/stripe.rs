//! The sandbox as Stripe.js, the dashboard and the test see it: an account of it for each project.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One project's account in the sandbox.
#[derive(Clone, Debug)]
pub(crate) struct StripeAccount {
    client: reqwest::Client,
    base: String,
    secret_key: String,
    publishable_key: String,
}

impl StripeAccount {
    pub(super) fn of_project(client: &reqwest::Client, base: &str, project: &str) -> Self {
        Self {
            client: client.clone(),
            base: base.to_owned(),
            secret_key: secret_key(project),
            publishable_key: publishable_key(project),
        }
    }

    /// What the project's pages call Stripe with.
    pub(crate) fn publishable_key(&self) -> &str {
        &self.publishable_key
    }

    /// What the project's server calls Stripe with.
    pub(crate) fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// A payment method of a card number, as a page makes it; attached to nobody. Gives its id.
    pub(crate) async fn card(&self, number: &str) -> String {
        id_of(&self.card_answer(number).await)
    }

    /// The sandbox's answer to a page that makes a payment method of a card number.
    pub(crate) async fn card_answer(&self, number: &str) -> Value {
        let mut form = vec![("type", "card"), ("key", &self.publishable_key)];
        form.extend(card_fields("card", number));
        self.send("POST", "/v1/payment_methods", &form, None).await
    }

    /// A payment method of a token such as `tok_visa`, as a page makes it; attached to nobody. Gives its id.
    pub(crate) async fn card_of_token(&self, token: &str) -> String {
        let form = [
            ("type", "card"),
            ("key", self.publishable_key.as_str()),
            ("card[token]", token),
        ];
        id_of(&self.send("POST", "/v1/payment_methods", &form, None).await)
    }

    /// Confirms a setup intent with a card, as Stripe.js does. Gives the setup intent, or the error.
    pub(crate) async fn confirm_with_card(&self, client_secret: &str, number: &str) -> Value {
        let mut form = vec![("payment_method_data[type]", "card")];
        form.extend(card_fields("payment_method_data[card]", number));
        self.confirm(client_secret, &form).await
    }

    /// Confirms a setup intent with a payment method that a page has made.
    pub(crate) async fn confirm_with(&self, client_secret: &str, payment_method: &str) -> Value {
        self.confirm(client_secret, &[("payment_method", payment_method)])
            .await
    }

    /// Passes the challenge that a setup intent waits for, as its card's owner does.
    pub(crate) async fn pass_challenge(&self, client_secret: &str) {
        let setup_intent = self.confirm(client_secret, &[]).await;
        assert_eq!(setup_intent["status"], "succeeded", "{setup_intent}");
    }

    /// Fails the challenge that a setup intent waits for.
    pub(crate) async fn fail_challenge(&self, client_secret: &str) {
        let path = format!("/_sandbox/setup_intents/{}/fail", setup_intent_of(client_secret));
        let setup_intent = self.control("POST", &path, None).await;
        assert_eq!(
            setup_intent["status"], "requires_payment_method",
            "{setup_intent}"
        );
    }

    async fn confirm(&self, client_secret: &str, more: &[(&str, &str)]) -> Value {
        let mut form = vec![
            ("key", self.publishable_key.as_str()),
            ("client_secret", client_secret),
            ("use_stripe_sdk", "true"),
        ];
        form.extend_from_slice(more);
        let path = format!("/v1/setup_intents/{}/confirm", setup_intent_of(client_secret));
        self.send("POST", &path, &form, None).await
    }

    /// Calls Stripe's interface with the secret key, as the dashboard or another program of the tenant would.
    pub(crate) async fn call(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Value {
        self.send(method, path, form, Some(&self.secret_key)).await
    }

    async fn send(&self, method: &str, path: &str, form: &[(&str, &str)], secret_key: Option<&str>) -> Value {
        let name = reqwest::Method::from_bytes(method.as_bytes()).expect("a method has a valid name");
        let mut request = self.client.request(name, format!("{}{path}", self.base));
        if method == "POST" {
            request = request.form(form);
        }
        if let Some(key) = secret_key {
            request = request.bearer_auth(key);
        }
        let response = request.send().await.expect("the sandbox should answer");
        response.json().await.expect("the sandbox should answer in JSON")
    }

    async fn control(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let name = reqwest::Method::from_bytes(method.as_bytes()).expect("a method has a valid name");
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{separator}account={}", self.base, self.secret_key);
        let mut request = self.client.request(name, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.expect("the sandbox should answer");
        let status = response.status();
        let answer: Value = response.json().await.expect("the sandbox should answer in JSON");
        assert!(status.is_success(), "{method} {path}: {answer}");
        answer
    }

    /// Adds a fault, or several, to the sandbox's script.
    pub(crate) async fn fault(&self, fault: Value) {
        self.control("POST", "/_sandbox/faults", Some(&fault)).await;
    }

    /// The account's own name, once something is in it: faults may be ordered for one account.
    pub(crate) async fn account_name(&self) -> String {
        let state = self.control("GET", "/_sandbox/state", None).await;
        let accounts = state["accounts"].as_object().expect("the state has accounts");
        accounts
            .keys()
            .next()
            .expect("something is in the account")
            .clone()
    }

    /// Takes every fault out of the sandbox's script, and gives how many requests would still have gone wrong.
    pub(crate) async fn clear_faults(&self) -> u64 {
        let faults = self.control("GET", "/_sandbox/faults", None).await;
        self.control("DELETE", "/_sandbox/faults", None).await;
        let faults = faults["faults"].as_array().expect("faults should be an array");
        faults
            .iter()
            .filter_map(|fault| fault["remaining"].as_u64())
            .sum()
    }

    /// Whether fewer than this many requests are still to go wrong.
    pub(crate) async fn faults_left_below(&self, number: u64) -> bool {
        let faults = self.control("GET", "/_sandbox/faults", None).await;
        let faults = faults["faults"].as_array().expect("faults should be an array");
        let left: u64 = faults
            .iter()
            .filter_map(|fault| fault["remaining"].as_u64())
            .sum();
        left < number
    }

    /// How often each effect was accepted, such as `setup_intent.created`.
    pub(crate) async fn effects(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.ledger().await {
            let effect = entry["effect"].as_str().expect("an entry has an effect");
            *counts.entry(effect.to_owned()).or_default() += 1;
        }
        counts
    }

    /// How often one effect was accepted.
    pub(crate) async fn effect(&self, effect: &str) -> usize {
        self.effects().await.get(effect).copied().unwrap_or_default()
    }

    /// Every accepted effect, oldest first.
    pub(crate) async fn ledger(&self) -> Vec<Value> {
        let ledger = self.control("GET", "/_sandbox/ledger", None).await;
        ledger["entries"]
            .as_array()
            .expect("the ledger has entries")
            .clone()
    }

    /// How many calls reached this account since the counts were reset, whatever came of them.
    pub(crate) async fn request_count(&self) -> u64 {
        let requests = self.control("GET", "/_sandbox/requests", None).await;
        requests["total"].as_u64().expect("requests have a total")
    }

    /// Resets the counts of calls, of every account.
    pub(crate) async fn reset_request_count(&self) {
        self.control("DELETE", "/_sandbox/requests", None).await;
    }

    /// Every customer.
    pub(crate) async fn customers(&self) -> Vec<Value> {
        self.objects("customers").await
    }

    /// Every payment method.
    pub(crate) async fn payment_methods(&self) -> Vec<Value> {
        self.objects("payment_methods").await
    }

    /// Every setup intent.
    pub(crate) async fn setup_intents(&self) -> Vec<Value> {
        self.objects("setup_intents").await
    }

    /// The payment method of this id.
    pub(crate) async fn payment_method(&self, id: &str) -> Value {
        let found = self.payment_methods().await;
        let mut found = found.into_iter().filter(|object| object["id"] == id);
        found
            .next()
            .unwrap_or_else(|| panic!("the sandbox should have the payment method {id}"))
    }

    async fn objects(&self, kind: &str) -> Vec<Value> {
        let state = self.control("GET", "/_sandbox/state", None).await;
        let accounts = state["accounts"].as_object().expect("the state has accounts");
        let objects = accounts.values().next().map(|account| account[kind].clone());
        objects
            .and_then(|objects| objects.as_array().cloned())
            .unwrap_or_default()
    }
}

/// The secret key of a project's account.
pub(super) fn secret_key(project: &str) -> String {
    format!("sk_test_of_{project}")
}

/// The publishable key of a project's account.
pub(super) fn publishable_key(project: &str) -> String {
    format!("pk_test_of_{project}")
}

/// The setup intent that a client secret is of.
pub(crate) fn setup_intent_of(client_secret: &str) -> &str {
    let (id, _) = client_secret
        .split_once("_secret_")
        .expect("a client secret begins with its setup intent's id");
    id
}

/// The id of a payment method that was made.
fn id_of(answer: &Value) -> String {
    let id = answer["id"].as_str();
    id.unwrap_or_else(|| panic!("the payment method should be made: {answer}"))
        .to_owned()
}

fn card_fields<'number>(prefix: &str, number: &'number str) -> [(&'static str, &'number str); 4] {
    if prefix == "card" {
        [
            ("card[number]", number),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2034"),
            ("card[cvc]", "123"),
        ]
    } else {
        [
            ("payment_method_data[card][number]", number),
            ("payment_method_data[card][exp_month]", "12"),
            ("payment_method_data[card][exp_year]", "2034"),
            ("payment_method_data[card][cvc]", "123"),
        ]
    }
}

/// A fault for the sandbox's script: the next request with this method and path goes wrong so.
pub(crate) fn fault(kind: &str, method: &str, path: &str) -> Value {
    json!({ "kind": kind, "method": method, "path": path })
}
