//! Two servers that change places.

use billfold_test_support::{PostgresServer, PostgresServerOptions};
use tokio_postgres::{Client, NoTls};

async fn connect(server: &PostgresServer) -> Client {
    let (client, driver) = tokio_postgres::connect(&server.url("postgres"), NoTls)
        .await
        .expect("a connection");
    tokio::spawn(driver);
    client
}

async fn numbers(server: &PostgresServer) -> Vec<i32> {
    let rows = connect(server)
        .await
        .query("select number from kept order by number", &[])
        .await
        .expect("the table");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn what_was_waited_for_is_there_after_the_loss_of_the_primary() {
    let options = PostgresServerOptions::default()
        .replicated()
        .with("synchronous_commit", "remote_apply");
    let mut one = PostgresServer::start_private(options.clone())
        .await
        .expect("a primary");
    let two = one.start_standby("two", options).await.expect("a standby");
    let client = connect(&one).await;
    client
        .batch_execute("create table kept (number int)")
        .await
        .expect("a table");
    one.wait_for_standby(Some("two")).await.expect("it is waited for");
    client
        .batch_execute("insert into kept values (1)")
        .await
        .expect("a row");
    assert_eq!(numbers(&two).await, [1], "it is there once it is acknowledged");
    let refused = connect(&two)
        .await
        .batch_execute("insert into kept values (2)")
        .await;
    assert!(refused.is_err(), "a standby takes no writes");

    one.kill().await.expect("it is lost");
    assert!(client.batch_execute("select 1").await.is_err());
    two.replayed().await.expect("all is replayed");
    two.promote().await.expect("it is the primary");
    connect(&two)
        .await
        .batch_execute("insert into kept values (3)")
        .await
        .expect("it takes writes, and waits for nobody");

    one.rejoin(&two, "one").await.expect("it comes back");
    two.wait_for_standby(Some("one")).await.expect("it is waited for");
    connect(&two)
        .await
        .batch_execute("insert into kept values (4)")
        .await
        .expect("a row");
    assert_eq!(numbers(&one).await, [1, 3, 4]);
}
