//! The application's role: what it is given, and which roles are refused.

use billfold_store::{Database, DatabaseOptions, RoleFault, StoreError};
use billfold_test_support::{APPLICATION_ROLE, OWNER_ROLE};

use crate::harness::{Postgres, SqliteInMemory, TestDatabase, run_on_postgres};

async fn fault_of(url: &str) -> Option<RoleFault> {
    let database = Database::connect(&DatabaseOptions::new(url)).await.unwrap();
    database.role_fault().await.unwrap()
}

/// Makes a role that only this test has, with these attributes, and gives its name and the database's URL as that role.
async fn make_role(test: &TestDatabase, attributes: &str) -> (String, String) {
    let name = format!("{}_{}", test.server().name(), attributes.len());
    let statement = format!("create role {name} login password 'of a test' {attributes}");
    run_on_postgres(test.server().superuser_url(), &statement).await;
    let url = test.server().url_as(&name, "of a test");
    (name, url)
}

async fn drop_role(test: &TestDatabase, name: &str) {
    let statement = format!("drop owned by {name}; drop role {name}");
    run_on_postgres(test.server().superuser_url(), &statement).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_applications_role_is_held_and_others_are_not() {
    let test = Postgres.migrated().await;
    assert_eq!(fault_of(&test.server().url()).await, None);
    assert_eq!(
        fault_of(&test.server().owner_url()).await,
        Some(RoleFault::Owner(OWNER_ROLE.to_owned()))
    );
    let superuser = fault_of(test.server().superuser_url()).await;
    assert!(
        matches!(superuser, Some(RoleFault::Superuser(_))),
        "{superuser:?}"
    );

    let (exempt, url) = make_role(&test, "bypassrls").await;
    assert_eq!(
        fault_of(&url).await,
        Some(RoleFault::BypassesRowSecurity(exempt.clone()))
    );
    let (member, url) = make_role(&test, &format!("in role {OWNER_ROLE}")).await;
    assert_eq!(
        fault_of(&url).await,
        Some(RoleFault::Member {
            role: member.clone(),
            fault: Box::new(RoleFault::Owner(OWNER_ROLE.to_owned())),
        })
    );
    let owner = test.of_owner().await;
    for (role, words) in [
        ("no_such_role", "create role"),
        (exempt.as_str(), "has BYPASSRLS"),
        (member.as_str(), "is a member of another"),
        (OWNER_ROLE, "owns tables"),
    ] {
        match owner.grant_to(role).await {
            Err(StoreError::Configuration(message)) => {
                assert!(message.contains(words) && message.contains(role), "{message}");
            }
            other => panic!("{role}: {other:?}"),
        }
    }
    drop_role(&test, &exempt).await;
    drop_role(&test, &member).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn granting_twice_is_granting_once_and_takes_away_what_is_too_much() {
    let test = Postgres.migrated().await;
    let superuser = test.server().superuser_url();
    let granted = format!(
        "select table_name || ' ' || string_agg(privilege_type, ' ' order by privilege_type)
         from information_schema.role_table_grants where grantee = '{APPLICATION_ROLE}' and table_schema = 'public'
         group by table_name order by table_name"
    );
    let before = run_on_postgres(superuser, &granted).await;
    assert!(
        before.contains(&"payment_methods DELETE INSERT SELECT UPDATE".to_owned()),
        "{before:?}"
    );
    assert!(
        before.contains(&"__diesel_schema_migrations SELECT".to_owned()),
        "{before:?}"
    );
    let too_much = format!("grant all on payment_methods, __diesel_schema_migrations to {APPLICATION_ROLE}");
    run_on_postgres(superuser, &too_much).await;
    let owner = test.of_owner().await;
    owner.grant_to(APPLICATION_ROLE).await.unwrap();
    owner.grant_to(APPLICATION_ROLE).await.unwrap();
    assert_eq!(run_on_postgres(superuser, &granted).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_was_given_nothing_is_told_what_to_do() {
    let test = Postgres.migrated().await;
    let (name, url) = make_role(&test, "").await;
    let database = Database::connect(&DatabaseOptions::new(url)).await.unwrap();
    match database.pending_migrations().await {
        Err(StoreError::Configuration(message)) => {
            assert!(message.contains("--application-role"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    drop(database);
    drop_role(&test, &name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_its_policy_is_told_of() {
    let test = Postgres.migrated().await;
    assert_eq!(
        test.database.unguarded_tables().await.unwrap(),
        Vec::<String>::new()
    );
    test.execute("alter table customers no force row level security")
        .await;
    assert_eq!(test.database.unguarded_tables().await.unwrap(), ["customers"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_has_no_roles() {
    let test = SqliteInMemory.migrated().await;
    assert_eq!(test.database.role_fault().await.unwrap(), None);
    assert_eq!(
        test.database.unguarded_tables().await.unwrap(),
        Vec::<String>::new()
    );
    let refused = test.database.grant_to("billfold").await;
    assert!(
        matches!(refused, Err(StoreError::Configuration(_))),
        "{refused:?}"
    );
}
