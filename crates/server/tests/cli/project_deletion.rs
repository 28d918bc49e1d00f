//! A project's deletion whose processes are killed on the way: the next one goes on, to the end.

use billfold_domain::ProjectId;
use billfold_store::{Database, DatabaseOptions, Projects};
use billfold_test_support::{PostgresDatabase, Process, wait_for};
use billfold_vault::{MasterKeys, Vault};
use serde_json::json;

use crate::{
    command::{Access, MASTER_KEY, Place, WITHIN, call, end, ready_address, sandbox_url},
    serve::{Issuer, production},
};

/// More than one process detaches at once.
const CARDS: usize = 6;

/// How many detachments are answered before the process is killed.
const ANSWERED: usize = 2;

const DELETE: [&str; 5] = ["project", "delete", "shop", "--confirm", "shop"];

/// Saves cards, and gives their ids in order.
async fn saved_cards(place: &Place, issuer: &Issuer) -> Vec<String> {
    let server = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&server).await);
    let token = issuer.token("shop", "project:read project:write");
    let mut ids = Vec::new();
    for _ in 0..CARDS {
        let body = json!({ "id": "pm_card_visa", "user": "usr_alice" });
        let path = format!("{url}/projects/shop/paymentMethods");
        let (status, saved) = call("POST", &path, &token, Some(&body)).await;
        assert_eq!(status, 201, "{saved}");
        ids.push(saved["id"].as_str().expect("a method has an id").to_owned());
    }
    end(server).await;
    ids.sort();
    ids
}

/// The payment methods that Stripe has detached, in order, one that it detached twice twice.
async fn detached(stripe: &str) -> Vec<String> {
    let (_, ledger) = call("GET", &format!("{stripe}/_sandbox/ledger"), "", None).await;
    let entries = ledger["entries"].as_array().expect("the ledger has entries");
    let mut detached: Vec<String> = entries
        .iter()
        .filter(|entry| entry["effect"] == "payment_method.detached")
        .map(|entry| entry["object_id"].as_str().expect("it has an object").to_owned())
        .collect();
    detached.sort();
    detached
}

/// How often each of the faults that were ordered may still strike.
async fn remaining(faults: &str) -> Vec<u64> {
    let (_, told) = call("GET", faults, "", None).await;
    let told = told["faults"].as_array().expect("there are faults");
    told.iter()
        .map(|fault| fault["remaining"].as_u64().expect("a number"))
        .collect()
}

/// How long Stripe hangs: over before the next process may take the project over, or it would still be at it.
const HANG_MILLISECONDS: u64 = 10_000;

/// After some answers one more detachment is done and not answered, and the others do not get through. Once all of that has
/// come, the process is killed.
async fn killed_between_two_detachments(place: &Place, stripe: &str) {
    const HELD: u64 = 100;
    let faults = format!("{stripe}/_sandbox/faults");
    for (kind, count) in [("hang_after", 1), ("hang_before", HELD)] {
        let fault = json!({
            "kind": kind, "method": "POST", "path": "/v1/payment_methods/*/detach", "skip": ANSWERED, "count": count,
            "milliseconds": HANG_MILLISECONDS,
        });
        assert_eq!(call("POST", &faults, "", Some(&fault)).await.0, 200);
    }
    let deleting = place.start(&DELETE);
    wait_for(WITHIN, "the last detachment that is done", async || {
        let struck = matches!(remaining(&faults).await[..], [0, held] if held < HELD);
        (struck && detached(stripe).await.len() == ANSWERED + 1).then_some(())
    })
    .await;
    drop(deleting);
    assert_eq!(call("DELETE", &faults, "", None).await.0, 200);
}

/// The process is killed while it waits for instances to know that the project is shut: all that is left is to remove the
/// rows and to wipe the credentials.
async fn killed_before_the_wipe(place: &Place) {
    let deleting = place.start(&DELETE);
    deleting
        .wait_for_line(WITHIN, |line| line.contains("nothing is left at Stripe"))
        .await;
    drop(deleting);
}

/// How many data keys the project has. The database keeps each that opens credentials of its.
async fn data_keys(url: &str) -> usize {
    let database = Database::connect(&DatabaseOptions::new(url)).await;
    let master_keys = MasterKeys::parse(MASTER_KEY).expect("a master key");
    let projects = Projects::new(database.expect("the database is there"), Vault::new(master_keys));
    let project = ProjectId::parse("shop").expect("a name");
    let keys = projects.data_keys(&project).await;
    keys.expect("the keys can be read").len()
}

async fn who_comes_next_ends_it(database: impl Into<Access>, url: &str) {
    let issuer = Issuer::new();
    let mut place = production(database, &issuer).await;
    let sandbox: Process = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    let stripe = sandbox_url(&sandbox).await;
    place.set("BILLFOLD_STRIPE_API_BASE", stripe.as_str());
    let ids = saved_cards(&place, &issuer).await;

    killed_between_two_detachments(&place, &stripe).await;
    assert_eq!(detached(&stripe).await.len(), ANSWERED + 1);
    let shown = place.run(&["project", "show", "shop"]).await.succeeded();
    assert!(shown.contains("deleting"), "{shown}");

    killed_before_the_wipe(&place).await;
    assert_eq!(detached(&stripe).await, ids, "each of them once");
    assert_eq!(data_keys(url).await, 1, "the credentials are still needed");

    let last = [&DELETE[..], &["--settle-seconds", "0"]].concat();
    let deleted = place.run(&last).await.succeeded();
    assert!(deleted.contains("Deleted the project shop"), "{deleted}");
    assert_eq!(detached(&stripe).await, ids, "each of them once");
    assert_eq!(data_keys(url).await, 0, "the credentials are wiped");
    let gone = place.run(&["project", "show", "shop"]).await.failed();
    assert!(gone.contains("there is no project shop"), "{gone}");
    end(sandbox).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_next_ends_it_on_sqlite() {
    let database = Place::new();
    let url = database.sqlite();
    who_comes_next_ends_it(&url, &url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_next_ends_it_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    who_comes_next_ends_it(&database, &database.url()).await;
}
