//! A server that stands still for a moment, and what is told of it.

use tokio::{io::AsyncReadExt as _, net::TcpListener};

use super::*;

struct Hello;

impl Requests for Hello {
    fn write(&self, _number: usize, bytes: &mut Vec<u8>) -> bool {
        bytes.extend_from_slice(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        true
    }

    fn status(&self) -> u16 {
        200
    }
}

/// Answers each request, the first one only after a while.
async fn server(pause: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    tokio::spawn(async move {
        let mut pause = pause;
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut bytes = [0; 1024];
        while stream.read(&mut bytes).await.is_ok_and(|length| length > 0) {
            tokio::time::sleep(std::mem::take(&mut pause)).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.expect("it listens");
        }
    });
    port
}

#[tokio::test]
async fn a_pause_of_the_server_counts_for_all_that_would_have_begun_in_it() {
    let pause = Duration::from_millis(300);
    let plan = Plan {
        port: server(pause).await,
        connections: 1,
        pace: Pace::ASecond(100.0),
        time: Duration::from_millis(500),
    };
    let outcome = run(plan, Arc::new(Hello)).await.expect("a run");
    assert_eq!(
        outcome.answers.len(),
        50,
        "whatever becomes of the answers, all are sent"
    );
    let latencies = outcome.latencies();
    let slow = latencies.iter().filter(|time| **time > pause / 3).count();
    assert!(
        slow >= 19,
        "those of the first 200 ms wait for 100 ms or more: {slow}"
    );
}

#[tokio::test]
async fn without_a_pace_a_request_follows_an_answer() {
    let plan = Plan {
        port: server(Duration::from_millis(100)).await,
        connections: 1,
        pace: Pace::Unpaced,
        time: Duration::from_millis(200),
    };
    let outcome = run(plan, Arc::new(Hello)).await.expect("a run");
    let longest = outcome.latencies().into_iter().max().unwrap_or_default();
    assert!(longest.as_millis() >= 100, "one met the pause: {longest:?}");
    let waited: Duration = outcome.latencies().iter().sum();
    assert!(
        waited.as_secs_f64() <= outcome.seconds,
        "none waited for another's answer"
    );
    assert!(outcome.rate() > 0.0);
}
