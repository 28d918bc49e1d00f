//! `billfold serve`: an instance for production.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use billfold_test_support::{KeyAnswer, KeyServer, PostgresDatabase, wait_for};
use serde_json::{Value, json};

use crate::command::{Access, Place, call, end, ready_address, sandbox_url};

const ISSUER: &str = "https://login.example.com";
const SECRET_KEY: &str = "sk_test_a_secret_of_shop";

/// An issuer of one's own, as an identity provider is one.
pub(crate) struct Issuer(Ed25519KeyPair);

impl Issuer {
    pub(crate) fn new() -> Self {
        Self(Ed25519KeyPair::generate().expect("a key can be made"))
    }

    /// Its public keys, as its JWKS file has them.
    pub(crate) fn key_set(&self) -> String {
        let public = URL_SAFE_NO_PAD.encode(self.0.public_key());
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "key-1", "x": public,
        }] })
        .to_string()
    }

    /// A token that is good for ten minutes.
    pub(crate) fn token(&self, project: &str, scope: &str) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970")
            .as_secs();
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "key-1" });
        let claims = json!({
            "iss": ISSUER, "aud": "billfold", "sub": "usr_alice", "iat": now, "exp": now + 600,
            "project": project, "scope": scope,
        });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(&header), encode(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()));
        format!("{text}.{signature}")
    }
}

/// A place with a key set, all that `serve` needs in its environment, and a migrated database with one project.
pub(crate) async fn production(database: impl Into<Access>, issuer: &Issuer) -> Place {
    let mut place = Place::new();
    place.write("keys.json", &issuer.key_set());
    place.set_database(database);
    place.set("BILLFOLD_LISTEN", "127.0.0.1:0");
    place.set("BILLFOLD_ISSUERS", format!("{ISSUER}=keys.json"));
    place.set("BILLFOLD_LOG_FORMAT", "json");
    place.set("BILLFOLD_LOG", "debug");
    place.run(&["migrate"]).await.succeeded();
    let arguments = [
        "project",
        "create",
        "shop",
        "--stripe-publishable-key",
        "pk_test_a_secret_of_shop",
        "--offline",
    ];
    place.run_with_input(&arguments, SECRET_KEY).await.succeeded();
    place
}

async fn it_serves_and_ends_when_asked(database: impl Into<Access>) {
    let issuer = Issuer::new();
    let mut place = production(database, &issuer).await;
    place.set(
        "BILLFOLD_CORS_ORIGINS",
        "https://a.example.com,https://b.example.com",
    );
    let stripe = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    place.set("BILLFOLD_STRIPE_API_BASE", sandbox_url(&stripe).await);
    let mut process = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&process).await);
    let token = issuer.token("shop", "project:read project:write account:read account:write");
    let path = format!("{url}/projects/shop/paymentMethods");
    let body = json!({ "id": "pm_card_visa", "user": "usr_alice" });
    let (status, saved) = call("POST", &path, &token, Some(&body)).await;
    assert_eq!(status, 201, "{saved}");
    let (status, page) = call("GET", &path, &token, None).await;
    assert_eq!((status, &page["items"]), (200, &json!([saved])));
    let waiting = json!({ "id": "pm_card_authenticationRequiredOnSetup", "user": "usr_alice" });
    let (status, waiting) = call("POST", &path, &token, Some(&waiting)).await;
    assert_eq!(status, 201, "{waiting}");
    let account = format!("{url}/v1/account/payment-methods");
    assert_eq!(call("GET", &account, &token, None).await.0, 200);
    assert_eq!(
        call(
            "GET",
            &account,
            &Issuer::new().token("shop", "account:read"),
            None
        )
        .await
        .0,
        401
    );
    assert_eq!(call("GET", &format!("{url}/health/ready"), "", None).await.0, 200);

    place.set("BILLFOLD_LISTEN", url.trim_start_matches("http://"));
    let in_use = place.run(&["serve"]).await.failed();
    assert!(in_use.contains("cannot listen on"), "{in_use}");
    assert!(in_use.contains("--listen"), "{in_use}");

    process.signal("TERM").expect("the server runs");
    let status = process.wait_for_exit(crate::command::WITHIN).await;
    assert!(status.success(), "{status}");
    let log = process.stderr_lines().join("\n");
    let client_secret = waiting["clientSecret"].as_str().expect("a client secret");
    assert!(log.contains("Stripe answered"), "the log is on: {log}");
    for never in [SECRET_KEY, token.as_str(), client_secret] {
        assert!(!log.contains(never), "the log has {never}");
    }
    assert_eq!(process.stdout_lines(), [""; 0]);
    end(stripe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    it_serves_and_ends_when_asked(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_on_sqlite() {
    let place = Place::new();
    it_serves_and_ends_when_asked(place.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_no_policy_holds_is_refused() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = production(&database, &Issuer::new()).await;
    for (url, words) in [
        (database.owner_url(), "owns tables of billfold"),
        (database.superuser_url().to_owned(), "is a superuser"),
    ] {
        place.set("BILLFOLD_DATABASE_URL", url);
        let refused = place.run(&["serve"]).await;
        assert!(!refused.success, "{refused:?}");
        for expected in [words, "row-level security", "billfold migrate --application-role"] {
            assert!(refused.stderr.contains(expected), "{refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrating_names_roles_that_cannot_be_the_applications() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = Place::new();
    place.set_database(&database);
    for (role, words) in [
        ("no_such_role", "create role \"no_such_role\""),
        (billfold_test_support::OWNER_ROLE, "owns tables of billfold"),
    ] {
        place.set("BILLFOLD_APPLICATION_ROLE", role);
        let refused = place.run(&["migrate"]).await;
        assert!(!refused.success && refused.stderr.contains(words), "{refused:?}");
    }
    place.set_database(&database);
    let twice = [place.run(&["migrate"]).await, place.run(&["migrate"]).await];
    for migrated in twice {
        assert!(migrated.succeeded().contains("may work on it"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_its_issuer_replaces_is_refused_within_a_minute() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let server = KeyServer::start(&["127.0.0.1"], KeyAnswer::Text(old.key_set())).await;
    let server = server.expect("a port is free");
    let database = Place::new();
    let mut place = production(&database.sqlite(), &old).await;
    place.write("authority.pem", server.authority());
    place.set("BILLFOLD_ISSUER_CA_FILE", "authority.pem");
    place.set("BILLFOLD_ISSUERS", format!("{ISSUER}={}", server.url()));
    let process = place.start(&["serve"]);
    let url = format!(
        "http://{}/projects/shop/paymentMethods",
        ready_address(&process).await
    );
    let (old_token, new_token) = (
        old.token("shop", "project:read"),
        new.token("shop", "project:read"),
    );
    assert_eq!(call("GET", &url, &old_token, None).await.0, 200);
    assert_eq!(call("GET", &url, &new_token, None).await.0, 401);
    server.set(KeyAnswer::Text(new.key_set()));
    // Real time, since what is promised is of a whole process. The server's answers ask to be kept for a year.
    wait_for(Duration::from_mins(1), "the old key to be refused", async || {
        (call("GET", &url, &old_token, None).await.0 == 401).then_some(())
    })
    .await;
    assert_eq!(call("GET", &url, &new_token, None).await.0, 200);
    end(process).await;
}
