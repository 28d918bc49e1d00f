//! A development server, and clients of it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use billfold_client::{
    AccountClient, ClientOptions, ExposeSecret as _, PaymentMethodQuery, ProjectClient, RetryPolicy,
    Surroundings,
};
use billfold_test_support::Process;
use futures_util::{TryStreamExt as _, future::BoxFuture};
use serde_json::Value;

use crate::command::{self, Place, WITHIN};

/// The user whom account tokens are for unless said otherwise.
pub(crate) const USER: &str = "usr_alice";

/// A `billfold dev`, with the sandbox in it.
pub(crate) struct Scene {
    pub(crate) place: Place,
    process: Process,
    pub(crate) api: String,
    pub(crate) stripe: String,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::start_in(Place::new()).await
    }

    pub(crate) async fn start_in(place: Place) -> Self {
        let nowhere = "127.0.0.1:0";
        let process = place.start(&["dev", "--listen", nowhere, "--sandbox-listen", nowhere]);
        let line = async |name: &'static str| {
            let line = process.wait_for_line(WITHIN, |line| line.starts_with(name)).await;
            line.trim_start_matches(name).to_owned()
        };
        let (api, stripe) = (line("API=").await, line("STRIPE=").await);
        Self {
            place,
            process,
            api,
            stripe,
        }
    }

    pub(crate) async fn end(self) {
        command::end(self.process).await;
    }

    /// A token that `billfold token` makes.
    pub(crate) async fn token(&self, arguments: &[&str]) -> String {
        let made = self.place.run(&[&["token"], arguments].concat()).await;
        made.succeeded().trim_end().to_owned()
    }

    pub(crate) async fn options(&self) -> ClientOptions {
        ClientOptions::new(&self.api, self.token(&["--project", "demo"]).await)
    }

    /// A client of the project `demo`.
    pub(crate) async fn project(&self) -> ProjectClient {
        ProjectClient::new(self.options().await, "demo").expect("the options are good")
    }

    /// A client in the name of a user of `demo`.
    pub(crate) async fn account(&self, user: &str) -> AccountClient {
        let token = self.token(&["--project", "demo", "--user", user]).await;
        AccountClient::new(ClientOptions::new(&self.api, token)).expect("the options are good")
    }

    /// Confirms a setup intent with a card, as Stripe.js does for a page, and gives the payment method that comes of it.
    pub(crate) async fn confirm(
        &self,
        intent: &str,
        secret: &billfold_client::SecretString,
        publishable_key: &str,
        card: &str,
    ) -> String {
        let form = [
            ("key", publishable_key),
            ("client_secret", secret.expose_secret()),
            ("payment_method_data[type]", "card"),
            ("payment_method_data[card][number]", card),
            ("payment_method_data[card][exp_month]", "12"),
            ("payment_method_data[card][exp_year]", "2034"),
            ("payment_method_data[card][cvc]", "123"),
        ];
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(WITHIN)
            .build();
        let url = format!("{}/v1/setup_intents/{intent}/confirm", self.stripe);
        let request = client.expect("an HTTP client").post(url).form(&form);
        let answer = request.send().await.expect("the sandbox answers");
        let body = answer.text().await.expect("the answer is whole");
        let body: Value = serde_json::from_str(&body).expect("the answer is JSON");
        let id = body["payment_method"].as_str();
        id.unwrap_or_else(|| panic!("no payment method: {body}"))
            .to_owned()
    }

    /// Orders faults of the sandbox.
    pub(crate) async fn order(&self, fault: &Value) {
        let url = format!("{}/_sandbox/faults", self.stripe);
        let (status, body) = command::call("POST", &url, "", Some(fault)).await;
        assert_eq!(status, 200, "{body}");
    }

    /// How many effects of a kind there were at the sandbox.
    pub(crate) async fn effects(&self, effect: &str) -> usize {
        let url = format!("{}/_sandbox/ledger", self.stripe);
        let (_, ledger) = command::call("GET", &url, "", None).await;
        let entries = ledger["entries"].as_array().expect("the ledger has entries");
        entries.iter().filter(|entry| entry["effect"] == effect).count()
    }
}

/// What does not wait, and tells how long it should have.
#[derive(Clone, Default)]
pub(crate) struct Hasty {
    pauses: Arc<Mutex<Vec<Duration>>>,
    keys: Arc<AtomicUsize>,
}

impl Surroundings for Hasty {
    fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.pauses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(duration);
        Box::pin(tokio::task::yield_now())
    }

    fn idempotency_key(&self) -> String {
        let number = self.keys.fetch_add(1, Ordering::SeqCst);
        format!("key-{number}")
    }
}

impl Hasty {
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many keys were made.
    pub(crate) fn keys(&self) -> usize {
        self.keys.load(Ordering::SeqCst)
    }
}

/// A policy with so many attempts.
pub(crate) fn attempts(attempts: u32) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.attempts = attempts;
    policy
}

/// The identifiers of a list's payment methods, all of them.
pub(crate) async fn ids(project: &ProjectClient, query: PaymentMethodQuery) -> Vec<String> {
    let items = project.list_payment_methods(query).items();
    items
        .map_ok(|method| method.id)
        .try_collect()
        .await
        .expect("the list")
}
