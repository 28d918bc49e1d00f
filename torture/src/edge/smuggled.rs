//! Requests that two readers could read differently, each with a second request hidden in it.

use Meant::{Both, Broken, Nothing, Outer};

/// What a single reader, by RFC 9112, may make of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// Nothing: they are refused, and the connection ends.
    Nothing,
    /// One request at most, which may be answered before its body is seen to be none; then the connection ends.
    Broken,
    /// One request, whose body the hidden one is, if it is not refused.
    Outer,
    /// Two requests, one after the other.
    Both,
}

/// A case: what it is called, what it means, and its bytes, in which `OUTER` and `INNER` stand for the names that the
/// two requests give themselves.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) meant: Meant,
    text: String,
}

impl Case {
    /// The bytes, with these names.
    pub(crate) fn bytes(&self, outer: &str, inner: &str) -> Vec<u8> {
        self.text
            .replace("OUTER", outer)
            .replace("INNER", inner)
            .into_bytes()
    }
}

const INNER: &str = "GET /health/live?inner HTTP/1.1\r\nHost: x\r\nX-Request-Id: INNER\r\n\r\n";

/// A POST with these headers and this body. It is refused for its lack of a token, so it changes nothing.
fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /projects/amber/paymentMethods HTTP/1.1\r\nHost: x\r\nX-Request-Id: OUTER\r\n{headers}\r\n{body}"
    )
}

/// With chunks that end at once, and the hidden request after them: hidden from whoever goes by the length.
fn chunks_first(headers: &str) -> String {
    let body = format!("0\r\n\r\n{INNER}");
    post(&headers.replace("LENGTH", &body.len().to_string()), &body)
}

/// With a short length, and the hidden request in a chunk: hidden from whoever goes by the chunks.
fn length_first(headers: &str) -> String {
    let size = format!("{:x}\r\n", INNER.len());
    let body = format!("{size}{INNER}\r\n0\r\n\r\n");
    post(&headers.replace("LENGTH", &size.len().to_string()), &body)
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name, meant, text| cases.push(Case { name, meant, text });
    codings(&mut add);
    lengths(&mut add);
    chunks(&mut add);
    well_formed(&mut add);
    odd_heads(&mut add);
    cases
}

