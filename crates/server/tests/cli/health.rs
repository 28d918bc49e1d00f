//! `billfold health`: whether an instance is ready, for whatever has no other client for HTTP.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use billfold_test_support::wait_for;

use crate::{
    command::{Place, WITHIN, end, ready_address},
    serve::{Issuer, production},
};

/// A server that gives these answers, one for each connection, and then listens no more.
fn answering(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it listens").to_string();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).expect("the question can be read");
            assert!(length > 0, "nothing was asked");
            stream.write_all(answer.as_bytes()).expect("the answer is taken");
        }
    });
    address
}

const READY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const DRAINING: &str =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\r\n{\"reason\":\"draining\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_ready_is_told_so_and_one_that_has_ended_is_not() {
    let database = Place::new();
    let mut place = production(database.sqlite(), &Issuer::new()).await;
    let server = place.start(&["serve"]);
    place.set("BILLFOLD_LISTEN", ready_address(&server).await);
    let told = place.run(&["health"]).await.succeeded();
    assert!(told.ends_with("/health/ready answers 200\n"), "{told}");
    let unknown = place.run(&["health", "--path", "/health/unknown"]).await.failed();
    assert!(unknown.contains("answers 404"), "{unknown}");
    end(server).await;
    let gone = place.run(&["health"]).await.failed();
    assert!(gone.contains("/health/ready does not answer: "), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_drains_is_not_ready() {
    let database = Place::new();
    let mut place = production(database.sqlite(), &Issuer::new()).await;
    place.set("BILLFOLD_DRAIN_SECONDS", "29");
    let server = place.start(&["serve"]);
    place.set("BILLFOLD_LISTEN", ready_address(&server).await);
    server.signal("TERM").expect("the server runs");
    let refused = wait_for(WITHIN, "the server to drain", async || {
        let health = place.run(&["health"]).await;
        (!health.success).then(|| health.failed())
    })
    .await;
    assert!(
        refused.contains("answers 503") && refused.contains("draining"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_listens_everywhere_is_asked_on_loopback() {
    let address = answering(&[READY]);
    let (_, port) = address.split_once(':').expect("an address has a port");
    let told = Place::new()
        .run(&["health", "--listen", &format!("0.0.0.0:{port}")])
        .await
        .succeeded();
    assert_eq!(told, format!("http://{address}/health/ready answers 200\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_not_ready_yet_can_be_waited_for() {
    let address = answering(&[DRAINING, READY]);
    let arguments = ["health", "--wait", "60", "--listen", &address];
    Place::new().run(&arguments).await.succeeded();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_waiting_it_is_asked_once() {
    let address = answering(&[DRAINING, READY]);
    let refused = Place::new().run(&["health", "--listen", &address]).await.failed();
    let expected =
        format!("billfold: http://{address}/health/ready answers 503 {{\"reason\":\"draining\"}}\n");
    assert_eq!(refused, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_speaks_something_else_or_nothing_is_not_ready() {
    let address = answering(&["220 mail.example.com ESMTP\r\n"]);
    let refused = Place::new().run(&["health", "--listen", &address]).await.failed();
    assert!(refused.contains("not HTTP"), "{refused}");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("it listens").to_string();
    let refused = Place::new().run(&["health", "--listen", &address]).await.failed();
    assert!(refused.contains("does not answer within"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_would_be_more_than_one_is_refused() {
    for path in ["health/ready", "/health ready", "/a\r\nHost: b"] {
        let refused = Place::new().run(&["health", "--path", path]).await.failed();
        assert!(refused.contains("a path begins with /"), "{refused}");
    }
}
