//! `billfold migrate` and `billfold project`.

use billfold_test_support::PostgresDatabase;

use crate::command::Place;

const SECRET_KEY: &str = "sk_test_a_secret_of_shop";
const PUBLISHABLE_KEY: &str = "pk_test_a_secret_of_shop";

async fn projects_are_made_listed_and_shown(place: &Place) {
    let unmigrated = place.run(&["project", "list"]).await.failed();
    assert!(unmigrated.contains("billfold migrate"), "{unmigrated}");
    let migrated = place.run(&["migrate"]).await.succeeded();
    assert!(migrated.contains("Applied "), "{migrated}");
    let again = place.run(&["migrate"]).await.succeeded();
    assert_eq!(again, "The database is up to date.\n");
    assert_eq!(place.run(&["project", "list"]).await.succeeded(), "");

    let create = |name: &'static str| {
        [
            "project",
            "create",
            name,
            "--stripe-publishable-key",
            PUBLISHABLE_KEY,
        ]
    };
    let made = place
        .run_with_input(&create("shop"), &format!("{SECRET_KEY}\n"))
        .await
        .succeeded();
    assert_eq!(made, "Made the project shop.\n");
    place.write("key", &format!("  {SECRET_KEY}\n\n"));
    let from_file = [
        &create("Store_2")[..],
        &["--stripe-secret-key-file", "key", "--stripe-account", "acct_1abc"],
    ]
    .concat();
    place.run(&from_file).await.succeeded();
    assert_eq!(
        place.run(&["project", "list"]).await.succeeded(),
        "Store_2\nshop\n"
    );
    let shown = place.run(&["project", "show", "Store_2"]).await.succeeded();
    for expected in ["Store_2", PUBLISHABLE_KEY, "acct_1abc"] {
        assert!(shown.contains(expected), "{shown}");
    }
    assert!(!shown.contains("sk_test_"), "{shown}");
    let twice = place.run_with_input(&create("shop"), SECRET_KEY).await.failed();
    assert!(twice.contains("already"), "{twice}");
    assert!(!twice.contains("sk_test_"), "{twice}");
    let unknown = place.run(&["project", "show", "nobody"]).await.failed();
    assert!(unknown.contains("there is no project nobody"), "{unknown}");
}

async fn webhook_secrets_are_rolled(place: &Place) {
    place.run(&["migrate"]).await.succeeded();
    place.write("key", SECRET_KEY);
    let create = [
        "project",
        "create",
        "shop",
        "--stripe-publishable-key",
        PUBLISHABLE_KEY,
        "--stripe-secret-key-file",
        "key",
    ];
    let live = async || {
        let shown = place.run(&["project", "show", "shop"]).await.succeeded();
        assert!(!shown.contains("whsec_"), "{shown}");
        let line = shown.lines().find(|line| line.starts_with("webhook secrets"));
        line.expect("the secrets are told of")
            .trim_start_matches("webhook secrets")
            .trim()
            .to_owned()
    };
    place.run(&create).await.succeeded();
    assert_eq!(live().await, "none: webhooks are refused");
    let update = ["project", "update", "shop", "--stripe-webhook-secret-file"];
    let roll = async |secret: &str| {
        let arguments = [&update[..], &["-"]].concat();
        let told = place.run_with_input(&arguments, secret).await.succeeded();
        assert!(!told.contains("whsec_"), "{told}");
        told
    };
    assert!(roll("whsec_first\n").await.contains("a new webhook secret"));
    assert_eq!(live().await, "1 live");
    assert!(roll(" whsec_second ").await.contains("a new webhook secret"));
    assert_eq!(live().await, "2 live");
    assert!(roll("whsec_second").await.contains("already"));
    place.write("webhook-secret", "whsec_third\n");
    let from_file = [&update[..], &["webhook-secret"]].concat();
    place.run(&from_file).await.succeeded();
    assert_eq!(live().await, "2 live");

    // One can be there from the start.
    let with_secret = [
        "project",
        "create",
        "store",
        "--stripe-publishable-key",
        PUBLISHABLE_KEY,
        "--stripe-secret-key-file",
        "key",
        "--stripe-webhook-secret-file",
        "webhook-secret",
    ];
    place.run(&with_secret).await.succeeded();
    let shown = place.run(&["project", "show", "store"]).await.succeeded();
    assert!(shown.contains("1 live"), "{shown}");

    for wrong in ["", "whsec_", "we_1abc", SECRET_KEY, "whsec_a whsec_b"] {
        let arguments = [&update[..], &["-"]].concat();
        let message = place.run_with_input(&arguments, wrong).await.failed();
        assert!(message.contains("begin with whsec_"), "{message}");
        assert!(
            !message.contains("sk_test_") && !message.contains("we_1abc"),
            "{message}"
        );
    }
    let missing = [&update[..], &["nowhere"]].concat();
    let message = place.run(&missing).await.failed();
    assert!(
        message.contains("the webhook secret's file nowhere cannot be read"),
        "{message}"
    );
    let nobody = [
        "project",
        "update",
        "nobody",
        "--stripe-webhook-secret-file",
        "webhook-secret",
    ];
    let message = place.run(&nobody).await.failed();
    assert!(message.contains("there is no project nobody"), "{message}");
    let mut both = create;
    both[2] = "another";
    both[6] = "-";
    let both = [&both[..], &["--stripe-webhook-secret-file", "-"]].concat();
    let message = place.run_with_input(&both, SECRET_KEY).await.failed();
    assert!(message.contains("not both"), "{message}");
    assert_eq!(live().await, "2 live");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_secrets_on_sqlite() {
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    webhook_secrets_are_rolled(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_secrets_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", database.url());
    webhook_secrets_are_rolled(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_on_sqlite() {
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    projects_are_made_listed_and_shown(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", database.url());
    projects_are_made_listed_and_shown(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_key_is_refused_without_repeating_it() {
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    place.run(&["migrate"]).await.succeeded();
    for (publishable, secret, expected) in [
        (PUBLISHABLE_KEY, PUBLISHABLE_KEY, "this is a publishable key"),
        (PUBLISHABLE_KEY, "hunter2", "begin with sk_test_"),
        (PUBLISHABLE_KEY, "", "begin with sk_test_"),
        (SECRET_KEY, SECRET_KEY, "publishable keys begin with pk_test_"),
    ] {
        let arguments = [
            "project",
            "create",
            "shop",
            "--stripe-publishable-key",
            publishable,
        ];
        let message = place.run_with_input(&arguments, secret).await.failed();
        assert!(message.contains(expected), "{message}");
        for never in ["hunter2", SECRET_KEY] {
            assert!(!message.contains(never), "{message}");
        }
    }
    let arguments = [
        "project",
        "create",
        "shop",
        "--stripe-publishable-key",
        PUBLISHABLE_KEY,
        "--stripe-secret-key-file",
        "nowhere",
    ];
    let message = place.run(&arguments).await.failed();
    assert!(message.contains("nowhere cannot be read"), "{message}");
    let arguments = [
        "project",
        "create",
        "no name",
        "--stripe-publishable-key",
        PUBLISHABLE_KEY,
    ];
    place.run_with_input(&arguments, SECRET_KEY).await.failed();
    assert_eq!(place.run(&["project", "list"]).await.succeeded(), "");
}
