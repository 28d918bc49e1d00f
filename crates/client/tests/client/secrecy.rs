//! No secret shows where it need not.

use billfold_client::{Error, ExposeSecret as _};
use serde_json::json;

use crate::support::{Stub, TOKEN, answer, payment_method, refusal};

#[tokio::test]
async fn no_token_shows_in_a_client_or_in_an_error() {
    let stub = Stub::answering([refusal(401, "unauthenticated")]).await;
    let (project, account) = (stub.project(), stub.account());
    let refused = project.create_payment_method("pm_1", "usr_1").await.unwrap_err();
    let told = [
        format!("{project:?} {account:?} {:?}", stub.options()),
        format!("{refused:?} {refused}"),
        format!("{:?}", project.create_payment_method("pm_1", "usr_1")),
    ];
    for text in told {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn no_client_secret_shows_unless_it_is_asked_for() {
    let secret = "seti_1_secret_never_shown";
    let mut method = payment_method("pm_1");
    method["clientSecret"] = json!(secret);
    method["status"] = json!("requiresConfirmation");
    let intent = json!({
        "object": "setupIntent", "id": "seti_1", "clientSecret": secret, "publishableKey": "pk_test_1",
        "status": "requiresAction", "user": "usr_1", "createdAt": "2026-11-21T00:45:06Z",
    });
    let of_account = json!({
        "id": "seti_1", "client_secret": secret, "publishable_key": "pk_test_1", "status": "requires_action",
        "created_at": "2026-11-21 00:45:06",
    });
    let mut faulty = method.clone();
    faulty["createdAt"] = json!(secret);
    let bodies = [&method, &intent, &of_account, &faulty].map(|body| answer(200, body));
    let stub = Stub::answering(bodies).await;
    let (project, account) = (stub.project(), stub.account());
    let method = project.retrieve_payment_method("pm_1").await.unwrap();
    let intent = project.retrieve_setup_intent("seti_1").await.unwrap();
    let of_account = account.create_setup_intent().await.unwrap();
    let unreadable = project.retrieve_payment_method("pm_1").await.unwrap_err();
    assert!(matches!(unreadable, Error::Unreadable(_)), "{unreadable:?}");
    for text in [
        format!("{method:?}"),
        format!("{intent:?}"),
        format!("{of_account:?}"),
        format!("{unreadable:?} {unreadable}"),
    ] {
        assert!(!text.contains(secret), "{text}");
    }
    for shown in [
        method.client_secret.unwrap(),
        intent.client_secret,
        of_account.client_secret,
    ] {
        assert_eq!(shown.expose_secret(), secret);
    }
}
