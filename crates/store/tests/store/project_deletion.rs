//! How a project goes: nothing of it stays but its name.

use std::{collections::BTreeSet, time::Duration};

use billfold_domain::Origin;
use billfold_store::{
    AccountUse, ChoreKind, Chores, CorsOrigins, MadeProject, NewWebhookEvent, ROWS_OF_DELETED_PROJECTS,
    Remaining, StripeReads, WebhookEvents, WebhookObject,
};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, Tenant, TestDatabase, at, card, creation, method_id, new_project,
    setup_intent_creation,
};

/// What goes with the rows, all at once.
const GO_AT_ONCE: [&str; 1] = ["cors_origins"];
/// What every call to Stripe needs, to the last.
const GO_LAST: [&str; 2] = ["stripe_credentials", "project_data_keys"];
/// What was done stays known.
const STAYS: &str = "audit_events";

/// Every table with rows of a project, by what the database says of itself.
async fn tables_of_projects(backend: Backend, test: &TestDatabase) -> BTreeSet<String> {
    let query = match backend {
        Postgres => {
            "select table_name::text from information_schema.columns
             where table_schema = 'public' and column_name = 'project_id'
             and table_name not in (select relname from pg_class where relispartition)"
        }
        _ => {
            "select t.name as value from sqlite_schema t join pragma_table_info(t.name) c
             where t.type = 'table' and c.name = 'project_id'"
        }
    };
    test.texts(query).await.into_iter().collect()
}

async fn rows_of(test: &TestDatabase, table: &str, project: &str) -> u64 {
    let query = format!("select count(*) as value from {table} where project_id = '{project}'");
    test.texts(&query).await[0].parse().unwrap()
}

