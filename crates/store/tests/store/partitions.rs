//! The tables that grow, in parts by project. PostgreSQL only.

use billfold_test_support::OWNER_ROLE;
use tokio_postgres::NoTls;

use crate::harness::{Postgres, Tenant, TestDatabase, at, card, run_on_postgres};

const VERSION: &str = "00000000000011";
const DOWN: &str = include_str!("../../../../migrations/postgres/00000000000011_partitions/down.sql");

const DOCUMENT: &str = include_str!("../../../../docs/scaling.md");

/// The tables that are in parts.
pub(crate) const GROWING: [&str; 4] = ["audit_events", "customers", "payment_methods", "webhook_events"];

/// Two projects whose rows are in different parts, each with a payment method.
async fn two_projects(test: &TestDatabase) -> [(Tenant, String); 2] {
    let mut found: Vec<(Tenant, String)> = Vec::new();
    for number in 0..20 {
        let name = format!("tenant-{number}");
        let tenant = test.tenant(&name).await;
        tenant.save(&card("pm_1", "anna", at(0))).await;
        let part = test
            .texts(&format!(
                "select tableoid::regclass::text from payment_methods where project_id = '{name}'"
            ))
            .await
            .remove(0);
        if found.iter().all(|(_, other)| *other != part) {
            found.push((tenant, part));
        }
        if found.len() == 2 {
            break;
        }
    }
    found
        .try_into()
        .ok()
        .expect("twenty projects are in two parts at least")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_taken_off_and_put_back_while_the_others_work() {
    let test = Postgres.migrated().await;
    let [(moved, part), (other, _)] = two_projects(&test).await;
    let place = part.rsplit('_').next().unwrap();
    let owner = test.server().owner_url();
    run_on_postgres(
        &owner,
        &format!("alter table payment_methods detach partition {part}"),
    )
    .await;

    assert!(moved.find("pm_1").await.is_none(), "it is elsewhere");
    assert!(other.find("pm_1").await.is_some());
    other.save(&card("pm_2", "anna", at(1))).await;
    let rows = test
        .texts(&format!(
            "select id from {part} where project_id = '{}'",
            moved.scope.project()
        ))
        .await;
    assert_eq!(rows, ["pm_1"], "it is a table in its own right");
    let back = format!(
        "alter table payment_methods attach partition {part} for values with (modulus 4, remainder {place})"
    );
    run_on_postgres(&owner, &back).await;
    assert!(moved.find("pm_1").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_grants_of_before_are_there_afterwards() {
    let test = Postgres.migrated().await;
    let owner = test.server().owner_url();
    run_on_postgres(&owner, DOWN).await;
    test.execute(&format!(
        "delete from __diesel_schema_migrations where version = '{VERSION}'"
    ))
    .await;
    let [one, two] = [test.tenant("one").await, test.tenant("two").await];
    one.save(&card("pm_1", "anna", at(0))).await;
    two.save(&card("pm_2", "anna", at(0))).await;
    assert_eq!(test.of_owner().await.migrate().await.unwrap().applied, [VERSION]);
    // As the application, to which nobody has granted anything meanwhile.
    assert!(one.find("pm_1").await.is_some());
    assert!(two.find("pm_2").await.is_some());
    assert!(one.find("pm_2").await.is_none());
    two.save(&card("pm_3", "anna", at(1))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_may_not_ask_a_part() {
    let test = Postgres.migrated().await;
    let parts = test
        .texts("select relname from pg_class where relispartition and relkind = 'r' order by relname")
        .await;
    let of_all: Vec<String> = GROWING
        .iter()
        .flat_map(|table| (0..4).map(move |place| format!("{table}_{place}")))
        .collect();
    assert_eq!(parts, of_all);
    let (client, driver) = tokio_postgres::connect(&test.server().url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(driver);
    for part in parts {
        let refused = client
            .simple_query(&format!("select 1 from {part}"))
            .await
            .unwrap_err();
        let message = refused.as_db_error().unwrap().message().to_owned();
        assert!(message.contains("permission denied"), "{part}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_truncates_a_part_of_what_is_only_added_to() {
    let test = Postgres.migrated().await;
    for place in 0..4 {
        let (client, driver) = tokio_postgres::connect(test.server().superuser_url(), NoTls)
            .await
            .unwrap();
        tokio::spawn(driver);
        let error = client
            .simple_query(&format!("truncate audit_events_{place}"))
            .await
            .unwrap_err();
        let message = error.as_db_error().unwrap().message().to_owned();
        assert!(message.contains("append-only"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_shows_its_owner_nothing() {
    let test = Postgres.migrated().await;
    let [(_, part), _] = two_projects(&test).await;
    let seen = run_on_postgres(&test.server().owner_url(), &format!("select id from {part}")).await;
    assert_eq!(seen, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_split_as_the_document_says() {
    let test = Postgres.migrated().await;
    let mut tenants = Vec::new();
    for number in 0..40 {
        let tenant = test.tenant(&format!("tenant-{number}")).await;
        tenant.save(&card("pm_1", "anna", at(0))).await;
        tenants.push(tenant);
    }
    let (_, block) = DOCUMENT.split_once("<!-- split -->\n```sql\n").unwrap();
    let (split, _) = block.split_once("```").unwrap();
    let split = split.replace("billfold_owner", OWNER_ROLE);
    // Analyzing is a statement of its own, as psql would send it.
    let (whole, analyze) = split.split_once("commit;").unwrap();
    run_on_postgres(test.server().superuser_url(), &format!("{whole} commit")).await;
    run_on_postgres(test.server().superuser_url(), analyze).await;

    let parts = "select distinct tableoid::regclass::text from payment_methods
        where satisfies_hash_partition('payment_methods'::regclass, 4, 2, project_id) order by 1";
    assert_eq!(
        test.texts(parts).await,
        ["payment_methods_2", "payment_methods_6"]
    );
    for tenant in tenants {
        assert!(tenant.find("pm_1").await.is_some());
        tenant.save(&card("pm_2", "anna", at(1))).await;
    }
    let owner = test.of_owner().await;
    assert_eq!(owner.unguarded_tables().await.unwrap(), Vec::<String>::new());
}
