//! Bytes that are HTTP only just, or not at all. Whatever comes back, it is no fault of the server, and the server lives on.

use rstest::rstest;

use crate::{
    forge,
    http::{Answer, Request, exchange},
    scene::Scene,
    support::{
        Backend::{self, Postgres, SqliteMemory},
        contract::validate_response,
    },
    world::World,
};

/// What must come back for bytes.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// This status.
    Status(u16),
    /// This status, unless the connection, closed while the client still writes, loses it on the way.
    StatusIfAny(u16),
    /// Nothing but the end of the connection.
    Silence,
}

use Expected::{Silence, Status, StatusIfAny};

type Case = (&'static str, Vec<u8>, Expected);

/// The start of a request to a path that is answered to everyone, up to its further headers.
const LIVE: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";

fn live(more: &str) -> Vec<u8> {
    format!("{LIVE}{more}\r\n").into_bytes()
}

fn headers(count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|number| format!("X-{number}: y\r\n")).collect();
    lines.concat()
}

/// Much of everything.
fn sizes() -> Vec<Case> {
    let path = |length: usize| format!("/health/live?{}", "x".repeat(length));
    let long = |length: usize| "y".repeat(length);
    let with_first_line =
        |line: String| format!("{line}\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes();
    vec![
        ("90 headers", live(&headers(88)), Status(200)),
        ("97 headers", live(&headers(95)), Status(431)),
        ("1,000 headers", live(&headers(1_000)), StatusIfAny(431)),
        (
            "a header of 8 KB",
            live(&format!("X: {}\r\n", long(8_000))),
            Status(200),
        ),
        (
            "a header of 1 MB",
            live(&format!("X: {}\r\n", long(1 << 20))),
            StatusIfAny(431),
        ),
        (
            "a name of 1 MB",
            live(&format!("{}: x\r\n", long(1 << 20))),
            StatusIfAny(431),
        ),
        (
            "a URI of 60 KB",
            with_first_line(format!("GET {} HTTP/1.1", path(60_000))),
            Status(200),
        ),
        (
            "a URI of 70 KB",
            with_first_line(format!("GET {} HTTP/1.1", path(70_000))),
            StatusIfAny(400),
        ),
        (
            "a URI of 1 MB",
            with_first_line(format!("GET {} HTTP/1.1", path(1 << 20))),
            StatusIfAny(431),
        ),
        (
            "a method of 1 MB",
            with_first_line(format!("{} / HTTP/1.1", long(1 << 20))),
            StatusIfAny(431),
        ),
    ]
}

/// First lines, right and wrong.
const FIRST_LINES: [(&str, &str, Expected); 14] = [
    ("plain", "GET /health/live HTTP/1.1", Status(200)),
    ("HTTP/1.0", "GET /health/live HTTP/1.0", Status(200)),
    ("HTTP/0.9", "GET /health/live", Status(400)),
    ("HTTP/9.9", "GET /health/live HTTP/9.9", Status(400)),
    (
        "an absolute URI",
        "GET http://x/health/live HTTP/1.1",
        Status(200),
    ),
    (
        "another host's URI",
        "GET http://evil.example/health/live HTTP/1.1",
        Status(200),
    ),
    ("a fragment", "GET /health/live#x HTTP/1.1", Status(200)),
    ("an asterisk", "OPTIONS * HTTP/1.1", Status(404)),
    ("CONNECT", "CONNECT evil.example:443 HTTP/1.1", Status(404)),
    ("no path", "GET  HTTP/1.1", Status(400)),
    ("no slash", "GET health/live HTTP/1.1", Status(400)),
    ("a space in the path", "GET /health/live x HTTP/1.1", Status(400)),
    (
        "a control character in the path",
        "GET /health/live\u{1} HTTP/1.1",
        Status(400),
    ),
    ("NUL for a method", "\u{0} /health/live HTTP/1.1", Status(400)),
];

/// Headers, right and wrong, beside the usual ones.
const HEADERS: [(&str, &str, Expected); 13] = [
    ("no colon", "nonsense\r\n", Status(400)),
    ("no name", ": x\r\n", Status(400)),
    ("a space before the colon", "X : y\r\n", Status(400)),
    ("a folded header", "X: y\r\n z\r\n", Status(400)),
    ("NUL in a header", "X: a\u{0}b\r\n", Status(400)),
    ("letters beyond ASCII", "X: \u{e4}\u{1f4a5}\r\n", Status(200)),
    ("two hosts", "Host: y\r\n", Status(400)),
    // Whoever stands between the client and the server could take these for other lengths.
    (
        "two lengths",
        "Content-Length: 0\r\nContent-Length: 1\r\n",
        Status(400),
    ),
    ("a negative length", "Content-Length: -1\r\n", Status(400)),
    ("a signed length", "Content-Length: +0\r\n", Status(400)),
    (
        "a huge length",
        "Content-Length: 99999999999999999999999\r\n",
        Status(400),
    ),
    (
        "a length and chunks",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        Status(400),
    ),
    (
        "an unknown coding",
        "Transfer-Encoding: nonsense\r\n",
        Status(400),
    ),
];

/// What need not even be text.
fn bytes() -> Vec<Case> {
    vec![
        (
            "bytes in a header",
            [LIVE.as_bytes(), b"X: \xff\xfe\r\n\r\n"].concat(),
            Status(200),
        ),
        (
            "bytes in the path",
            b"GET /health/\xff\xfe HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(),
            Status(400),
        ),
        (
            "no returns",
            LIVE.replace('\r', "")
                .into_bytes()
                .into_iter()
                .chain(*b"\n")
                .collect(),
            Status(200),
        ),
        (
            "TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            Status(400),
        ),
        (
            "HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec(),
            Status(400),
        ),
        ("zeros", vec![0; 4096], Status(400)),
        ("every byte", (0..=255).cycle().take(8192).collect(), Status(400)),
        (
            "half a head",
            b"GET /health/live HTTP/1.1\r\nHost: x\r\n".to_vec(),
            Silence,
        ),
        ("nothing", Vec::new(), Silence),
    ]
}

async fn assert_alive(world: &World, after: &str) {
    let answer = world.send(&Request::get("/health/live")).await;
    assert_eq!(answer.status, 200, "after {after}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_bytes_hurt_the_server(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let first_lines = FIRST_LINES.map(|(name, line, expected)| {
        let bytes = format!("{line}\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes();
        (name, bytes, expected)
    });
    let headers = HEADERS.map(|(name, header, expected)| (name, live(header), expected));
    let cases = sizes()
        .into_iter()
        .chain(first_lines)
        .chain(headers)
        .chain(bytes());
    for (name, bytes, expected) in cases {
        // Half a request can only end when the client hangs up.
        let received = exchange(world.address, &bytes, matches!(expected, Silence)).await;
        let status = Answer::parse(&received).map(|answer| answer.status);
        match expected {
            Status(expected) => assert_eq!(status, Some(expected), "{name}"),
            StatusIfAny(expected) => {
                assert!(
                    status.is_none_or(|status| status == expected),
                    "{name}: {status:?}"
                );
            }
            Silence => assert_eq!(status, None, "{name}"),
        }
        assert_alive(&world, name).await;
    }
}

/// A POST that saves nothing, up to its body's headers.
fn post(target: &str, token: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n")
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_whole_changes_nothing(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let before = world.snapshot().await;
    let whole = r#"{"id":"pm_card_visa","user":"alice"}"#;
    let length = whole.len();
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let endings = [
        (
            "shorter than said",
            format!("Content-Length: {}\r\n\r\n{whole}", length + 1),
        ),
        ("nothing of it", format!("Content-Length: {length}\r\n\r\n")),
        (
            "a chunk's length in words",
            format!("{chunked}nonsense\r\n{whole}\r\n0\r\n\r\n"),
        ),
        ("a negative chunk", format!("{chunked}-1\r\n{whole}\r\n0\r\n\r\n")),
        ("a huge chunk", format!("{chunked}ffffffffffffffff\r\n{whole}")),
        (
            "a too huge chunk",
            format!("{chunked}fffffffffffffffff\r\n{whole}"),
        ),
        (
            "a chunk longer than said",
            format!("{chunked}1\r\n{whole}\r\n0\r\n\r\n"),
        ),
        ("no last chunk", format!("{chunked}{length:x}\r\n{whole}\r\n")),
        ("no end of a chunk", format!("{chunked}{length:x}\r\n{whole}")),
        ("zeros for chunks", format!("{chunked}\u{0}\u{0}\u{0}\u{0}")),
    ];
    for target in [
        "/projects/demo/paymentMethods",
        "/projects/demo/setupIntents",
        "/v1/account/payment-methods",
    ] {
        for (name, ending) in &endings {
            let bytes = post(target, &token) + ending;
            let received = exchange(world.address, bytes.as_bytes(), true).await;
            let answer = Answer::parse(&received);
            let status = answer.as_ref().map(|answer| answer.status);
            assert!(
                status.is_none_or(|status| (400..500).contains(&status)),
                "{target}: {name}: {answer:?}"
            );
            // What the application itself says keeps to the contract.
            if let Some(answer) = answer.filter(|answer| answer.header("Request-Id").is_some()) {
                validate_response("POST", target, answer.status, &answer.headers, &answer.body);
            }
            assert_alive(&world, name).await;
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_body_longer_than_said_is_cut_where_it_was_said(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let before = world.snapshot().await;
    let body = format!(r#"{{"id":"{}","user":"alice"}}"#, scene.saved);
    let bytes = format!(
        "{}Content-Length: {}\r\n\r\n{body}{body}",
        post("/projects/demo/paymentMethods", &token),
        body.len()
    );
    let received = exchange(world.address, bytes.as_bytes(), true).await;
    let answer = Answer::parse(&received).unwrap().expect(200);
    assert_eq!(answer.json()["id"], scene.saved);
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn requests_in_a_row_are_answered_in_order(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n{authorization}\r\n");
    let methods = "/projects/demo/paymentMethods";
    let refused = "{\"id\":1}";
    let bytes = [
        get(&format!("{methods}/{}", scene.saved)),
        get("/v1/nowhere"),
        format!(
            "POST {methods} HTTP/1.1\r\nHost: x\r\n{authorization}Content-Length: {}\r\n\r\n{refused}",
            refused.len()
        ),
        get("/v1/account/payment-methods"),
        // The body of a request that is refused before it is read is not taken for the next request.
        format!("POST {methods} HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nGET /health/live HTTP/1.1\r\n\r\n "),
        "GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
    ]
    .concat();
    let received = exchange(world.address, bytes.as_bytes(), false).await;
    let text = String::from_utf8(received).unwrap();
    let statuses: Vec<&str> = text
        .match_indices("HTTP/1.1 ")
        .map(|(place, _)| &text[place + 9..place + 12])
        .collect();
    assert_eq!(statuses, ["200", "404", "422", "200", "401", "200"], "{text}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_before_it_sends_is_told_to_go_on(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let body = format!(r#"{{"id":"{}","user":"alice"}}"#, scene.saved);
    let bytes = format!(
        "{}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n{body}",
        post("/projects/demo/paymentMethods", &token),
        body.len()
    );
    let received = exchange(world.address, bytes.as_bytes(), false).await;
    assert!(received.starts_with(b"HTTP/1.1 100 Continue\r\n\r\n"));
    Answer::parse(&received).unwrap().expect(200);
    assert_alive(&world, "Expect").await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_clients_that_hang_up_leave_the_server_as_it_was(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let before = world.snapshot().await;
    let bytes = Request::get("/projects/demo/paymentMethods?limit=200")
        .token(&token)
        .to_bytes();
    let clients = (0..64).map(|number| {
        // Each hangs up at another place of its request.
        let sent = &bytes[..bytes.len() * number / 64];
        exchange(world.address, sent, true)
    });
    for received in futures_util::future::join_all(clients).await {
        assert!(!received.starts_with(b"HTTP/1.1 5"));
    }
    before.assert_untouched(&world.snapshot().await);
}
