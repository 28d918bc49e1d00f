//! HTTP/1.1 by hand: what a test writes is what the server reads.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// No answer takes this long, on a machine however busy.
const DEADLINE: Duration = Duration::from_mins(1);

/// A request, sent on a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path and the query, as they are sent.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    chunked: bool,
}

impl Request {
    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: None,
            chunked: false,
        }
    }

    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn delete(target: impl Into<String>) -> Self {
        Self::new("DELETE", target)
    }

    pub(crate) fn post(target: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends the body in chunks, its length not told beforehand.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// The request as bytes, to be the last on its connection.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { method, target, .. } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: billfold.test\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        let mut sent_body = Vec::new();
        if let Some(body) = &self.body {
            if self.chunked {
                head.push_str("Transfer-Encoding: chunked\r\n");
                for chunk in body.chunks(4096) {
                    sent_body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    sent_body.extend_from_slice(chunk);
                    sent_body.extend_from_slice(b"\r\n");
                }
                sent_body.extend_from_slice(b"0\r\n\r\n");
            } else {
                let _ = write!(head, "Content-Length: {}\r\n", body.len());
                sent_body.clone_from(body);
            }
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&sent_body);
        bytes
    }

    /// The path without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads the first final answer in the bytes; interim ones (100) are skipped. `None` when there is no whole one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).expect("the head of an answer is text");
        let rest = &bytes[end + 4..];
        let mut lines = head.split("\r\n");
        let status_line = lines.next()?;
        let status: u16 = status_line
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| status_line.strip_prefix("HTTP/1.0 "))
            .and_then(|line| line.get(..3))
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("no status line: {status_line}"));
        if status < 200 {
            return Self::parse(rest);
        }
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').expect("a header has a colon");
                (name.to_owned(), value.trim().to_owned())
            })
            .collect();
        let mut answer = Self {
            status,
            headers,
            body: Vec::new(),
        };
        answer.body = if answer.header("transfer-encoding").is_some() {
            unchunk(rest)?
        } else {
            match answer.header("content-length") {
                // An answer to HEAD tells a length and has no body.
                Some(length) if !rest.is_empty() => rest.get(..length.parse().ok()?)?.to_vec(),
                _ => rest.to_vec(),
            }
        };
        Some(answer)
    }

    /// The only header of this name, or the first.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Everything that a caller could tell two answers apart by, but the request's own id and the time.
    pub(crate) fn fingerprint(&self) -> (u16, Vec<(String, String)>, String) {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .filter(|(name, _)| name != "request-id" && name != "date")
            .collect();
        headers.sort();
        (self.status, headers, self.text())
    }

    /// For the project API: the code and the property of every detail, in order.
    pub(crate) fn details(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.json()["details"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|detail| (text(&detail["property"]), text(&detail["code"])))
            .collect()
    }
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// Sends bytes on a connection of their own, and gives all that came back until the server closed it.
///
/// With `close`, the sending side is closed after the last byte.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8], close: bool) -> Vec<u8> {
    tokio::time::timeout(DEADLINE, async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        // The server may answer and close before it has read everything, so that writing fails: the answer counts.
        let write = async move {
            let _ = writer.write_all(bytes).await;
            if close {
                let _ = writer.shutdown().await;
            }
            writer
        };
        let read = async move {
            let mut received = Vec::new();
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(length @ 1..) = reader.read(&mut buffer).await {
                received.extend_from_slice(&buffer[..length]);
            }
            received
        };
        let (writer, received) = tokio::join!(write, read);
        drop(writer);
        received
    })
    .await
    .expect("the server neither answers nor closes the connection")
}
