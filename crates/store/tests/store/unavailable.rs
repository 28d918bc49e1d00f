//! A network and callers that go away in the middle.

use std::time::{Duration, Instant};

use billfold_domain::{PageLimit, PageRequest, PaymentMethodTypes, Position};
use billfold_store::{Alongside, Claim, Database, DatabaseOptions, StoreError};
use billfold_test_support::{PostgresDatabase, TcpProxy, wait_for};
use futures_util::FutureExt as _;
use rstest::rstest;

use crate::harness::{
    Backend, KEY_A, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, card, creation, fresh_postgres,
    new_project, vault,
};

const TIMEOUT: Duration = Duration::from_secs(2);
/// How long anything in these tests may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server behind a network that can be told to fail.
struct Behind {
    tenant: Tenant,
    database: Database,
    proxy: TcpProxy,
    server: PostgresDatabase,
}

async fn behind_a_proxy() -> Behind {
    let server = fresh_postgres().await;
    let proxy = TcpProxy::start(server.address()).await.unwrap();
    let url = server.url_at(proxy.address());
    let options = DatabaseOptions {
        timeout: TIMEOUT,
        ..DatabaseOptions::new(url)
    };
    let database = Database::connect(&options).await.unwrap();
    billfold_store::Projects::new(database.clone(), vault(&[KEY_A]))
        .create(&new_project("demo"), at(0))
        .await
        .unwrap();
    let tenant = Tenant::of(&database, "demo");
    tenant.save(&card("pm_1", "anna", at(0))).await;
    Behind {
        tenant,
        database,
        proxy,
        server,
    }
}

async fn read(tenant: &Tenant) -> Result<bool, StoreError> {
    let found = tenant
        .payment_methods
        .find(&tenant.scope, &"pm_1".parse().unwrap())
        .await?;
    Ok(found.is_some())
}

/// The first answer that is no complaint.
async fn works_again(tenant: &Tenant) {
    let found = wait_for(PATIENCE, "an answer to a read", async || read(tenant).await.ok()).await;
    assert!(found);
    let claim = wait_for(PATIENCE, "an answer to a write", async || {
        tenant
            .operations
            .begin(&tenant.scope, &creation("pm_after", "anna"), at(0))
            .await
            .ok()
    })
    .await;
    assert!(matches!(claim, Claim::Held(_) | Claim::Busy));
}

fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_costs_a_read_nothing() {
    let behind = behind_a_proxy().await;
    let before = behind.proxy.accepted_connections();
    for _ in 0..3 {
        behind.proxy.cut();
        for _ in 0..4 {
            // Whichever of the shared connections its turn gives it: a new one takes the broken one's place.
            assert!(read(&behind.tenant).await.unwrap());
        }
    }
    assert!(behind.proxy.accepted_connections() > before);
    works_again(&behind.tenant).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_whose_connection_is_cut_under_way_all_get_their_answer() {
    let behind = behind_a_proxy().await;
    for _ in 0..4 {
        // Each shared connection has its turn and is made: to cut one in the making is another matter.
        assert!(read(&behind.tenant).await.unwrap());
    }
    behind.proxy.delay(Duration::from_millis(50));
    let reading: Vec<_> = (0..40)
        .map(|_| {
            let tenant = behind.tenant.clone();
            tokio::spawn(async move { read(&tenant).await })
        })
        .collect();
    behind.proxy.cut();
    for one in reading {
        assert!(one.await.unwrap().unwrap());
    }
    behind.proxy.pass();
    // Each of the two shared connections was replaced once or twice, not once for every caller.
    let connections = behind.proxy.accepted_connections();
    assert!(connections < 20, "{connections} connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_unavailable_until_it_is_back() {
    let behind = behind_a_proxy().await;
    behind.proxy.refuse_new().await;
    behind.proxy.cut();
    let asked = Instant::now();
    for _ in 0..3 {
        let answer = read(&behind.tenant).await;
        assert!(is_unavailable(&answer), "{answer:?}");
        let ping = behind.database.ping().await;
        assert!(is_unavailable(&ping), "{ping:?}");
        let claim = behind
            .tenant
            .operations
            .begin(&behind.tenant.scope, &creation("pm_2", "anna"), at(0))
            .await;
        assert!(is_unavailable(&claim), "{claim:?}");
        let pending = behind.database.pending_migrations().await;
        assert!(is_unavailable(&pending), "{pending:?}");
    }
    assert!(
        asked.elapsed() < 12 * TIMEOUT + PATIENCE,
        "refusals take {:?}",
        asked.elapsed()
    );
    behind.proxy.accept_new().await.unwrap();
    works_again(&behind.tenant).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_swallows_everything_is_unavailable_in_time() {
    let behind = behind_a_proxy().await;
    behind.proxy.freeze();
    let asked = Instant::now();
    let reading: Vec<_> = (0..10)
        .map(|_| {
            let tenant = behind.tenant.clone();
            tokio::spawn(async move { read(&tenant).await })
        })
        .collect();
    for one in reading {
        let answer = one.await.unwrap();
        assert!(is_unavailable(&answer), "{answer:?}");
    }
    // All of them wait at once: for the answer, and where the connection was given up meanwhile, for another.
    let waited = asked.elapsed();
    assert!(
        (TIMEOUT..2 * TIMEOUT + Duration::from_secs(5)).contains(&waited),
        "{waited:?}"
    );
    behind.proxy.pass();
    behind.proxy.cut();
    works_again(&behind.tenant).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_of_unknown_outcome() {
    let behind = behind_a_proxy().await;
    let tenant = &behind.tenant;
    let operation = tenant.hold(&creation("pm_2", "anna")).await;
    behind
        .proxy
        .on_bytes_to_server(*b"COMMIT", billfold_test_support::Verdict::CutAfterAnswer);
    let method = card("pm_2", "anna", at(0));
    let finished = tenant
        .operations
        .finish_payment_method(&tenant.scope, &operation, &method, Alongside::nothing())
        .await;
    assert!(is_unavailable(&finished), "{finished:?}");
    behind.proxy.pass();
    let found = wait_for(PATIENCE, "the answer that was lost", async || {
        tenant.find_or_none("pm_2").await
    })
    .await;
    assert_eq!(found, method, "it was written all the same");
    // Whoever tries again learns that it has ended.
    let again = tenant
        .operations
        .finish_payment_method(&tenant.scope, &operation, &method, Alongside::nothing())
        .await;
    assert!(matches!(again, Err(StoreError::Fenced)), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_cut_short_leaves_no_trace() {
    let behind = behind_a_proxy().await;
    let tenant = &behind.tenant;
    let operation = tenant.hold(&creation("pm_2", "anna")).await;
    behind
        .proxy
        .on_bytes_to_server(*b"COMMIT", billfold_test_support::Verdict::Cut);
    let method = card("pm_2", "anna", at(0));
    let finished = tenant
        .operations
        .finish_payment_method(&tenant.scope, &operation, &method, Alongside::nothing())
        .await;
    assert!(is_unavailable(&finished), "{finished:?}");
    behind.proxy.pass();
    works_again(tenant).await;
    assert_eq!(tenant.find("pm_2").await, None);
    // The operation is as open as it was, and its holder's.
    wait_for(
        PATIENCE,
        "the server to roll back what was cut short",
        async || {
            tenant
                .operations
                .finish_payment_method(&tenant.scope, &operation, &method, Alongside::nothing())
                .await
                .ok()
        },
    )
    .await;
    assert_eq!(tenant.find("pm_2").await, Some(method));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_its_sessions_is_unavailable_and_then_works() {
    let behind = behind_a_proxy().await;
    let tenant = &behind.tenant;
    crate::harness::run_on_postgres(
        behind.server.superuser_url(),
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .await;
    for _ in 0..4 {
        assert!(read(tenant).await.unwrap(), "a read is tried again");
    }
    works_again(tenant).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_hang_up_halfway_disturb_nobody(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    for index in 0..50 {
        tenant
            .save(&card(&format!("pm_{index}"), "anna", at(index)))
            .await;
    }
    let request = PageRequest {
        user: None,
        types: PaymentMethodTypes::ALL,
        position: Position::Start,
        limit: PageLimit::MAXIMUM,
    };
    for round in 0..60 {
        // Polled a little further each time, and then dropped.
        let mut page = Box::pin(tenant.payment_methods.page(&tenant.scope, &request));
        for _ in 0..=round % 6 {
            if page.as_mut().now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(page);
        let whole = tenant
            .payment_methods
            .page(&tenant.scope, &request)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(whole.items.len(), 50);
        assert!(
            tenant
                .find("pm_7")
                .await
                .is_some_and(|method| method.id.as_str() == "pm_7")
        );
    }
    tenant.save(&card("pm_after", "anna", at(0))).await;
}
