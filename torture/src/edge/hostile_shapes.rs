//! Shapes of requests: sizes, depths, lengths and chunks that lie.

use super::hostile_requests::{Case, Material, head};

/// How many connections send more requests than anyone reads, at the same time.
const MANY_TOGETHER: usize = 64;

/// A name for a report, and the bytes.
type Shape = (&'static str, Vec<u8>);

impl Material<'_> {
    /// All of them.
    pub(crate) fn by_hand(&self) -> Vec<Case> {
        let all = [
            self.heads(),
            many_together(),
            self.lengths(),
            self.chunks(),
            self.forms(),
            self.bodies(),
        ];
        let named = |(name, bytes): Shape| (name.to_owned(), bytes);
        all.into_iter().flatten().map(named).collect()
    }

    /// A write with these headers, and what follows them.
    fn write(&self, more: &str, rest: &[u8]) -> Vec<u8> {
        let head = head("POST", self.methods().as_bytes(), self.backend, more.as_bytes());
        [head.as_slice(), b"\r\n", rest].concat()
    }

    /// A write with this body.
    fn sized(&self, body: &[u8]) -> Vec<u8> {
        Material::post(&self.methods(), self.backend, b"", body)
    }

    fn heads(&self) -> Vec<Shape> {
        vec![
            ("97 headers", get(&headers(94, 1))),
            ("1,000 headers", get(&headers(1_000, 1))),
            ("a head of 127 KiB", get(&headers(1, 127 * 1024))),
            ("a head of 129 KiB", get(&headers(1, 129 * 1024))),
            ("a head of 1 MiB", get(&headers(64, 16 * 1024))),
            ("one header of 1 MiB", get(&headers(1, 1024 * 1024))),
            (
                "a target of 65 KiB",
                self.get(&[b"/", vec![b'a'; 65 * 1024].as_slice()].concat()),
            ),
            (
                "a target of 1 MiB",
                self.get(&[b"/", vec![b'a'; 1024 * 1024].as_slice()].concat()),
            ),
            (
                "10,000 parameters",
                self.get(format!("{}?{}", self.methods(), "a=b&".repeat(10_000)).as_bytes()),
            ),
            (
                "a token of 60 KiB",
                [
                    head("GET", self.methods().as_bytes(), &"a".repeat(60 * 1024), b""),
                    b"\r\n".to_vec(),
                ]
                .concat(),
            ),
        ]
    }

    fn lengths(&self) -> Vec<Shape> {
        vec![
            (
                "10 GB to come",
                self.write("Content-Length: 10000000000\r\n", &[b'x'; 100_000]),
            ),
            (
                "10 GB and nothing",
                self.write("Content-Length: 10000000000\r\n", b""),
            ),
            (
                "a length of 20 digits",
                self.write("Content-Length: 99999999999999999999\r\n", b"x"),
            ),
            (
                "a length with a plus",
                self.write("Content-Length: +2\r\n", b"{}"),
            ),
            (
                "a length with a minus",
                self.write("Content-Length: -2\r\n", b"{}"),
            ),
            (
                "a length with a comma",
                self.write("Content-Length: 2, 2\r\n", b"{}"),
            ),
            (
                "a length in hexadecimal",
                self.write("Content-Length: 0x2\r\n", b"{}"),
            ),
            (
                "two lengths",
                self.write("Content-Length: 2\r\nContent-Length: 3\r\n", b"{} "),
            ),
            (
                "a length and chunks",
                self.write(
                    "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                    b"0\r\n\r\n",
                ),
            ),
        ]
    }

    fn chunks(&self) -> Vec<Shape> {
        let chunked = |rest: &[u8]| self.write("Transfer-Encoding: chunked\r\n", rest);
        vec![
            ("a chunk's size that is none", chunked(b"zz\r\n{}\r\n0\r\n\r\n")),
            (
                "a chunk of 2^64",
                chunked(b"10000000000000000\r\n{}\r\n0\r\n\r\n"),
            ),
            (
                "a chunk of 2^64 - 1",
                chunked(b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
            ),
            (
                "a chunk's size of 1 MiB of digits",
                chunked(&vec![b'0'; 1024 * 1024]),
            ),
            ("a chunk's extension", chunked(b"2;a=\"b\"\r\n{}\r\n0\r\n\r\n")),
            (
                "an extension of 1 MiB",
                chunked(&[b"2;".as_slice(), &vec![b'a'; 1024 * 1024], b"\r\n{}\r\n0\r\n\r\n"].concat()),
            ),
            (
                "trailers",
                chunked(b"2\r\n{}\r\n0\r\nX: y\r\nContent-Length: 5\r\n\r\n"),
            ),
            (
                "100,000 trailers",
                chunked(&[b"0\r\n".to_vec(), b"X: y\r\n".repeat(100_000)].concat()),
            ),
            (
                "100,000 chunks of a byte",
                chunked(&b"1\r\nx\r\n".repeat(100_000)),
            ),
            (
                "chunks of 8 MiB",
                chunked(
                    &[b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"]
                        .concat()
                        .repeat(2_048),
                ),
            ),
        ]
    }

    fn forms(&self) -> Vec<Shape> {
        vec![
            ("a folded header", get("X: y\r\n z\r\n")),
            ("a header without a colon", get("nonsense\r\n")),
            ("a space before the colon", get("X : y\r\n")),
            (
                "line feeds alone",
                b"GET /health/live HTTP/1.1\nHost: x\nConnection: close\n\n".to_vec(),
            ),
            (
                "returns alone",
                b"GET /health/live HTTP/1.1\rHost: x\r\r".to_vec(),
            ),
            ("1 MiB of empty lines", b"\r\n".repeat(512 * 1024)),
            ("1 MiB of zeros", vec![0; 1024 * 1024]),
            ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(50)),
            (
                "HTTP/2",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec(),
            ),
            (
                "a WebSocket",
                get(
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n",
                ),
            ),
            (
                "a WebSocket with a body",
                self.write(
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n",
                    b"{}",
                ),
            ),
            (
                "CONNECT",
                b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec(),
            ),
            (
                "TRACE",
                b"TRACE /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec(),
            ),
            (
                "an absolute target",
                self.get(b"http://169.254.169.254/latest/meta-data"),
            ),
            (
                "a range of everything",
                get(&format!("Range: bytes={}\r\n", "0-,".repeat(5_000))),
            ),
            (
                "every encoding",
                get(&format!("Accept-Encoding: {}\r\n", "gzip,".repeat(5_000))),
            ),
            ("200 requests at once", self.get(b"/health/live").repeat(200)),
        ]
    }

    fn bodies(&self) -> Vec<Shape> {
        vec![
            (
                "JSON 8,000 deep",
                self.sized(&[b"{\"id\":".to_vec(), b"[".repeat(8_000)].concat()),
            ),
            ("objects 2,000 deep", self.sized(&b"{\"a\":".repeat(2_000))),
            (
                "3,000 members",
                self.sized(format!("{{{}\"id\":1}}", "\"a\":1,".repeat(2_000)).as_bytes()),
            ),
            (
                "a number of 10,000 digits",
                self.sized(&[b"{\"id\":".as_slice(), &[b'9'; 10_000], b"}"].concat()),
            ),
            (
                "JSON in UTF-16",
                self.sized(
                    &"{\"id\":1}"
                        .encode_utf16()
                        .flat_map(u16::to_le_bytes)
                        .collect::<Vec<_>>(),
                ),
            ),
            (
                "half a pair in JSON",
                self.sized(b"{\"id\":\"\\ud800\",\"user\":1}"),
            ),
            ("JSON twice", self.sized(b"{\"id\":1}{\"id\":2}")),
            ("16 KiB and a byte", self.sized(&[b' '; 16 * 1024 + 1])),
            (
                "a webhook of 513 KiB",
                Material::post(
                    &format!("/webhooks/stripe/{}", self.project),
                    "",
                    b"Stripe-Signature: t=1,v1=00\r\n",
                    &[b' '; 513 * 1024],
                ),
            ),
            (
                "a bomb for a decoder",
                Material::post(
                    &self.methods(),
                    self.backend,
                    b"Content-Encoding: gzip\r\n",
                    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
                ),
            ),
        ]
    }
}

/// A GET that anyone may send, with these headers.
fn get(more: &str) -> Vec<u8> {
    [
        head("GET", b"/health/live", "", more.as_bytes()),
        b"\r\n".to_vec(),
    ]
    .concat()
}

/// More requests on a connection than anyone reads, on many connections next to each other.
fn many_together() -> Vec<Shape> {
    let smallest = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3_000);
    vec![("3,000 requests at once", smallest.into_bytes()); MANY_TOGETHER]
}

/// So many headers, each so long.
fn headers(number: usize, length: usize) -> String {
    let lines: Vec<String> = (0..number)
        .map(|place| format!("X-{place}: {}\r\n", "y".repeat(length)))
        .collect();
    lines.concat()
}
