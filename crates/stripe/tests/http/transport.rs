//! Connections that fail, hang, break and lie.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use billfold_stripe::{
    ClientError, ClientOptions, NotSentReason, Outcome, StripeClient, StripeError, UnknownReason,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
};
use wiremock::ResponseTemplate;

use crate::{
    fixtures::{answer, setup_intent},
    setup_intents::create,
    support::{Stripe, credentials, options},
};

/// What a connection does after it has read a request.
#[derive(Clone, Copy)]
enum Conduct {
    /// Breaks it off without a word.
    Reset,
    /// Closes it without a word.
    Close,
    /// Promises an answer and sends a part of it.
    Truncate(u16),
    /// Never answers.
    Hang,
    /// Answers with a SetupIntent.
    Answer,
}

/// A server of which every connection has its conduct; the next is refused.
struct FaultyServer {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl FaultyServer {
    async fn start(conducts: impl IntoIterator<Item = Conduct>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&heads);
        let conducts: Vec<_> = conducts.into_iter().collect();
        tokio::spawn(async move {
            let mut listener = Some(listener);
            let mut hanging = Vec::new();
            let last = conducts.len() - 1;
            for (index, conduct) in conducts.into_iter().enumerate() {
                let (mut stream, _) = listener.as_ref().unwrap().accept().await.unwrap();
                if index == last {
                    listener = None;
                }
                let head = read_request(&mut stream).await;
                seen.lock().unwrap().push(head);
                if let Some(stream) = behave(stream, conduct).await {
                    hanging.push(stream);
                }
            }
            // A connection that hangs must stay open until the test is over.
            std::future::pending::<()>().await;
        });
        Self { address, heads }
    }

    fn options(&self) -> ClientOptions {
        options(format!("http://{}", self.address))
    }

    fn keys(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let key = |head: &String| {
            let line = head.lines().find(|line| line.starts_with("idempotency-key: "))?;
            Some(line.to_owned())
        };
        heads.iter().filter_map(key).collect()
    }
}

/// Reads a whole request and gives its head, in lower case.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        assert_ne!(
            stream.read_buf(&mut bytes).await.unwrap(),
            0,
            "the request is whole"
        );
        let text = String::from_utf8(bytes.clone()).unwrap().to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return head.to_owned();
            }
        }
    }
}

async fn behave(mut stream: TcpStream, conduct: Conduct) -> Option<TcpStream> {
    match conduct {
        Conduct::Reset => stream.set_zero_linger().unwrap(),
        Conduct::Close => {}
        Conduct::Truncate(status) => {
            let part = format!("HTTP/1.1 {status} X\r\nContent-Length: 1000\r\n\r\n{{\"id\": \"seti_1W");
            stream.write_all(part.as_bytes()).await.unwrap();
        }
        Conduct::Hang => return Some(stream),
        Conduct::Answer => {
            let body = setup_intent("succeeded", Some("pm_1Wren")).to_string();
            let length = body.len();
            let whole =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            stream.write_all(whole.as_bytes()).await.unwrap();
        }
    }
    None
}

