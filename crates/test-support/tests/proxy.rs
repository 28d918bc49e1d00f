//! Each fault of the proxy, as a client sees it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use billfold_test_support::{
    APPLICATION_ROLE, MigrationResult, PostgresDatabase, TcpProxy, Verdict, wait_until,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

/// Far longer than anything on the loopback takes.
const WITHIN: Duration = Duration::from_secs(20);

/// Long enough to see that nothing comes.
const A_MOMENT: Duration = Duration::from_millis(50);

/// A server that says everything back.
async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn echo_through_proxy() -> (TcpProxy, TcpStream) {
    let proxy = TcpProxy::start(echo_server().await).await.expect("a proxy");
    let client = TcpStream::connect(proxy.address()).await.expect("a connection");
    (proxy, client)
}

async fn read(client: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(WITHIN, client.read_exact(&mut bytes))
        .await
        .expect("in time")
        .expect("the bytes");
    bytes
}

async fn say_and_hear(client: &mut TcpStream, words: &[u8]) {
    client.write_all(words).await.expect("it is sent");
    assert_eq!(read(client, words.len()).await, words);
}

/// Everything that still comes until the connection ends, and how it ends.
async fn rest(client: &mut TcpStream) -> (Vec<u8>, std::io::Result<()>) {
    let mut bytes = Vec::new();
    let end = timeout(WITHIN, client.read_to_end(&mut bytes))
        .await
        .expect("it ends");
    (bytes, end.map(|_| ()))
}

async fn hears_nothing(client: &mut TcpStream) -> bool {
    timeout(A_MOMENT, client.read_u8()).await.is_err()
}

#[tokio::test]
async fn without_a_fault_everything_passes_the_end_included() {
    let (proxy, mut client) = echo_through_proxy().await;
    let long = vec![7; 1_000_000];
    let (mut from, mut to) = client.split();
    let mut echoed = vec![0; long.len()];
    let (sent, heard) = tokio::join!(to.write_all(&long), from.read_exact(&mut echoed));
    sent.expect("it is sent");
    heard.expect("it is echoed");
    assert!(echoed == long);
    client.shutdown().await.expect("an end");
    let (bytes, end) = rest(&mut client).await;
    assert!(bytes.is_empty() && end.is_ok());
    assert_eq!(proxy.accepted_connections(), 1);
    wait_until(WITHIN, "the connection to be over", || {
        proxy.open_connections() == 0
    })
    .await;
}