/// A length and chunks at once, said plainly and so that only some readers hear it.
fn codings(add: &mut impl FnMut(&'static str, Meant, String)) {
    add(
        "CL.TE",
        Nothing,
        chunks_first("Content-Length: LENGTH\r\nTransfer-Encoding: chunked\r\n"),
    );
    add(
        "TE.CL",
        Nothing,
        length_first("Content-Length: LENGTH\r\nTransfer-Encoding: chunked\r\n"),
    );
    add(
        "TE.CL, chunks said first",
        Nothing,
        length_first("Transfer-Encoding: chunked\r\nContent-Length: LENGTH\r\n"),
    );
    for (name, coding) in [
        ("an unknown coding", "Transfer-Encoding: xchunked"),
        ("a space before the colon", "Transfer-Encoding : chunked"),
        ("a tab before the colon", "Transfer-Encoding\t: chunked"),
        ("a vertical tab", "Transfer-Encoding: \u{b}chunked"),
        ("a form feed", "Transfer-Encoding: \u{c}chunked"),
        ("a NUL", "Transfer-Encoding: chunked\0"),
        ("quotes", "Transfer-Encoding: \"chunked\""),
        ("two codings", "Transfer-Encoding: identity, chunked"),
        ("chunks twice", "Transfer-Encoding: chunked, chunked"),
        ("chunks before another", "Transfer-Encoding: chunked, identity"),
        (
            "said twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        ),
        (
            "said twice, the other way",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        ),
        ("folded", "Transfer-Encoding:\r\n chunked"),
        ("hidden in another header", "X: y\nTransfer-Encoding: chunked"),
        ("after a return alone", "X: y\rTransfer-Encoding: chunked"),
        ("a parameter", "Transfer-Encoding: chunked;q=1"),
        ("a comma", "Transfer-Encoding: ,chunked"),
        ("empty", "Transfer-Encoding:"),
        ("an underscore", "Transfer_Encoding: chunked"),
        ("a letter beyond ASCII", "Transfer-Encod\u{131}ng: chunked"),
        ("identity", "Transfer-Encoding: identity"),
    ] {
        // What is no Transfer-Encoding is another header, and the length holds; else the two contradict each other.
        let meant = if name == "an underscore" { Outer } else { Nothing };
        add(
            name,
            meant,
            chunks_first(&format!("Content-Length: LENGTH\r\n{coding}\r\n")),
        );
        add(name, if name == "an underscore" { Both } else { Nothing }, {
            // The length ends where the hidden request begins.
            post(
                &format!("Content-Length: 5\r\n{coding}\r\n"),
                &format!("0\r\n\r\n{INNER}"),
            )
        });
    }
}

/// Lengths that are none, or several.
fn lengths(add: &mut impl FnMut(&'static str, Meant, String)) {
    let length = INNER.len().to_string();
    for (name, lengths) in [
        (
            "two lengths",
            format!("Content-Length: 0\r\nContent-Length: {length}"),
        ),
        (
            "two lengths, the other way",
            format!("Content-Length: {length}\r\nContent-Length: 0"),
        ),
        (
            "the same length twice",
            format!("Content-Length: {length}\r\nContent-Length: {length}"),
        ),
        ("a list of lengths", format!("Content-Length: 0, {length}")),
        ("a plus", format!("Content-Length: +{length}")),
        ("a minus", "Content-Length: -0".to_owned()),
        (
            "a length with a space in it",
            format!("Content-Length: {} {}", &length[..1], &length[1..]),
        ),
        (
            "a length in hexadecimal",
            format!("Content-Length: 0x{:x}", INNER.len()),
        ),
        (
            "an underscored length",
            format!("Content-Length: {}_{}", &length[..1], &length[1..]),
        ),
        ("a length with a fraction", format!("Content-Length: {length}.0")),
        ("a length and words", format!("Content-Length: {length}abc")),
        ("an empty length", "Content-Length:".to_owned()),
        (
            "a space before the length's colon",
            format!("Content-Length : {length}"),
        ),
        (
            "a length in another script",
            "Content-Length: \u{661}\u{660}".to_owned(),
        ),
        ("a folded length", format!("Content-Length:\r\n {length}")),
    ] {
        add(name, Nothing, post(&format!("{lengths}\r\n"), INNER));
    }
}

/// Chunks that are none.
fn chunks(add: &mut impl FnMut(&'static str, Meant, String)) {
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (name, body) in [
        ("a chunk's size with a plus", format!("+0\r\n\r\n{INNER}")),
        ("a chunk's size with a sign", format!("-0\r\n\r\n{INNER}")),
        (
            "a chunk's size of hexadecimal's own prefix",
            format!("0x0\r\n\r\n{INNER}"),
        ),
        (
            "a chunk's size that overflows",
            format!("10000000000000000\r\n\r\n{INNER}"),
        ),
        ("a chunk's size with letters", format!("0g\r\n\r\n{INNER}")),
        ("no chunk's size", format!("\r\n\r\n{INNER}")),
        (
            "a chunk that ends elsewhere",
            format!("1\r\nxy\r\n0\r\n\r\n{INNER}"),
        ),
        ("a line feed in an extension", format!("0;a\nb\r\n\r\n{INNER}")),
        ("a return in an extension", format!("0;a\rb\r\n\r\n{INNER}")),
        (
            "a chunk that ends with a line feed",
            format!("1\r\nx\n0\r\n\r\n{INNER}"),
        ),
    ] {
        add(name, Broken, post(chunked, &body));
    }
}

/// What is well formed, and has one meaning.
fn well_formed(add: &mut impl FnMut(&'static str, Meant, String)) {
    let length = INNER.len().to_string();
    let chunked = "Transfer-Encoding: chunked\r\n";
    add(
        "two requests at once",
        Both,
        format!("GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: OUTER\r\n\r\n{INNER}"),
    );
    add(
        "a request in a body",
        Outer,
        post(&format!("Content-Length: {length}\r\n"), INNER),
    );
    add(
        "a request in a chunk",
        Outer,
        post(
            chunked,
            &format!("{length:x}\r\n{INNER}\r\n0\r\n\r\n", length = INNER.len()),
        ),
    );
    add(
        "a request in an extension",
        Outer,
        post(chunked, &format!("0;{}\r\n\r\n", INNER.replace("\r\n", " "))),
    );
    add(
        "a GET with a body",
        Outer,
        format!(
            "GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: OUTER\r\nContent-Length: {length}\r\n\r\n{INNER}"
        ),
    );
    add(
        "a length of zero before another",
        Both,
        post("Content-Length: 0\r\n", INNER),
    );
    add(
        "an absolute target",
        Outer,
        "GET http://elsewhere.example/health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: OUTER\r\n\r\n"
            .to_owned(),
    );
}

/// Heads that are not what they should be, or ask for something else than HTTP/1.1.
fn odd_heads(add: &mut impl FnMut(&'static str, Meant, String)) {
    let length = INNER.len().to_string();
    add(
        "two hosts",
        Nothing,
        format!("GET /health/live HTTP/1.1\r\nHost: x\r\nHost: y\r\nX-Request-Id: OUTER\r\n\r\n{INNER}"),
    );
    add(
        "no host",
        Nothing,
        format!("GET /health/live HTTP/1.1\r\nX-Request-Id: OUTER\r\n\r\n{INNER}"),
    );
    add(
        "chunks in HTTP/1.0",
        Nothing,
        chunks_first("Transfer-Encoding: chunked\r\n").replace(
            "HTTP/1.1\r\nHost: x\r\nX-Request-Id: OUTER",
            "HTTP/1.0\r\nHost: x\r\nX-Request-Id: OUTER",
        ),
    );
    add(
        "an upgrade to HTTP/2",
        Both,
        format!(
            "GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: OUTER\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n{INNER}"
        ),
    );
    add(
        "an upgrade to a WebSocket",
        Outer,
        format!(
            "GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: OUTER\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n{INNER}"
        ),
    );
    add(
        "HTTP/2 at once",
        Nothing,
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{INNER}"),
    );
    add(
        "a header that the connection is to forget",
        Outer,
        post(
            &format!("Connection: Content-Length\r\nContent-Length: {length}\r\n"),
            INNER,
        ),
    );
    add(
        "someone who asks before sending",
        Outer,
        post(
            &format!("Expect: 100-continue\r\nContent-Length: {length}\r\n"),
            INNER,
        ),
    );
    add(
        "a line before the first",
        Both,
        format!("\r\nGET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: OUTER\r\n\r\n{INNER}"),
    );
    add(
        "a space before the first header",
        Nothing,
        format!("GET /health/live HTTP/1.1\r\n Host: x\r\nX-Request-Id: OUTER\r\n\r\n{INNER}"),
    );
    add(
        "HEAD with a body",
        Outer,
        format!(
            "HEAD /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: OUTER\r\nContent-Length: {length}\r\n\r\n{INNER}"
        ),
    );
}
