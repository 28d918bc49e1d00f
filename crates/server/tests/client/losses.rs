//! Requests and answers that get lost between the client and the server: each thing is done once all the same.

use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use billfold_client::{Error, PaymentMethodQuery, ProjectClient, RetryPolicy};
use billfold_test_support::{TcpProxy, Verdict};
use serde_json::json;

use crate::scene::{Hasty, Scene, USER, attempts, ids};

/// What it takes to reach the server over a line that can be cut.
struct Line {
    proxy: TcpProxy,
    hasty: Hasty,
    scene: Scene,
}

impl Line {
    async fn start() -> Self {
        let scene = Scene::start().await;
        let proxy = TcpProxy::start(scene.api.trim_start_matches("http://")).await;
        Self {
            proxy: proxy.expect("a port is free"),
            hasty: Hasty::default(),
            scene,
        }
    }

    /// A client that goes over the line.
    async fn project(&self, retry: RetryPolicy) -> ProjectClient {
        let token = self.scene.token(&["--project", "demo"]).await;
        let url = format!("http://{}", self.proxy.address());
        let options = billfold_client::ClientOptions::new(url, token).retry(retry);
        ProjectClient::new(options.surroundings(self.hasty.clone()), "demo").expect("the options are good")
    }

    /// Gives this verdict to the next so many requests with this beginning, and counts all of them.
    fn expect(&self, beginning: &'static str, verdict: Verdict, times: usize) -> Arc<AtomicUsize> {
        let met = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&met);
        self.proxy.inspect_to_server(move |chunk| {
            if !chunk.starts_with(beginning.as_bytes()) {
                return Verdict::Pass;
            }
            if counted.fetch_add(1, Ordering::SeqCst) < times {
                verdict
            } else {
                Verdict::Pass
            }
        });
        met
    }

    /// The user's payment methods, by a way that nothing is lost on.
    async fn saved(&self) -> Vec<String> {
        let project = self.scene.project().await;
        ids(&project, PaymentMethodQuery::of_user(USER)).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_saved_is_saved_once_although_the_answers_are_lost() {
    let line = Line::start().await;
    let project = line.project(RetryPolicy::default()).await;
    let sent = line.expect("POST /projects/demo/paymentMethods", Verdict::CutAfterAnswer, 2);
    // Each request with this name makes a payment method of its own, so one that is carried out twice shows.
    let saved = project
        .create_payment_method("pm_card_visa", USER)
        .await
        .expect("the third answer comes");
    assert_eq!(sent.load(Ordering::SeqCst), 3);
    assert_eq!(line.saved().await, [saved.id]);
    assert_eq!((line.hasty.keys(), line.hasty.pauses().len()), (1, 2));
    assert_eq!(line.scene.effects("setup_intent.created").await, 1);
    line.scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_key_there_would_be_two() {
    let line = Line::start().await;
    let project = line.project(attempts(1)).await;
    line.expect("POST /projects/demo/paymentMethods", Verdict::CutAfterAnswer, 1);
    let lost = project
        .create_payment_method("pm_card_visa", USER)
        .await
        .expect_err("the answer is lost");
    assert!(
        matches!(lost, Error::Connection(_)) && lost.is_retryable(),
        "{lost:?}"
    );
    project
        .create_payment_method("pm_card_visa", USER)
        .await
        .expect("another payment method");
    assert_eq!(line.saved().await.len(), 2);

    // With the key that the error names, the request is the one that was lost.
    let key = lost.idempotency_key().expect("a write has a key");
    let found = project
        .create_payment_method("pm_card_visa", USER)
        .idempotency_key(key)
        .await;
    assert!(
        line.saved()
            .await
            .contains(&found.expect("what the lost answer told").id)
    );
    assert_eq!(line.saved().await.len(), 2);
    line.scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_lost_on_its_way_is_sent_again() {
    let line = Line::start().await;
    let project = line.project(RetryPolicy::default()).await;
    let sent = line.expect("POST /projects/demo/paymentMethods", Verdict::Cut, 4);
    let saved = project
        .create_payment_method("pm_card_visa", USER)
        .await
        .expect("the fifth arrives");
    assert_eq!(sent.load(Ordering::SeqCst), 5);
    assert_eq!(line.saved().await, [saved.id]);
    line.scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_is_given_back_although_the_answer_is_lost() {
    let line = Line::start().await;
    let project = line.project(RetryPolicy::default()).await;
    let saved = project
        .create_payment_method("pm_card_visa", USER)
        .await
        .expect("a payment method");
    line.expect("DELETE /projects/demo/paymentMethods", Verdict::CutAfterAnswer, 1);
    let deleted = project
        .delete_payment_method(&saved.id)
        .await
        .expect("what it was");
    assert_eq!((deleted.id, deleted.created_at), (saved.id, saved.created_at));
    assert_eq!(line.saved().await, [""; 0]);
    line.scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_in_time_is_asked_again() {
    let line = Line::start().await;
    let mut retry = RetryPolicy::default();
    retry.attempt_limit = Duration::from_millis(100);
    let project = line.project(retry).await;
    let saved = line
        .scene
        .project()
        .await
        .create_payment_method("pm_card_visa", USER)
        .await;
    let saved = saved.expect("a payment method");
    line.proxy.freeze();
    let path = format!("/projects/demo/paymentMethods/{}", saved.id);
    let error = project
        .retrieve_payment_method(&saved.id)
        .await
        .expect_err("nothing arrives");
    let Error::Connection(lost) = &error else {
        panic!("{error:?}")
    };
    assert!(lost.timed_out && lost.attempts == 5, "{lost:?}");
    assert!(!format!("{error:?}").contains(&path), "{error:?}");
    line.proxy.pass();
    let patient = line.project(RetryPolicy::default()).await;
    let found = patient
        .retrieve_payment_method(&saved.id)
        .await
        .expect("the line is whole again");
    assert_eq!(found.id, saved.id);
    line.scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_stripe_is_waited_out_as_long_as_it_is_asked_for() {
    let line = Line::start().await;
    let project = line.project(RetryPolicy::default()).await;
    let intent = project.create_setup_intent(USER).await.expect("a setup intent");
    let path = format!("/v1/setup_intents/{}", intent.id);
    // Billfold itself asks Stripe twice.
    let fault = json!({ "kind": "reset", "path": path, "method": "GET", "count": 2 });
    line.scene.order(&fault).await;
    let found = project
        .retrieve_setup_intent(&intent.id)
        .await
        .expect("Stripe is back");
    assert_eq!(found.id, intent.id);
    let pauses = line.hasty.pauses();
    assert!(
        pauses.len() == 1 && pauses[0] >= Duration::from_secs(1),
        "{pauses:?}"
    );
    line.scene.end().await;
}
