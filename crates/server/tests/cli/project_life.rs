//! `billfold project` beside a Stripe: keys that are looked at, and projects that go without a server.

use billfold_test_support::{PostgresDatabase, Process};
use serde_json::json;

use crate::{
    command::{Access, Place, call, end, ready_address, sandbox_url},
    serve::{Issuer, production},
};

/// A migrated place beside a sandbox.
async fn beside_a_sandbox(database: impl Into<Access>) -> (Place, Process) {
    let mut place = Place::new();
    place.set_database(database);
    place.set("BILLFOLD_LOG", "error");
    let sandbox = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    place.set("BILLFOLD_STRIPE_API_BASE", sandbox_url(&sandbox).await);
    place.run(&["migrate"]).await.succeeded();
    (place, sandbox)
}

fn create<'a>(name: &'a str, publishable: &'a str) -> Vec<&'a str> {
    vec!["project", "create", name, "--stripe-publishable-key", publishable]
}

async fn a_key_is_looked_at_before_it_is_kept(place: &Place) {
    let shop = create("shop", "pk_test_of_shop");
    let refused = place.run_with_input(&shop, "rk_test_of_shop").await.failed();
    assert!(
        refused.contains("Stripe does not accept the secret key"),
        "{refused}"
    );
    assert_eq!(place.run(&["project", "list"]).await.succeeded(), "");
    let made = place.run_with_input(&shop, "sk_test_of_shop").await.succeeded();
    assert_eq!(made, "Made the project shop.\n");
    let shown = place.run(&["project", "show", "shop"]).await.succeeded();
    for line in [
        "status           active",
        "mode             test",
        "Stripe account   acct_1",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let second = create("second", "pk_test_of_shop");
    let taken = place.run_with_input(&second, "sk_test_of_shop").await.failed();
    assert!(taken.contains("--allow-shared-account"), "{taken}");
    let shared = [&second[..], &["--allow-shared-account"]].concat();
    place.run_with_input(&shared, "sk_test_of_shop").await.succeeded();
    let connected = [
        &create("tenant", "pk_test_of_platform")[..],
        &["--stripe-account", "acct_1tenant"],
    ]
    .concat();
    place
        .run_with_input(&connected, "sk_test_of_platform")
        .await
        .succeeded();
    let shown = place.run(&["project", "show", "tenant"]).await.succeeded();
    assert!(
        shown.contains("acct_1tenant") && shown.contains("a platform's"),
        "{shown}"
    );

    let malformed = [&create("x", "pk_test_of_x")[..], &["--stripe-account", "cus_1"]].concat();
    let message = place.run_with_input(&malformed, "sk_test_of_x").await.failed();
    assert!(message.contains("begins with acct_"), "{message}");
    let nowhere = [
        &create("x", "pk_test_of_x")[..],
        &["--stripe-api-base", "http://127.0.0.1:1"],
    ]
    .concat();
    let message = place.run_with_input(&nowhere, "sk_test_of_x").await.failed();
    assert!(
        message.contains("--offline") && message.contains("nothing was changed"),
        "{message}"
    );
    let message = place
        .run(
            &[
                &create("x", "pk_test_of_x")[..],
                &["--stripe-secret-key", "sk_test_hunter2"],
            ]
            .concat(),
        )
        .await
        .failed();
    assert!(
        message.contains("standard input") && !message.contains("hunter2"),
        "{message}"
    );
    let list = place.run(&["project", "list"]).await.succeeded();
    assert_eq!(list, "second\nshop\ntenant\n");

    place.run(&["project", "disable", "shop"]).await.succeeded();
    let shown = place.run(&["project", "show", "shop"]).await.succeeded();
    assert!(shown.contains("disabled"), "{shown}");
    place.run(&["project", "enable", "shop"]).await.succeeded();
    let live = [
        "project",
        "update",
        "shop",
        "--stripe-publishable-key",
        "pk_live_of_shop",
    ];
    let message = place.run(&live).await.failed();
    assert!(message.contains("keeps its mode"), "{message}");
    for command in ["show", "update", "disable", "enable"] {
        let message = place.run(&["project", command, "nobody"]).await.failed();
        assert!(message.contains("there is no project nobody"), "{message}");
    }
}

/// Made and used while a server runs, and deleted when none does.
async fn a_project_goes_without_a_server(database: impl Into<Access>) {
    let issuer = Issuer::new();
    let mut place = production(database, &issuer).await;
    let sandbox = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    let stripe = sandbox_url(&sandbox).await;
    place.set("BILLFOLD_STRIPE_API_BASE", stripe.as_str());
    let server = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&server).await);
    let token = issuer.token("shop", "project:read project:write");
    for card in [
        "pm_card_visa",
        "pm_card_mastercard",
        "pm_card_authenticationRequiredOnSetup",
    ] {
        let body = json!({ "id": card, "user": "usr_alice" });
        let path = format!("{url}/projects/shop/paymentMethods");
        let (status, saved) = call("POST", &path, &token, Some(&body)).await;
        assert_eq!(status, 201, "{saved}");
    }
    end(server).await;

    for confirm in [&[][..], &["--confirm", "Shop"], &["--confirm", ""]] {
        let message = place
            .run(&[&["project", "delete", "shop"][..], confirm].concat())
            .await
            .failed();
        assert!(message.contains("--confirm shop"), "{message}");
    }
    let deleting = place.start(&["project", "delete", "shop", "--confirm", "shop"]);
    deleting
        .wait_for_line(crate::command::WITHIN, |line| {
            line.contains("nothing is left at Stripe")
        })
        .await;
    // It is killed while it waits for instances to notice; the next goes on, to the end.
    drop(deleting);
    let shown = place.run(&["project", "show", "shop"]).await.succeeded();
    assert!(shown.contains("deleting"), "{shown}");
    let (_, ledger) = call("GET", &format!("{stripe}/_sandbox/ledger"), "", None).await;
    let effects = ledger["entries"].to_string();
    assert_eq!(
        effects.matches("\"payment_method.detached\"").count(),
        2,
        "{effects}"
    );
    assert_eq!(
        effects.matches("\"setup_intent.canceled\"").count(),
        1,
        "{effects}"
    );
    let deleted = place
        .run(&[
            "project",
            "delete",
            "shop",
            "--confirm",
            "shop",
            "--settle-seconds",
            "0",
        ])
        .await
        .succeeded();
    assert!(deleted.contains("Deleted the project shop"), "{deleted}");
    let again = place
        .run(&["project", "delete", "shop", "--confirm", "shop"])
        .await
        .succeeded();
    assert!(again.contains("Deleted the project shop"), "{again}");
    let message = place
        .run(&["project", "delete", "nobody", "--confirm", "nobody"])
        .await
        .failed();
    assert!(message.contains("there is no project nobody"), "{message}");
    let name = [&create("shop", "pk_test_a_secret_of_shop")[..], &["--offline"]].concat();
    let message = place
        .run_with_input(&name, "sk_test_a_secret_of_shop")
        .await
        .failed();
    assert!(message.contains("its name is not given again"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_on_sqlite() {
    let database = Place::new();
    let (place, _sandbox) = beside_a_sandbox(database.sqlite()).await;
    a_key_is_looked_at_before_it_is_kept(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let (place, _sandbox) = beside_a_sandbox(&database).await;
    a_key_is_looked_at_before_it_is_kept(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_on_sqlite() {
    let database = Place::new();
    a_project_goes_without_a_server(database.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    a_project_goes_without_a_server(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_of_a_development_server_have_a_token() {
    let place = Place::new();
    let directory = place.path("data").display().to_string();
    let listen = [
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--sandbox-listen",
        "127.0.0.1:0",
    ];
    let server = place.start(&[&listen[..], &["--data-dir", &directory]].concat());
    let line = server
        .wait_for_line(crate::command::WITHIN, |line| line.contains("http://127.0.0.1"))
        .await;
    let url = line.split_whitespace().find(|word| word.starts_with("http://"));
    let url = url
        .expect("the line has an address")
        .trim_end_matches(['.', ','])
        .to_owned();
    let token = place
        .run(&["token", "--operator", "--data-dir", &directory])
        .await
        .succeeded();
    let path = format!("{url}/operator/projects");
    let (status, page) = call("GET", &path, token.trim(), None).await;
    assert_eq!((status, &page["items"][0]["id"]), (200, &json!("acme")), "{page}");
    let tenant = place
        .run(&["token", "--project", "demo", "--data-dir", &directory])
        .await
        .succeeded();
    assert_eq!(call("GET", &path, tenant.trim(), None).await.0, 401);
    let path = format!("{url}/projects/demo/paymentMethods");
    assert_eq!(call("GET", &path, token.trim(), None).await.0, 401);
    end(server).await;
}
