//! What `billfold serve` does not start on, and whether it says what to do.

use billfold_auth::DevelopmentIssuer;
use billfold_test_support::{KeyAnswer, KeyServer, free_port};

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
    let place = production(database.sqlite(), &Issuer::new()).await;
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
            "https://login.example.com=https://reader:secret@login.example.com/keys",
        ],
        &["https://login.example.com", "take them out"],
    )
    .await;
    refused(
        &place,
        &["--issuer-ca-file", "keys.json"],
        &["keys.json", "certificates in PEM"],
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
async fn addresses_of_key_sets_that_bring_none() {
    let database = Place::new();
    let place = production(&database.sqlite(), &Issuer::new()).await;
    let text = |text: &str| KeyAnswer::Text(text.to_owned());
    let server = KeyServer::start(&["127.0.0.1"], text("")).await;
    let server = server.expect("a port is free");
    place.write("authority.pem", server.authority());
    let issuer = format!("https://login.example.com={}", server.url());
    let trusting = ["--issuer-ca-file", "authority.pem", "--issuer", issuer.as_str()];
    for (answer, says) in [
        (text("<html>"), "not valid JSON"),
        (text("{}"), "no array named keys"),
        (text("{\"keys\":[]}"), "add the public key"),
        (KeyAnswer::Status(302), "give the address that it leads to"),
        (KeyAnswer::Status(404), "404 instead of 200"),
        (KeyAnswer::Chunks(1024 * 1024), "more than 65536 bytes"),
        (KeyAnswer::CutShort, "broke off"),
        (KeyAnswer::NoTls, "TLS failed"),
    ] {
        server.set(answer);
        refused(
            &place,
            &trusting,
            &["https://login.example.com", &server.url(), says],
        )
        .await;
    }
    let other = KeyServer::start(&["127.0.0.1"], text("")).await;
    place.write("other.pem", other.expect("a port is free").authority());
    refused(
        &place,
        &["--issuer-ca-file", "other.pem", "--issuer", issuer.as_str()],
        &["TLS failed", "--issuer-ca-file"],
    )
    .await;
    let nobody = format!("https://login.example.com=https://127.0.0.1:{}/keys", free_port());
    refused(
        &place,
        &["--issuer-ca-file", "authority.pem", "--issuer", nobody.as_str()],
        &[
            "https://login.example.com",
            "cannot be reached",
            "check the host's name",
        ],
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
    let place = production(database.sqlite(), &Issuer::new()).await;
    let arguments = [
        "project",
        "create",
        "demo",
        "--stripe-publishable-key",
        "pk_test_billfold_demo",
        "--offline",
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
    let place = production(database.sqlite(), &Issuer::new()).await;
    refused(
        &place,
        &["--stripe-api-base", "http://stripe.example.com"],
        &["https"],
    )
    .await;
}
