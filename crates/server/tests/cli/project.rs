//! `billfold migrate` and `billfold project`.

use billfold_test_support::PostgresDatabase;

use crate::command::Place;

const SECRET_KEY: &str = "sk_test_a_secret_of_shop";
const PUBLISHABLE_KEY: &str = "pk_test_a_secret_of_shop";

async fn projects_are_made_listed_and_shown(place: &mut Place) {
    place.set("BILLFOLD_PROJECT_OFFLINE", "true");
    let unmigrated = place.run(&["project", "list"]).await.failed();
    assert!(unmigrated.contains("billfold migrate"), "{unmigrated}");
    let migrated = place.run(&["migrate"]).await.succeeded();
    assert!(migrated.contains("Applied "), "{migrated}");
    let again = place.run(&["migrate"]).await.succeeded();
    assert!(again.starts_with("The database is up to date.\n"), "{again}");
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
    assert!(made.starts_with("Made the project shop.\n"), "{made}");
    assert!(made.contains("was not looked at"), "{made}");
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

async fn pages_are_given_and_taken_away(place: &mut Place) {
    place.set("BILLFOLD_PROJECT_OFFLINE", "true");
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
    place.run(&create).await.succeeded();
    let pages = async || {
        let shown = place.run(&["project", "show", "shop"]).await.succeeded();
        let line = shown.lines().find_map(|line| line.strip_prefix("pages"));
        line.expect("the pages are told of").trim().to_owned()
    };
    assert_eq!(pages().await, "none of its own");
    let update = ["project", "update", "shop"];
    let with = |arguments: &[&'static str]| [&update[..], arguments].concat();
    let given = with(&[
        "--cors-origin",
        "https://b.example",
        "--cors-origin",
        "https://a.example:8443,http://localhost:3000",
    ]);
    let told = place.run(&given).await.succeeded();
    assert!(told.contains("https://b.example"), "{told}");
    let all = "http://localhost:3000, https://a.example:8443, https://b.example";
    assert_eq!(pages().await, all);
    for (origin, words) in [
        ("http://app.example.com", "https://"),
        ("https://app.example.com/", "last slash"),
        ("https://*.example.com", "wildcards"),
        ("https://app.example.com:443", "left out"),
        ("null", "https://"),
    ] {
        let refused = place.run(&with(&["--cors-origin", origin])).await.failed();
        assert!(refused.contains(words), "{origin}: {refused}");
    }
    let many: Vec<String> = (0..21)
        .map(|number| format!("https://p{number}.example"))
        .collect();
    let many = many.join(",");
    let refused = place
        .run(&[&update[..], &["--cors-origin", &many]].concat())
        .await
        .failed();
    assert!(refused.contains("at most 20"), "{refused}");
    assert_eq!(pages().await, all, "what was refused changed nothing");
    let nobody = ["project", "update", "nobody", "--no-cors-origins"];
    let unknown = place.run(&nobody).await.failed();
    assert!(unknown.contains("there is no project nobody"), "{unknown}");
    place.run(&with(&["--no-cors-origins"])).await.succeeded();
    assert_eq!(pages().await, "none of its own");
}

async fn webhook_secrets_are_rolled(place: &mut Place) {
    place.set("BILLFOLD_PROJECT_OFFLINE", "true");
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
    assert!(roll("whsec_first\n").await.contains("Updated the project shop"));
    assert_eq!(live().await, "1 live");
    assert!(
        roll(" whsec_second ")
            .await
            .contains("Two webhook secrets are live")
    );
    assert_eq!(live().await, "2 live");
    roll("whsec_second").await;
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
        assert!(message.contains("begins with whsec_"), "{message}");
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
    webhook_secrets_are_rolled(&mut place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_secrets_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = Place::new();
    place.set_database(&database);
    webhook_secrets_are_rolled(&mut place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_on_sqlite() {
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    projects_are_made_listed_and_shown(&mut place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = Place::new();
    place.set_database(&database);
    projects_are_made_listed_and_shown(&mut place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_key_is_refused_without_repeating_it() {
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    place.run(&["migrate"]).await.succeeded();
    for (publishable, secret, expected) in [
        (PUBLISHABLE_KEY, PUBLISHABLE_KEY, "this is a publishable key"),
        (PUBLISHABLE_KEY, "hunter2", "begins with sk_test_"),
        (PUBLISHABLE_KEY, "", "begins with sk_test_"),
        (PUBLISHABLE_KEY, "whsec_hunter2", "signing secret"),
        ("pk_live_a", SECRET_KEY, "give two of one mode"),
        ("hunter2", SECRET_KEY, "begins with pk_test_"),
        (SECRET_KEY, SECRET_KEY, "a secret is never an argument"),
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_on_sqlite() {
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    pages_are_given_and_taken_away(&mut place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = Place::new();
    place.set_database(&database);
    pages_are_given_and_taken_away(&mut place).await;
}
