//! Several test processes use one server.

use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

use billfold_test_support::{MigrationResult, PostgresDatabase, Process};

const MARK: &str = "database at ";

async fn migrate(url: &str) -> MigrationResult {
    let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(driver);
    client
        .batch_execute("create table wallet (id int primary key)")
        .await?;
    drop(client);
    driver.await??;
    Ok(())
}

/// Tells its database, for the test below, which runs this one in processes of their own.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the other process reads it")]
async fn a_process_gets_a_database() {
    let start = Instant::now();
    let database = PostgresDatabase::fresh("wallets", migrate).await;
    println!("\n{MARK}{} after {:?}", database.url(), start.elapsed());
    let start = Instant::now();
    let (client, driver) = tokio_postgres::connect(database.superuser_url(), tokio_postgres::NoTls)
        .await
        .expect("a connection");
    tokio::spawn(driver);
    let rows = client
        .query("select id from wallet", &[])
        .await
        .expect("a migrated table");
    assert!(rows.is_empty());
    println!("used in {:?}", start.elapsed());
    let start = Instant::now();
    drop(database);
    println!("dropped in {:?}", start.elapsed());
}

#[tokio::test]
async fn processes_share_a_server_and_never_a_database() {
    let program = std::env::current_exe().expect("this program");
    let mut processes: Vec<Process> = (0..4)
        .map(|_| {
            let mut command = Command::new(&program);
            command.args(["--exact", "a_process_gets_a_database", "--nocapture"]);
            Process::spawn(&mut command).expect("it starts")
        })
        .collect();
    let (mut servers, mut databases) = (HashSet::new(), HashSet::new());
    for process in &mut processes {
        let line = process
            .wait_for_line(Duration::from_mins(5), |line| line.starts_with(MARK))
            .await;
        let url = line
            .trim_start_matches(MARK)
            .split(' ')
            .next()
            .expect("a URL")
            .to_owned();
        let (server, database) = url.rsplit_once('/').expect("a server and a database");
        servers.insert(server.to_owned());
        databases.insert(database.to_owned());
        assert!(process.wait_for_exit(Duration::from_mins(1)).await.success());
    }
    assert_eq!(servers.len(), 1);
    assert_eq!(databases.len(), 4);
}
