//! Both faces, from the setup intent to the deletion.

use billfold_client::{
    AccountBrand, AccountSetupIntentStatus, AuditAction, AuditEventQuery, AuditOutcome, Brand, ErrorType,
    ExposeSecret as _, PaymentMethodStatus, PaymentMethodType, SetupIntentStatus,
};
use futures_util::TryStreamExt as _;

use crate::scene::{Scene, USER};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_saves_retrieves_and_deletes() {
    let scene = Scene::start().await;
    let project = scene.project().await;
    let intent = project.create_setup_intent(USER).await.expect("a setup intent");
    assert_eq!(
        (&intent.status, intent.user.as_str()),
        (&SetupIntentStatus::RequiresPaymentMethod, USER)
    );
    let card = "4242424242424242";
    let confirmed = scene
        .confirm(&intent.id, &intent.client_secret, &intent.publishable_key, card)
        .await;
    let again = project
        .retrieve_setup_intent(&intent.id)
        .await
        .expect("the setup intent");
    assert_eq!(again.status, SetupIntentStatus::Succeeded);
    assert_eq!(again.created_at, intent.created_at);

    let saved = project
        .create_payment_method(&confirmed, USER)
        .await
        .expect("a payment method");
    assert_eq!(
        (saved.id.as_str(), saved.user.as_str()),
        (confirmed.as_str(), USER)
    );
    assert_eq!(
        (&saved.brand, saved.last4.as_deref()),
        (&Some(Brand::Visa), Some("4242"))
    );
    assert_eq!(
        (&saved.status, &saved.payment_method_type),
        (&PaymentMethodStatus::Available, &PaymentMethodType::Card)
    );
    assert!(saved.client_secret.is_none());
    let retrieved = project
        .retrieve_payment_method(&confirmed)
        .await
        .expect("the payment method");
    assert_eq!((retrieved.id, retrieved.created_at), (saved.id, saved.created_at));
    let deleted = project
        .delete_payment_method(&confirmed)
        .await
        .expect("what it was");
    assert_eq!(deleted.id, confirmed);
    let gone = project
        .retrieve_payment_method(&confirmed)
        .await
        .expect_err("it is deleted");
    assert_eq!(gone.error_type(), Some(&ErrorType::NotFound));

    let query = AuditEventQuery::new()
        .action(AuditAction::PaymentMethodDelete)
        .limit(1);
    let told: Vec<_> = project
        .list_audit_events(query)
        .items()
        .try_collect()
        .await
        .expect("the audit log");
    let outcomes: Vec<&AuditOutcome> = told.iter().map(|event| &event.outcome).collect();
    assert_eq!(outcomes, [&AuditOutcome::Succeeded, &AuditOutcome::Begun]);
    assert_eq!(
        told[0].target.as_ref().map(|target| target.id.as_str()),
        Some(confirmed.as_str())
    );
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_saves_sees_and_deletes_and_nobody_elses() {
    let scene = Scene::start().await;
    let (alice, bob) = (scene.account(USER).await, scene.account("usr_bob").await);
    let intent = alice.create_setup_intent().await.expect("a setup intent");
    assert_eq!(intent.status, AccountSetupIntentStatus::RequiresPaymentMethod);
    let card = "5555555555554444";
    let id = scene
        .confirm(&intent.id, &intent.client_secret, &intent.publishable_key, card)
        .await;
    let saved = alice.create_payment_method(&id).await.expect("a payment method");
    assert_eq!(
        (&saved.brand, saved.last4.as_str()),
        (&AccountBrand::Mastercard, "4444")
    );
    assert_eq!((saved.exp_month, saved.exp_year), (12, 2034));
    assert_eq!(alice.list_payment_methods().await.expect("a list"), [saved]);
    assert_eq!(bob.list_payment_methods().await.expect("a list"), []);

    let not_his = bob.delete_payment_method(&id).await.expect_err("it is hers");
    assert_eq!(
        (not_his.status(), not_his.error_type()),
        (Some(410), Some(&ErrorType::Gone))
    );
    let of_project = scene.project().await.retrieve_payment_method(&id).await;
    assert_eq!(of_project.expect("both faces show it").user, USER);
    alice.delete_payment_method(&id).await.expect("it is hers");
    assert_eq!(alice.list_payment_methods().await.expect("a list"), []);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_asks_for_a_check_comes_with_the_secret_for_it() {
    let scene = Scene::start().await;
    let project = scene.project().await;
    let waiting = project
        .create_payment_method("pm_card_authenticationRequiredOnSetup", USER)
        .await;
    let waiting = waiting.expect("a payment method that waits");
    assert_eq!(waiting.status, PaymentMethodStatus::RequiresConfirmation);
    let secret = waiting.client_secret.expect("the secret for Stripe.js");
    let (intent, _) = secret
        .expose_secret()
        .split_once("_secret_")
        .expect("it names its setup intent");
    let url = format!("{}/v1/setup_intents/{intent}/confirm", scene.stripe);
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .expect("an HTTP client");
    let form = [
        ("key", "pk_test_billfold_demo"),
        ("client_secret", secret.expose_secret()),
    ];
    let passed = client
        .post(url)
        .form(&form)
        .send()
        .await
        .expect("the sandbox answers");
    assert!(passed.status().is_success(), "{passed:?}");
    let available = project
        .retrieve_payment_method(&waiting.id)
        .await
        .expect("the payment method");
    assert_eq!(available.status, PaymentMethodStatus::Available);
    assert!(available.client_secret.is_none());
    scene.end().await;
}
