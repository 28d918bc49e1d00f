//! A private server through its life.

use std::time::Duration;

use billfold_test_support::{PostgresServer, PostgresServerOptions, Shutdown, signal};
use tokio_postgres::{Client, NoTls};

async fn connect(server: &PostgresServer) -> Client {
    let (client, driver) = tokio_postgres::connect(&server.url("postgres"), NoTls)
        .await
        .expect("a connection");
    tokio::spawn(driver);
    client
}

async fn setting(client: &Client, name: &str) -> String {
    client
        .query_one(&format!("show {name}"), &[])
        .await
        .expect("a setting")
        .get(0)
}

#[tokio::test]
async fn it_is_stopped_restarted_frozen_and_removed() {
    let options = PostgresServerOptions::default()
        .with("fsync", "on")
        .with("shared_buffers", "32MB");
    let mut server = PostgresServer::start_private(options).await.expect("a server");
    let client = connect(&server).await;
    assert_eq!(setting(&client, "fsync").await, "on");
    assert_eq!(setting(&client, "shared_buffers").await, "32MB");
    assert_eq!(setting(&client, "listen_addresses").await, "127.0.0.1");
    assert_eq!(setting(&client, "unix_socket_directories").await, "");
    assert!(server.binary_directory().join("postgres").is_file());

    // A crash loses the connection and keeps what was committed.
    client
        .batch_execute("create table kept (id int)")
        .await
        .expect("a table");
    server.stop(Shutdown::Immediate).await.expect("it ends");
    assert!(server.process_ids().is_empty());
    assert!(client.simple_query("select 1").await.is_err());
    assert!(
        tokio_postgres::connect(&server.url("postgres"), NoTls)
            .await
            .is_err()
    );
    server.start().await.expect("it starts again");
    let client = connect(&server).await;
    assert!(
        client
            .query("select id from kept", &[])
            .await
            .expect("the table")
            .is_empty()
    );

    // Frozen, it neither answers nor fails.
    server.freeze().expect("it runs");
    let mut answer = Box::pin(client.simple_query("select 1"));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), &mut answer)
            .await
            .is_err()
    );
    server.thaw().expect("it was frozen");
    tokio::time::timeout(Duration::from_secs(20), answer)
        .await
        .expect("it goes on")
        .expect("an answer");

    let url = server.create_database("another").await.expect("a database");
    assert!(tokio_postgres::connect(&url, NoTls).await.is_ok());
    assert!(server.create_database("another").await.is_err());

    // Even frozen, it goes with its owner.
    server.freeze().expect("it runs");
    let (url, processes) = (server.url("postgres"), server.process_ids());
    drop(server);
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
    assert!(signal("CONT", &processes[..1]).is_err(), "the process is gone");
}

#[tokio::test]
async fn one_that_cannot_start_says_why() {
    let options = PostgresServerOptions::default().with("shared_buffers", "plenty");
    let error = PostgresServer::start_private(options)
        .await
        .expect_err("a bad setting");
    let text = error.to_string();
    assert!(text.contains("shared_buffers") && !text.contains('\n'), "{text}");
}
