//! What is forgotten when it has been kept long enough.

use billfold_store::Upkeep;
use rstest::rstest;

use crate::harness::{Backend, Postgres, SqliteInFile, at};

/// A point of the tests' time as SQL for a database.
fn sql_time(backend: Backend, seconds: i64) -> String {
    let seconds = at(seconds).microseconds() / 1_000_000;
    match backend {
        Postgres => format!("to_timestamp({seconds})"),
        _ => format!("{seconds} * 1000000"),
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_go_first_and_the_young_stay(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let other = test.tenant("acme").await;
    for (project, age) in [
        ("demo", 1),
        ("demo", 2),
        ("demo", 3),
        ("demo", 10),
        ("demo", 11),
        ("acme", 1),
    ] {
        let time = sql_time(backend, age);
        test.execute(&format!(
            "insert into idempotency_keys
                 (project_id, route, key, fingerprint, operation_id, fence, lease_expires_at, created_at)
             values ('{project}', 'route', 'key-{age}', 'f', 'o', 1, {time}, {time});
             insert into webhook_events (project_id, id, type, object_type, created_at, received_at)
             values ('{project}', 'evt_{age}', 't', 'o', {time}, {time})"
        ))
        .await;
    }
    let upkeep = Upkeep::new(test.database.clone());
    let keys = async |limit| {
        upkeep
            .forget_idempotency_keys(&tenant.scope, at(10), limit)
            .await
            .unwrap()
    };
    let events = async |limit| {
        upkeep
            .forget_webhook_events(&tenant.scope, at(10), limit)
            .await
            .unwrap()
    };
    assert_eq!((keys(2).await, events(2).await), (2, 2));
    let left = |table: &str, column: &str| {
        let query = format!("select {column} as value from {table} where project_id = 'demo'");
        let test = &test;
        async move {
            let mut found = test.texts(&query).await;
            found.sort();
            found
        }
    };
    assert_eq!(
        left("idempotency_keys", "key").await,
        ["key-10", "key-11", "key-3"]
    );
    assert_eq!(left("webhook_events", "id").await, ["evt_10", "evt_11", "evt_3"]);
    assert_eq!((keys(2).await, events(2).await), (1, 1));
    assert_eq!((keys(2).await, events(2).await), (0, 0));
    assert_eq!(left("idempotency_keys", "key").await, ["key-10", "key-11"]);
    assert_eq!(left("webhook_events", "id").await, ["evt_10", "evt_11"]);
    assert_eq!(
        upkeep
            .forget_idempotency_keys(&other.scope, at(10), 2)
            .await
            .unwrap(),
        1,
        "another project's are its own"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_wait_for_a_person_are_listed(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    test.tenant("acme").await;
    let time = sql_time(backend, 0);
    for (project, id, parked) in [
        ("demo", "pm_1", time.as_str()),
        ("demo", "pm_2", "null"),
        ("acme", "pm_3", time.as_str()),
    ] {
        test.execute(&format!(
            "insert into webhook_work
                 (project_id, object_type, object_id, version, next_attempt_at, lease_expires_at, parked_at)
             values ('{project}', 'payment_method', '{id}', 1, {time}, {time}, {parked})"
        ))
        .await;
    }
    let parked = Upkeep::new(test.database.clone())
        .parked_objects(&tenant.scope)
        .await
        .unwrap();
    assert_eq!(parked, [("payment_method".to_owned(), "pm_1".to_owned())]);
}
