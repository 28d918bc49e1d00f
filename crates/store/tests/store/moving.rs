//! A project that moves to another server while it is in use. PostgreSQL only.

use std::time::Duration;

use billfold_domain::ProjectId;
use billfold_store::{Database, Projects};
use billfold_test_support::{APPLICATION_ROLE, OWNER_ROLE, PostgresServer, PostgresServerOptions, wait_for};

use crate::harness::{KEY_A, Tenant, at, card, method_id, new_project, patient, run_on_postgres, vault};

const NAME: &str = "billfold";
const PUBLISH: &str = include_str!("../../../../deploy/postgres/publish-project.sql");

/// How long anything in these tests may take on a machine under load.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server with an installation of its own, which has these projects.
async fn installation(projects: &[&str]) -> PostgresServer {
    let options = PostgresServerOptions::default()
        .with("wal_level", "logical")
        .with("max_wal_senders", "8")
        .with("wal_receiver_status_interval", "1s");
    let server = PostgresServer::start_private(options).await.unwrap();
    server.create_database(NAME).await.unwrap();
    let owner = Database::connect(&patient(&server.url_as(OWNER_ROLE, NAME)))
        .await
        .unwrap();
    owner.migrate().await.unwrap();
    owner.grant_to(APPLICATION_ROLE).await.unwrap();
    for project in projects {
        Projects::new(owner.clone(), vault(&[KEY_A]))
            .create(&new_project(project), at(0))
            .await
            .unwrap();
    }
    server
}

async fn application(server: &PostgresServer) -> Database {
    let url = server.url_as(APPLICATION_ROLE, NAME);
    Database::connect(&patient(&url)).await.unwrap()
}

/// Copies the project's own row.
async fn copy_project(from: &PostgresServer, to: &PostgresServer, project: &str) {
    let row = format!(
        "select format('insert into projects select * from json_populate_record(null::projects, %L)', to_json(p))
         from projects p where id = '{project}'"
    );
    let insert = run_on_postgres(&from.url(NAME), &row).await.concat();
    run_on_postgres(&to.url(NAME), &insert).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_follows_to_another_server_and_works_there() {
    let (from, to) = tokio::join!(installation(&["acme", "globex"]), installation(&["initech"]));
    let here = application(&from).await;
    let [acme, globex] = ["acme", "globex"].map(|project| Tenant::of(&here, project));
    acme.save(&card("pm_1", "anna", at(0))).await;
    globex.save(&card("pm_2", "bert", at(0))).await;

    let publish = format!("set moved.project = 'acme'; {PUBLISH}");
    run_on_postgres(&from.url(NAME), &publish).await;
    let subscribe = format!(
        "create subscription acme connection '{}' publication acme",
        from.url(NAME)
    );
    run_on_postgres(&to.url(NAME), &subscribe).await;

    let there = application(&to).await;
    let moved = Tenant::of(&there, "acme");
    let copied = "select not exists (select from pg_subscription_rel where srsubstate <> 'r')";
    wait_for(PATIENCE, "what was there before", async || {
        (run_on_postgres(&to.url(NAME), copied).await == ["t"]).then_some(())
    })
    .await;
    assert!(moved.find("pm_1").await.is_some());
    acme.save(&card("pm_3", "anna", at(1))).await;
    acme.delete(&method_id("pm_1")).await;
    wait_for(PATIENCE, "what is written meanwhile", async || {
        moved.find_or_none("pm_3").await
    })
    .await;
    wait_for(PATIENCE, "what is deleted meanwhile", async || {
        moved.find("pm_1").await.is_none().then_some(())
    })
    .await;

    let position = run_on_postgres(&from.url(NAME), "select pg_current_wal_lsn()").await;
    let received = format!(
        "select confirmed_flush_lsn >= '{}' from pg_replication_slots where slot_name = 'acme'",
        position.concat()
    );
    wait_for(PATIENCE, "all that was written", async || {
        (run_on_postgres(&from.url(NAME), &received).await == ["t"]).then_some(())
    })
    .await;
    run_on_postgres(&to.url(NAME), "drop subscription acme").await;
    run_on_postgres(&from.url(NAME), "drop publication acme").await;
    let unknown = "select id from projects where id = 'acme'";
    let nobody = run_on_postgres(&to.url(NAME), unknown).await;
    assert!(nobody.is_empty(), "nobody works on it before it has left");
    copy_project(&from, &to, "acme").await;
    moved.save(&card("pm_4", "anna", at(2))).await;
    let project = ProjectId::parse("acme").unwrap();
    let opened = Projects::new(there, vault(&[KEY_A])).find(&project).await;
    assert!(opened.unwrap().is_some(), "its secrets open there");
    let others = "select id from projects where id <> 'acme' union select project_id from payment_methods
         where project_id <> 'acme'";
    assert_eq!(run_on_postgres(&to.url(NAME), others).await, ["initech"]);
}
