//! What `billfold serve` does not start on, and whether it says what to do.

use billfold_auth::DevelopmentIssuer;

use crate::{
    command::Place,
    serve::{Issuer, production},
};

async fn refused(place: &Place, arguments: &[&str], expected: &[&str]) {
    let all = [&["serve"][..], arguments].concat();
    let message = place.run(&all).await.failed();
    for words in expected {
        assert!(message.contains(words), "{arguments:?}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unmigrated_database() {
    let mut place = Place::new();
    place.write("keys.json", &Issuer::new().key_set());
    place.set("BILLFOLD_LISTEN", "127.0.0.1:0");
    place.set("BILLFOLD_ISSUERS", "https://login.example.com=keys.json");
    let database = place.sqlite();
    refused(&place, &["--database-url", &database], &["billfold migrate"]).await;
    refused(
        &place,
        &["--database-url", "mysql://localhost/x"],
        &["postgres://", "sqlite://"],
    )
    .await;
    let unreachable = "postgres://billfold:hunter2@127.0.0.1:1/billfold";
    let message = place
        .run(&["serve", "--database-url", unreachable])
        .await
        .failed();
    assert!(!message.contains("hunter2"), "{message}");
    refused(&place, &[], &["--database-url"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuers_that_cannot_be_trusted() {
    let database = Place::new();
    let place = production(&database.sqlite(), &Issuer::new()).await;
    refused(
        &place,
        &[
            "--issuer",
            "https://login.example.com=http://login.example.com/keys",
        ],
        &["http", "save the set to a file"],
    )
    .await;
    refused(
        &place,
        &[
            "--issuer",
            "https://login.example.com=https://login.example.com/keys",
        ],
        &["https", "save the set to a file"],
    )
    .await;
    refused(&place, &["--issuer", "https://login.example.com"], &["NAME=FILE"]).await;
    refused(
        &place,
        &["--issuer", "https://login.example.com=nowhere.json"],
        &["nowhere.json", "check the path"],
    )
    .await;
    refused(
        &place,
        &["--issuer", "a=keys.json", "--issuer", "a=keys.json"],
        &["configured twice"],
    )
    .await;

    let directory = place.path("development");
    let development = DevelopmentIssuer::load_or_create(&directory).expect("a key can be made");
    place.write("development.json", &development.key_set());
    refused(
        &place,
        &["--issuer", "billfold-development=keys.json"],
        &["development issuer", "configure a real token issuer"],
    )
    .await;
    refused(
        &place,
        &["--issuer", "https://login.example.com=development.json"],
        &["development"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_issuer_at_all() {
    let mut place = Place::new();
    place.set("BILLFOLD_LISTEN", "127.0.0.1:0");
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    place.run(&["migrate"]).await.succeeded();
    refused(&place, &[], &["--issuer"]).await;
    place.set("BILLFOLD_ISSUERS", "");
    refused(&place, &[], &["NAME=FILE"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_the_development_sandbox() {
    let database = Place::new();
    let place = production(&database.sqlite(), &Issuer::new()).await;
    let arguments = [
        "project",
        "create",
        "demo",
        "--stripe-publishable-key",
        "pk_test_billfold_demo",
    ];
    place
        .run_with_input(&arguments, "sk_test_billfold_demo")
        .await
        .succeeded();
    refused(
        &place,
        &[],
        &[
            "the project demo",
            "use a database that billfold dev has not worked on",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stripe_over_the_network_without_encryption() {
    let database = Place::new();
    let place = production(&database.sqlite(), &Issuer::new()).await;
    refused(
        &place,
        &["--stripe-api-base", "http://stripe.example.com"],
        &["https"],
    )
    .await;
}