/// A row in every table.
async fn fill(test: &TestDatabase, demo: &Tenant) {
    demo.save_customer("anna", "cus_1").await;
    demo.save(&card("pm_1", "anna", at(0))).await;
    let intent = demo.hold(&setup_intent_creation("anna")).await;
    let id = crate::harness::setup_intent_id("seti_1");
    demo.operations
        .finish_setup_intent(&demo.scope, &intent, &id, at(0))
        .await
        .unwrap();
    let event = NewWebhookEvent {
        id: "evt_1".to_owned(),
        event_type: "payment_method.updated".to_owned(),
        object_type: "payment_method".to_owned(),
        object_id: Some("pm_1".to_owned()),
        created_at: at(0),
        work: Some(WebhookObject::PaymentMethod(method_id("pm_1"))),
    };
    WebhookEvents::new(test.database.clone())
        .record(&demo.scope, &[event], at(0))
        .await
        .unwrap();
    StripeReads::new(test.database.clone())
        .next(&demo.scope)
        .await
        .unwrap();
    Chores::new(test.database.clone())
        .ensure(&demo.scope, ChoreKind::Sweep, Duration::ZERO)
        .await
        .unwrap();
    let time = "(select created_at from projects where id = 'demo')";
    let hash = "a".repeat(64);
    test.execute(&format!(
        "insert into idempotency_keys
         (project_id, route, key, fingerprint, operation_id, fence, lease_expires_at, created_at)
         values ('demo', 'r', 'k', 'f', 'o', 1, {time}, {time});
         insert into api_keys (project_id, id, hash, scopes, created_at)
         values ('demo', 'key_1', '{hash}', 'project:read', {time});
         insert into rate_limits (project_id, subject, kind, full_at)
         values ('demo', 'anna', 'setupIntents', {time});
         insert into audit_events (project_id, id, created_at, caller_kind, action, outcome)
         values ('demo', 'aud_1', {time}, 'system', 'project.update', 'succeeded')"
    ))
    .await;
    let origin = Origin::parse("https://app.example.com").unwrap();
    CorsOrigins::new(test.database.clone())
        .replace(&demo.scope, &[origin])
        .await
        .unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_a_tenant_is_emptied_and_the_credentials_last(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    fill(&test, &demo).await;
    acme.save(&card("pm_1", "anna", at(0))).await;
    let left_open = demo.hold(&creation("pm_2", "anna")).await;
    let projects = test.projects();
    let id = demo.scope.project();

    // A table that comes to the schema must be put into the list, or into what goes otherwise or stays.
    let mut known: BTreeSet<String> = ROWS_OF_DELETED_PROJECTS.map(str::to_owned).into();
    known.extend(
        GO_AT_ONCE
            .into_iter()
            .chain(GO_LAST)
            .chain([STAYS])
            .map(str::to_owned),
    );
    assert_eq!(tables_of_projects(backend, &test).await, known);
    for table in &known {
        assert!(
            rows_of(&test, table, "demo").await > 0,
            "{table} has no row to lose"
        );
    }

    assert!(
        !projects.claim_deletion(id, Duration::ZERO).await.unwrap(),
        "nobody has begun one"
    );
    assert!(projects.begin_deletion(id).await.unwrap());
    assert!(projects.begin_deletion(id).await.unwrap(), "again is the same");
    let remaining = projects.remaining(&demo.scope).await.unwrap();
    assert_eq!(
        remaining,
        Remaining {
            operations: 1,
            payment_methods: 1
        }
    );
    demo.operations.end(&demo.scope, &left_open).await.unwrap();
    demo.delete(&method_id("pm_1")).await;
    assert!(projects.remaining(&demo.scope).await.unwrap().is_nothing());

    let long_ago = Duration::from_hours(1);
    assert!(
        !projects.finish_deletion(&demo.scope, long_ago).await.unwrap(),
        "it was open just now"
    );
    while projects.remove_rows(&demo.scope, 1).await.unwrap() > 0 {
        assert_eq!(rows_of(&test, "stripe_credentials", "demo").await, 1);
    }
    for table in ROWS_OF_DELETED_PROJECTS.into_iter().chain(GO_AT_ONCE) {
        assert_eq!(rows_of(&test, table, "demo").await, 0, "{table}");
    }
    assert!(
        projects
            .finish_deletion(&demo.scope, Duration::ZERO)
            .await
            .unwrap()
    );
    for table in GO_LAST {
        assert_eq!(rows_of(&test, table, "demo").await, 0, "{table}");
    }
    assert_eq!(rows_of(&test, STAYS, "demo").await, 1);
    assert!(projects.is_deleted(id).await.unwrap());
    assert!(projects.find(id).await.unwrap().is_none());
    assert!(!projects.begin_deletion(id).await.unwrap());
    assert!(acme.find("pm_1").await.is_some(), "another's is another's");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_not_given_again_and_an_account_is(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let projects = test.projects();
    let account = AccountUse {
        account: Some(billfold_domain::StripeAccountId::parse("acct_1").unwrap()),
        shared: false,
    };
    let demo = new_project("demo");
    projects.make(&demo, &account, at(0)).await.unwrap();
    let scope = Tenant::of(&test.database, "demo").scope;
    projects.begin_deletion(&demo.id).await.unwrap();
    assert!(projects.finish_deletion(&scope, Duration::ZERO).await.unwrap());
    assert_eq!(
        projects.make(&demo, &account, at(0)).await.unwrap(),
        MadeProject::NameRetired
    );
    let next = new_project("next");
    assert_eq!(
        projects.make(&next, &account, at(0)).await.unwrap(),
        MadeProject::Made
    );
    let begun = Tenant::of(&test.database, "demo");
    let begun = begun
        .operations
        .begin(&scope, &creation("pm_1", "anna"), at(0))
        .await;
    assert!(
        matches!(begun, Err(billfold_store::StoreError::ProjectGone)),
        "{begun:?}"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_one_holders_at_a_time(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let projects = test.projects();
    let id = demo.scope.project().clone();
    assert!(projects.deletions_due().await.unwrap().is_empty());
    projects.begin_deletion(&id).await.unwrap();
    assert_eq!(projects.deletions_due().await.unwrap(), std::slice::from_ref(&id));
    let minute = Duration::from_mins(1);
    assert!(projects.claim_deletion(&id, minute).await.unwrap());
    assert!(!projects.claim_deletion(&id, minute).await.unwrap());
    assert!(projects.deletions_due().await.unwrap().is_empty());
    projects.put_off_deletion(&id, Duration::ZERO).await.unwrap();
    assert!(projects.claim_deletion(&id, minute).await.unwrap());
}
