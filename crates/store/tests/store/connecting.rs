//! Databases that cannot be had, and what is said about it.

use std::time::{Duration, Instant};

use billfold_store::{Database, DatabaseOptions, StoreError};
use billfold_test_support::{SqliteFile, free_port};
use rstest::rstest;

use crate::harness::fresh_postgres;

async fn refused(url: &str) -> StoreError {
    let options = DatabaseOptions {
        timeout: Duration::from_secs(3),
        ..DatabaseOptions::new(url)
    };
    match Database::connect(&options).await {
        Err(error) => error,
        Ok(database) => panic!("{url} gave {database:?}"),
    }
}

#[rstest]
#[case("")]
#[case("billfold.sqlite")]
#[case("mysql://127.0.0.1/billfold")]
#[case("sqlite:billfold.sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_no_known_database_names_the_known_ones(#[case] url: &str) {
    match refused(url).await {
        StoreError::Configuration(message) => {
            assert!(
                message.contains("postgres://") && message.contains("sqlite://"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case("sqlite://", "path")]
#[case("sqlite://billfold.sqlite?mode=ro", "path")]
#[case("sqlite://billfold#1.sqlite", "path")]
#[case("sqlite:///no/such/folder/billfold.sqlite", "folder")]
#[case("sqlite:///dev/null/billfold.sqlite", "folder")]
#[case("sqlite:///", "cannot be opened")]
#[case("postgres://127.0.0.1:not-a-port/billfold", "URL cannot be read")]
#[case("postgres://127.0.0.1/billfold?no_such_option=1", "URL cannot be read")]
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_used_says_what_is_wrong(#[case] url: &str, #[case] words: &str) {
    match refused(url).await {
        StoreError::Configuration(message) => assert!(message.contains(words), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_cannot_be_opened() {
    let file = SqliteFile::fresh();
    std::fs::write(
        file.path(),
        "a letter to a friend, and not a short one\n".repeat(100),
    )
    .unwrap();
    match refused(file.url()).await {
        StoreError::Configuration(message) => assert!(message.contains("cannot be opened"), "{message}"),
        other => panic!("{other:?}"),
    }
    assert!(
        std::fs::read_to_string(file.path())
            .unwrap()
            .starts_with("a letter"),
        "it is left as it was"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_exist_is_made() {
    let file = SqliteFile::fresh();
    let database = Database::connect(&DatabaseOptions::new(file.url()))
        .await
        .unwrap();
    assert!(file.path().is_file());
    database.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_is_unavailable_at_once() {
    let asked = Instant::now();
    let error = refused(&format!("postgres://postgres@127.0.0.1:{}/billfold", free_port())).await;
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "a refusal is no timeout"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_answers_is_unavailable_in_time() {
    // Connections are accepted by the system, and no one ever speaks.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let asked = Instant::now();
    let error = refused(&format!("postgres://postgres@{address}/billfold")).await;
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let waited = asked.elapsed();
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(20)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_that_database_is_no_mystery() {
    let server = fresh_postgres().await;
    let url = server.url();
    let (base, name) = url.rsplit_once('/').unwrap();
    let parameters = name.split_once('?').map_or("", |(_, parameters)| parameters);
    let error = refused(&format!("{base}/no_such_database?{parameters}")).await;
    let message = error.to_string();
    assert!(matches!(error, StoreError::Unavailable(_)), "{message}");
    assert!(message.contains("no_such_database"), "{message}");
}