/// Creates a SetupIntent at an address where no scripted Stripe is.
async fn create_at(options: ClientOptions) -> Result<(), StripeError> {
    use billfold_domain::{CustomerId, ProjectId, UserId};
    let client = StripeClient::new(options).unwrap();
    let credentials = credentials();
    let new = billfold_stripe::NewSetupIntent {
        customer: &CustomerId::parse("cus_Wren").unwrap(),
        payment_method: None,
        project: &ProjectId::parse("demo").unwrap(),
        user: &UserId::parse("user-1").unwrap(),
        operation: "01OPERATION",
    };
    let key = crate::support::key("op.setup.0");
    client
        .account(&credentials)
        .create_setup_intent(&new, &key)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn a_broken_connection_is_tried_once_more_with_the_same_key() {
    for conduct in [
        Conduct::Reset,
        Conduct::Close,
        Conduct::Truncate(200),
        Conduct::Truncate(500),
    ] {
        let server = FaultyServer::start([conduct, Conduct::Answer]).await;
        create_at(server.options()).await.unwrap();
        assert_eq!(server.keys(), ["idempotency-key: op.setup.0"; 2]);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_twice_leaves_the_outcome_unknown() {
    for conduct in [
        Conduct::Reset,
        Conduct::Close,
        Conduct::Truncate(200),
        Conduct::Truncate(500),
    ] {
        let server = FaultyServer::start([conduct, conduct]).await;
        let error = create_at(server.options()).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert!(
            matches!(
                error,
                StripeError::Unknown {
                    completed: false,
                    reason: UnknownReason::Disconnected,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(server.keys().len(), 2);
    }
}

#[tokio::test]
async fn a_refused_second_send_does_not_hide_that_the_first_may_have_had_effect() {
    let server = FaultyServer::start([Conduct::Reset]).await;
    let error = create_at(server.options()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    assert_eq!(server.keys().len(), 1);
}

#[tokio::test]
async fn an_answer_that_never_comes_ends_with_the_calls_time() {
    let server = FaultyServer::start([Conduct::Hang]).await;
    let mut options = server.options();
    options.call_timeout = Duration::from_secs(1);
    let started = Instant::now();
    let error = create_at(options).await.unwrap_err();
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert!(
        matches!(
            error,
            StripeError::Unknown {
                completed: false,
                reason: UnknownReason::TimedOut,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(server.keys().len(), 1, "no time is left for a second send");
}

#[tokio::test]
async fn the_second_send_has_only_what_the_first_left_of_the_time() {
    let server = FaultyServer::start([Conduct::Reset, Conduct::Hang]).await;
    let mut options = server.options();
    options.call_timeout = Duration::from_millis(1500);
    let started = Instant::now();
    let error = create_at(options).await.unwrap_err();
    assert!(
        matches!(
            error,
            StripeError::Unknown {
                reason: UnknownReason::TimedOut,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "the deadline is the call's, not the send's"
    );
    assert_eq!(server.keys().len(), 2);
}

#[tokio::test]
async fn nobody_listening_is_surely_without_effect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = create_at(options(format!("http://{address}"))).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert!(
        matches!(error, StripeError::NotSent(NotSentReason::Unreachable)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_connection_that_is_never_made_is_surely_without_effect() {
    // A listener that accepts nothing and whose queue is full leaves further connections hanging.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    loop {
        assert!(queued.len() < 64, "the queue fills");
        match tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await {
            Ok(stream) => queued.push(stream.unwrap()),
            Err(_elapsed) => break,
        }
    }
    let mut options = options(format!("http://{address}"));
    options.connect_timeout = Duration::from_millis(100);
    let error = create_at(options).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert!(
        matches!(error, StripeError::NotSent(NotSentReason::ConnectTimedOut)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Stripe::answering([]).await;
    let location = format!("{}/v1/setup_intents", elsewhere.address());
    for status in [301, 302, 303, 307, 308] {
        let redirect = ResponseTemplate::new(status).insert_header("Location", location.as_str());
        let stripe = Stripe::answering([redirect]).await;
        let error = create(&stripe, None).await.unwrap_err();
        assert!(
            matches!(
                error,
                StripeError::Unknown { completed: false, reason: UnknownReason::UnexpectedStatus { status: s }, .. }
                if s == status
            ),
            "{error:?}"
        );
        assert_eq!(stripe.received().await.len(), 1);
    }
    assert_eq!(elsewhere.received().await.len(), 0);
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_mebibyte() {
    let padded = |length: usize| {
        let mut body = setup_intent("succeeded", None);
        body["description"] = "".into();
        let missing = length - body.to_string().len();
        body["description"] = "x".repeat(missing).into();
        body
    };
    let stripe = Stripe::answering([answer(200, &padded(1024 * 1024))]).await;
    create(&stripe, None).await.unwrap();
    let stripe = Stripe::answering([answer(200, &padded(1024 * 1024 + 1))]).await;
    let error = create(&stripe, None).await.unwrap_err();
    assert!(
        matches!(
            error,
            StripeError::Unknown {
                completed: false,
                reason: UnknownReason::Unreadable,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(stripe.received().await.len(), 1);
}

#[test]
fn an_address_off_this_machine_must_be_encrypted() {
    let error = StripeClient::new(options("http://stripe.example.com")).unwrap_err();
    assert!(matches!(error, ClientError::AddressNotEncrypted));
    assert!(error.to_string().contains("https"));
}