#[tokio::test]
async fn a_delay_holds_each_chunk_back() {
    let (proxy, mut client) = echo_through_proxy().await;
    proxy.delay(Duration::from_millis(40));
    let start = Instant::now();
    say_and_hear(&mut client, b"slow").await;
    assert!(
        start.elapsed() >= Duration::from_millis(80),
        "both ways: {:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_frozen_network_delivers_after_the_thaw() {
    let (proxy, mut client) = echo_through_proxy().await;
    say_and_hear(&mut client, b"one").await;
    proxy.freeze();
    client.write_all(b"two").await.expect("it is sent");
    assert!(hears_nothing(&mut client).await);
    let mut newcomer = TcpStream::connect(proxy.address()).await.expect("it is accepted");
    newcomer.write_all(b"three").await.expect("it is sent");
    assert!(hears_nothing(&mut newcomer).await);
    proxy.pass();
    assert_eq!(read(&mut client, 3).await, b"two");
    assert_eq!(read(&mut newcomer, 5).await, b"three");
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_spares_what_comes() {
    let (proxy, mut client) = echo_through_proxy().await;
    say_and_hear(&mut client, b"one").await;
    proxy.cut();
    let (bytes, end) = rest(&mut client).await;
    assert!(bytes.is_empty());
    assert_eq!(
        end.expect_err("a reset").kind(),
        std::io::ErrorKind::ConnectionReset
    );
    let mut newcomer = TcpStream::connect(proxy.address()).await.expect("it is accepted");
    say_and_hear(&mut newcomer, b"two").await;
}

#[tokio::test]
async fn a_cut_ends_a_frozen_connection_too() {
    let (proxy, mut client) = echo_through_proxy().await;
    proxy.freeze();
    client.write_all(b"lost").await.expect("it is sent");
    wait_until(WITHIN, "the connection", || proxy.open_connections() == 1).await;
    proxy.cut();
    assert!(rest(&mut client).await.1.is_err());
}

#[tokio::test]
async fn a_budget_of_bytes_is_kept_to_the_byte() {
    let (proxy, mut client) = echo_through_proxy().await;
    proxy.cut_after_bytes_to_client(5);
    say_and_hear(&mut client, b"abc").await;
    client.write_all(b"defg").await.expect("it is sent");
    assert_eq!(rest(&mut client).await.0, b"de");

    let mut client = TcpStream::connect(proxy.address()).await.expect("it is accepted");
    proxy.cut_after_bytes_to_server(2);
    client.write_all(b"abcd").await.expect("it is sent");
    // The server may or may not be quick enough to answer the two bytes before the end.
    assert!(b"ab".starts_with(&rest(&mut client).await.0));

    let mut client = TcpStream::connect(proxy.address()).await.expect("it is accepted");
    say_and_hear(&mut client, b"no budget is left over").await;
}

#[tokio::test]
async fn a_chunk_can_be_cut_off_or_held() {
    let (proxy, mut client) = echo_through_proxy().await;
    proxy.on_bytes_to_server("bad", Verdict::Cut);
    say_and_hear(&mut client, b"good").await;
    client.write_all(b"a bad word").await.expect("it is sent");
    assert!(rest(&mut client).await.0.is_empty());

    let mut client = TcpStream::connect(proxy.address()).await.expect("it is accepted");
    say_and_hear(&mut client, b"bad is only met once").await;
    proxy.on_bytes_to_server("wait", Verdict::Freeze);
    client.write_all(b"wait").await.expect("it is sent");
    assert!(hears_nothing(&mut client).await);
    proxy.pass();
    assert_eq!(read(&mut client, 4).await, b"wait");
}

#[tokio::test]
async fn new_connections_are_refused_until_they_are_accepted_again() {
    let (proxy, mut client) = echo_through_proxy().await;
    say_and_hear(&mut client, b"before").await;
    proxy.refuse_new().await;
    let refusal = TcpStream::connect(proxy.address())
        .await
        .expect_err("it is refused");
    assert_eq!(refusal.kind(), std::io::ErrorKind::ConnectionRefused);
    say_and_hear(&mut client, b"meanwhile").await;
    proxy.accept_new().await.expect("the port is still free");
    proxy.accept_new().await.expect("twice does no harm");
    let mut newcomer = TcpStream::connect(proxy.address()).await.expect("it is accepted");
    say_and_hear(&mut newcomer, b"after").await;
}

#[tokio::test]
async fn a_target_that_does_not_listen_ends_the_connection() {
    let proxy = TcpProxy::start(format!("127.0.0.1:{}", billfold_test_support::free_port()))
        .await
        .expect("a proxy");
    let mut client = TcpStream::connect(proxy.address()).await.expect("it is accepted");
    assert!(rest(&mut client).await.0.is_empty());
}

#[tokio::test]
async fn dropping_closes_everything() {
    let (proxy, mut client) = echo_through_proxy().await;
    say_and_hear(&mut client, b"one").await;
    let address = proxy.address();
    drop(proxy);
    assert!(rest(&mut client).await.0.is_empty());
    assert!(TcpStream::connect(address).await.is_err());
}

async fn migrate(url: &str) -> MigrationResult {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await?;
    let driver = tokio::spawn(driver);
    client
        .batch_execute(&format!(
            "create table payment (id int primary key); grant select, insert on payment to {APPLICATION_ROLE}"
        ))
        .await?;
    drop(client);
    driver.await??;
    Ok(())
}

async fn connect(url: &str) -> Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(driver);
    client
}

async fn payments(database: &PostgresDatabase) -> i64 {
    let client = connect(&database.url()).await;
    client
        .query_one("select count(*) from payment", &[])
        .await
        .expect("a count")
        .get(0)
}

/// Inserts a row in a transaction whose COMMIT meets this fault; returns whether the client learned of the commit.
async fn commit_through(database: &PostgresDatabase, verdict: Verdict) -> bool {
    let proxy = TcpProxy::start(database.address()).await.expect("a proxy");
    proxy.on_bytes_to_server("COMMIT", verdict);
    let mut client = connect(&database.url_at(proxy.address())).await;
    let transaction = client.transaction().await.expect("a transaction");
    transaction
        .execute("insert into payment values (1)", &[])
        .await
        .expect("a row");
    matches!(
        timeout(Duration::from_millis(500), transaction.commit()).await,
        Ok(Ok(()))
    )
}

#[tokio::test]
async fn a_commit_that_is_cut_before_the_server_is_undone() {
    let database = PostgresDatabase::fresh("payments", migrate).await;
    assert!(!commit_through(&database, Verdict::Cut).await);
    assert_eq!(payments(&database).await, 0);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_done() {
    let database = PostgresDatabase::fresh("payments", migrate).await;
    assert!(!commit_through(&database, Verdict::CutAfterAnswer).await);
    assert_eq!(payments(&database).await, 1);
}

#[tokio::test]
async fn a_commit_whose_answer_is_late_is_done() {
    let database = PostgresDatabase::fresh("payments", migrate).await;
    assert!(!commit_through(&database, Verdict::FreezeAfter).await);
    assert_eq!(payments(&database).await, 1);
}
