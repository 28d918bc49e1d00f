//! Several servers in one URL, of which one takes writes, and not always the same.

use std::time::{Duration, Instant};

use billfold_store::{Database, DatabaseOptions, Projects, StoreError};
use billfold_test_support::{APPLICATION_ROLE, OWNER_ROLE, PostgresServer, PostgresServerOptions, wait_for};

use crate::harness::{
    KEY_A, Tenant, at, card, creation, fresh_postgres, method_id, new_project, patient, vault,
};

const NAME: &str = "billfold";

/// How long anything in these tests may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(30);

/// A primary, and a standby that each of its commits waits for.
struct Pair {
    one: PostgresServer,
    two: PostgresServer,
}

impl Pair {
    async fn start() -> Self {
        let options = PostgresServerOptions::default()
            .replicated()
            .with("synchronous_commit", "on");
        let one = PostgresServer::start_private(options.clone()).await.unwrap();
        one.create_database(NAME).await.unwrap();
        let owner = Database::connect(&patient(&one.url_as(OWNER_ROLE, NAME)))
            .await
            .unwrap();
        owner.migrate().await.unwrap();
        owner.grant_to(APPLICATION_ROLE).await.unwrap();
        Projects::new(owner, vault(&[KEY_A]))
            .create(&new_project("demo"), at(0))
            .await
            .unwrap();
        let two = one.start_standby("two", options).await.unwrap();
        one.wait_for_standby(Some("two")).await.unwrap();
        Self { one, two }
    }

    /// Both servers in one URL, the standby first.
    fn url(&self) -> String {
        let both = format!("127.0.0.1:{},127.0.0.1:{}", self.two.port(), self.one.port());
        self.one
            .url_as(APPLICATION_ROLE, NAME)
            .replacen(&format!("127.0.0.1:{}", self.one.port()), &both, 1)
    }

    async fn database(&self) -> Database {
        Database::connect(&patient(&self.url())).await.unwrap()
    }
}

async fn begin(tenant: &Tenant, id: &str) -> Result<(), StoreError> {
    let begun = tenant
        .operations
        .begin(&tenant.scope, &creation(id, "anna"), at(0))
        .await;
    begun.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_on_the_next_primary() {
    let mut pair = Pair::start().await;
    let tenant = Tenant::of(&pair.database().await, "demo");
    tenant.save(&card("pm_1", "anna", at(0))).await;

    pair.one.kill().await.unwrap();
    let lost = begin(&tenant, "pm_2").await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    pair.two.replayed().await.unwrap();
    pair.two.promote().await.unwrap();

    wait_for(PATIENCE, "the next primary", async || {
        begin(&tenant, "pm_3").await.ok()
    })
    .await;
    let found = tenant
        .payment_methods
        .find(&tenant.scope, &method_id("pm_1"))
        .await
        .unwrap();
    assert!(found.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_any_more_is_left_for_one_that_does() {
    let pair = Pair::start().await;
    let tenant = Tenant::of(&pair.database().await, "demo");
    tenant.save(&card("pm_1", "anna", at(0))).await;
    // What it takes until it hears that it shall not, is not to wait for anyone.
    pair.one.wait_for_standby(None).await.unwrap();
    pair.two.promote().await.unwrap();
    let (client, driver) = tokio_postgres::connect(&pair.one.url("postgres"), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(driver);
    // Sessions that are open follow, too. Nothing here breaks a connection.
    client
        .batch_execute("alter system set default_transaction_read_only = on")
        .await
        .unwrap();
    client.batch_execute("select pg_reload_conf()").await.unwrap();

    let refused = wait_for(PATIENCE, "the refusal of a write", async || {
        begin(&tenant, "pm_2").await.err()
    })
    .await;
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused:?}");
    begin(&tenant, "pm_3").await.unwrap();
    let (client, driver) = tokio_postgres::connect(&pair.two.url(NAME), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(driver);
    let there = client
        .query(
            "select 1 from operations where subject = 'paymentMethod:pm_3'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(there.len(), 1);
    // The connections for reads, too: the row is seen where it was changed, whichever of them is asked.
    client
        .execute("update payment_methods set last4 = '0002' where id = 'pm_1'", &[])
        .await
        .unwrap();
    for _ in 0..4 {
        let found = tenant
            .payment_methods
            .find(&tenant.scope, &method_id("pm_1"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.card.last4, "0002");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_keeps_nobody_from_the_next() {
    // Connections are accepted by the system, and no one ever speaks.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    let server = fresh_postgres().await;
    let address = server.address();
    let url = server.url().replacen(&address, &format!("{silent},{address}"), 1);
    assert!(url.contains(','), "both are in it");
    let options = DatabaseOptions {
        timeout: Duration::from_secs(4),
        ..DatabaseOptions::new(url)
    };
    let asked = Instant::now();
    let database = Database::connect(&options).await.unwrap();
    assert!(
        asked.elapsed() >= Duration::from_secs(2),
        "the silent one has its half of the time"
    );
    // The one that answered is asked first from then on.
    let asked = Instant::now();
    for _ in 0..8 {
        database.ping().await.unwrap();
        database.role_fault().await.unwrap();
    }
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}
