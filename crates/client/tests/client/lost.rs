//! Requests and answers that get lost on their way.

use std::{net::SocketAddr, time::Duration};

use billfold_client::{ClientOptions, Error, ProjectClient, RetryPolicy};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::support::{Hasty, attempts, payment_method};

/// What becomes of a connection once a request has come.
#[derive(Clone)]
enum Fate {
    /// This is written, then it is closed.
    Closed(String),
    /// Nothing is written, and it stays open.
    Silent,
}

/// What a server did, and the connections that it left open.
struct Served {
    requests: usize,
    _open: Vec<TcpStream>,
}

/// Starts a server with a fate for each of its connections, and tells how often a request came.
async fn server(fates: Vec<Fate>) -> (SocketAddr, JoinHandle<Served>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let mut kept = Vec::new();
        for fate in &fates {
            let (mut connection, _) = listener.accept().await.unwrap();
            // The requests of these tests are short, and come in one piece.
            let read = connection.read(&mut [0; 4096]).await.unwrap();
            assert!(read > 0);
            match fate {
                Fate::Closed(text) => connection.write_all(text.as_bytes()).await.unwrap(),
                Fate::Silent => kept.push(connection),
            }
        }
        Served {
            requests: fates.len(),
            _open: kept,
        }
    });
    (address, served)
}

fn client(address: SocketAddr, retry: RetryPolicy, hasty: &Hasty) -> ProjectClient {
    let options = ClientOptions::new(format!("http://{address}"), "token");
    ProjectClient::new(options.retry(retry).surroundings(hasty.clone()), "demo").unwrap()
}

fn whole() -> String {
    let body = payment_method("pm_1").to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_nobodys_is_none() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n";
    let (address, served) = server(vec![
        Fate::Closed(String::new()),
        Fate::Closed(format!("{head}{{\"id\":")),
        Fate::Closed(format!("{head}<html>Welcome</html>")),
        Fate::Closed(whole()),
    ])
    .await;
    let hasty = Hasty::default();
    let method = client(address, attempts(5), &hasty)
        .retrieve_payment_method("pm_1")
        .await;
    assert_eq!(method.unwrap().id, "pm_1");
    assert_eq!(
        (served.await.unwrap().requests, hasty.pauses()),
        (4, vec![250, 500, 1000])
    );
}

#[tokio::test]
async fn a_silent_server_is_given_up_after_the_time_of_an_attempt() {
    let (address, served) = server(vec![Fate::Silent, Fate::Silent]).await;
    let mut retry = attempts(2);
    retry.attempt_limit = Duration::from_millis(50);
    let client = client(address, retry, &Hasty::default());
    let error = client
        .delete_payment_method("pm_1")
        .idempotency_key("mine")
        .await
        .unwrap_err();
    let Error::Connection(lost) = &error else {
        panic!("{error:?}")
    };
    assert!(lost.timed_out && error.is_retryable());
    assert_eq!((error.attempts(), error.idempotency_key()), (2, Some("mine")));
    assert_eq!(served.await.unwrap().requests, 2);
}

#[tokio::test]
async fn where_nobody_listens_all_attempts_are_made() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let hasty = Hasty::default();
    let client = client(address, attempts(3), &hasty);
    let error = client
        .create_payment_method("pm_secretive", "usr_1")
        .await
        .unwrap_err();
    let Error::Connection(lost) = &error else {
        panic!("{error:?}")
    };
    assert!(!lost.timed_out && error.status().is_none() && error.request_id().is_none());
    assert_eq!((error.attempts(), hasty.pauses()), (3, vec![250, 500]));
    assert!(!format!("{error:?}").contains("paymentMethods"), "{error:?}");
}
