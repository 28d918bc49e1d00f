//! Stripe's secrets at rest: keys change while requests are answered, and what was moved opens nowhere.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use billfold_domain::Clock as _;
use billfold_store::{Projects, Rotation};

use crate::support::{
    Backend, Server,
    master_keys::{CURRENT, NEXT, vault},
    on_every_database,
    server::project_id,
};

on_every_database!(
    keys_change_while_requests_are_answered,
    the_database_has_no_secret_in_plain_text,
);

/// The first rotation and the last are seen by requests that have just read their project anew.
async fn keys_change_while_requests_are_answered(backend: Backend) {
    let server = Arc::new(Server::start(backend).await);
    let id = server.saved_card("usr_alice").await;
    let answered = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let mut asking = Vec::new();
    for _ in 0..4 {
        let (server, answered, over, id) = (
            Arc::clone(&server),
            Arc::clone(&answered),
            Arc::clone(&over),
            id.clone(),
        );
        asking.push(tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                // A project is remembered for ten seconds.
                server.clock.advance(11);
                server.retrieve(&id).await.expect(200);
                // This one takes the secret key to Stripe.
                server.setup_intent_answer("usr_alice").await.expect(201);
                answered.fetch_add(2, Ordering::Relaxed);
            }
        }));
    }
    let turned = Projects::new(server.database().clone(), vault([NEXT, CURRENT]));
    let answers_more = async |than: usize| {
        billfold_test_support::wait_for(std::time::Duration::from_mins(1), "more answers", async || {
            (answered.load(Ordering::Relaxed) > than).then_some(())
        })
        .await;
    };
    for round in 0..6 {
        for name in ["demo", "acme"] {
            let projects = if round % 2 == 0 {
                &turned
            } else {
                &server.projects()
            };
            let now = server.clock.now();
            let rewrapped = projects.rewrap_data_keys(&project_id(name)).await;
            assert_eq!(rewrapped.expect("a data key is wrapped anew"), 1, "round {round}");
            let rotated = projects.rotate_data_key(&project_id(name), now, now).await;
            let rotated = rotated.expect("a data key is rotated");
            assert!(matches!(rotated, Rotation::Rotated(_)), "{rotated:?}");
        }
        answers_more(answered.load(Ordering::Relaxed) + 3).await;
    }
    over.store(true, Ordering::Relaxed);
    for one in asking {
        one.await.expect("every request is answered well");
    }
}

async fn the_database_has_no_secret_in_plain_text(backend: Backend) {
    let server = Server::start(backend).await;
    server.saved_card("usr_alice").await;
    let Some(stored) = server.stored().await else {
        return;
    };
    assert!(stored.contains("bfs1.1."), "the sealed secrets are there");
    for never in ["sk_test_of_demo", "sk_test_of_acme", "whsec_", "the master key"] {
        assert!(!stored.contains(never), "the database has {never}");
    }
}

/// Whoever can write to the database gives one tenant another's key: that tenant is not served, and no other notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_moved_to_another_project_serves_nobody() {
    let server = Server::start(Backend::Postgres).await;
    server
        .sql(
            "update stripe_credentials set secret_key =
                (select other.secret_key from stripe_credentials other where other.project_id = 'acme')
             where project_id = 'demo'",
        )
        .await;
    let refused = server.save("pm_card_visa", "usr_alice").await.expect(503);
    let body = refused.json().to_string();
    for never in ["secret", "key", "seal", "column", "bfs1", "sk_"] {
        assert!(!body.contains(never), "{body}");
    }
    server.list("").await.expect(503);
    server
        .save_in("acme", "pm_card_visa", "usr_alice")
        .await
        .expect(201);
}
