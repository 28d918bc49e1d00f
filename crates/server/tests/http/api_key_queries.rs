//! What API keys cost the database: nothing while they are known, and little while they are not. Counted on the wire.

use std::sync::{Arc, Mutex};

use billfold_test_support::Verdict;

use crate::support::{
    Backend, PROJECT_SCOPES, Server,
    api_keys::{issue, made_up, mistyped},
};

/// A request that is refused after its caller is known and before anything else is asked of the database.
const PROBE: &str = "/projects/demo/paymentMethods?limit=x";

/// How many keys that nobody has seen an instance looks up at once.
const BURST: usize = 100;

/// What the server sends to its database from now on.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<u8>>>);

impl Wire {
    fn tap(server: &Server) -> Self {
        let wire = Self::default();
        let sent = Arc::clone(&wire.0);
        server.database_proxy().inspect_to_server(move |chunk| {
            sent.lock().expect("nobody has panicked").extend_from_slice(chunk);
            Verdict::Pass
        });
        wire
    }

    /// How often a key was looked up, by its hash.
    fn lookups(&self, hash: &str) -> usize {
        let sent = self.0.lock().expect("nobody has panicked");
        String::from_utf8_lossy(&sent).matches(hash).count()
    }
}

async fn proxied() -> Server {
    Server::with(Backend::Postgres).behind_a_proxy().start().await
}

async fn probe(server: &Server, key: &str) -> u16 {
    server.request("GET", PROBE).token(key).send().await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_key_costs_no_query() {
    let server = proxied().await;
    let key = issue(server.database(), "demo", PROJECT_SCOPES, None).await;
    let late = issue(server.database(), "demo", PROJECT_SCOPES, None).await;
    let wire = Wire::tap(&server);
    for _ in 0..50 {
        assert_eq!(probe(&server, &key.text).await, 422);
    }
    assert_eq!(wire.lookups(&key.hash), 1);
    server.clock.advance(29);
    assert_eq!(probe(&server, &key.text).await, 422);
    assert_eq!(wire.lookups(&key.hash), 1);
    server.clock.advance(1);
    for _ in 0..50 {
        assert_eq!(probe(&server, &key.text).await, 422);
    }
    assert_eq!(wire.lookups(&key.hash), 2);

    // So it is good also while the database is away; what is not known can only be asked for again.
    server.database_proxy().refuse_new().await;
    server.database_proxy().cut();
    assert_eq!(probe(&server, &key.text).await, 422);
    assert_eq!(probe(&server, &late.text).await, 503);
    assert_eq!(probe(&server, &mistyped(&late.text)).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_keys_are_looked_up_as_often_as_the_budget_says() {
    let server = proxied().await;
    let known = issue(server.database(), "demo", PROJECT_SCOPES, None).await;
    let new = issue(server.database(), "demo", PROJECT_SCOPES, None).await;
    assert_eq!(probe(&server, &known.text).await, 422);
    // What is remembered of it has to be asked for again in the middle of the flood.
    server.clock.advance(30);
    let wire = Wire::tap(&server);
    let unknown: Vec<(String, String)> = (0..4 * BURST).map(|_| made_up()).collect();
    let mut statuses = Vec::new();
    for (key, _) in &unknown {
        statuses.push(probe(&server, key).await);
    }
    assert_eq!(statuses[..BURST], [401; BURST]);
    assert_eq!(statuses[BURST..], [503; 3 * BURST]);
    let lookups: usize = unknown.iter().map(|(_, hash)| wire.lookups(hash)).sum();
    assert_eq!(lookups, BURST);

    // What is known to be none is refused without another look, and what is no key at all without any.
    for (key, hash) in &unknown[..BURST] {
        assert_eq!(probe(&server, key).await, 401);
        assert_eq!(wire.lookups(hash), 1);
    }
    for (key, hash) in &unknown[BURST..] {
        assert_eq!(probe(&server, &mistyped(key)).await, 401);
        assert_eq!(wire.lookups(hash), 0);
    }

    // Whoever was here before is served through all of it. Who was not is asked to come again, not told to be nobody.
    assert_eq!(probe(&server, &known.text).await, 422);
    assert_eq!(wire.lookups(&known.hash), 1);
    let answer = server
        .request("GET", PROBE)
        .token(&new.text)
        .send()
        .await
        .expect(503);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    server.clock.advance(1);
    assert_eq!(probe(&server, &new.text).await, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_come_at_once_with_one_key_ask_once() {
    let server = Arc::new(proxied().await);
    let key = issue(server.database(), "demo", PROJECT_SCOPES, None).await;
    let wire = Wire::tap(&server);
    let callers: Vec<_> = (0..40)
        .map(|_| {
            let (server, key) = (Arc::clone(&server), key.text.clone());
            tokio::spawn(async move { probe(&server, &key).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.expect("it should not panic"), 422);
    }
    assert_eq!(wire.lookups(&key.hash), 1);
}
