//! HTTP by hand: what is written here is what is sent.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long one exchange may take.
const EXCHANGE: Duration = Duration::from_secs(15);

/// An answer, as far as these trials look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What the instance calls the request; none where a proxy or the HTTP library answered.
    pub(crate) request_id: Option<String>,
}

/// Sends bytes on a connection of their own, and gives all that comes back until it ends. Where the other side takes
/// no more, what it said until then counts.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut received = Vec::new();
    let exchanging = async {
        let Ok(socket) = TcpStream::connect(address).await else {
            return;
        };
        let (mut reading, mut writing) = socket.into_split();
        let write = async {
            if writing.write_all(bytes).await.is_ok() {
                // Half a request can only end when the client has no more to say.
                drop(writing.shutdown().await);
            }
        };
        let read = async {
            let mut chunk = vec![0; 16 * 1024];
            while let Ok(length @ 1..) = reading.read(&mut chunk).await {
                received.extend_from_slice(&chunk[..length]);
            }
        };
        tokio::join!(write, read);
    };
    // Too late is an answer too: none.
    drop(timeout(EXCHANGE, exchanging).await);
    received
}

/// Sends the parts one after the other on one connection, each when the answers to the one before have come or the
/// connection has been quiet for a while. Gives all that came back.
pub(crate) async fn converse(address: SocketAddr, parts: &[&[u8]]) -> Vec<u8> {
    const QUIET: Duration = Duration::from_millis(150);
    let mut received = Vec::new();
    let Ok(mut socket) = TcpStream::connect(address).await else {
        return received;
    };
    let mut chunk = vec![0; 16 * 1024];
    for (place, part) in parts.iter().enumerate() {
        if socket.write_all(part).await.is_err() {
            break;
        }
        let last = place + 1 == parts.len();
        let patience = if last { Duration::from_secs(3) } else { QUIET };
        let answers = answers(&received).len();
        loop {
            match timeout(patience, socket.read(&mut chunk)).await {
                Ok(Ok(length @ 1..)) => received.extend_from_slice(&chunk[..length]),
                Ok(_) => return received,
                Err(_) => break,
            }
            if last && self::answers(&received).len() > answers {
                // The last one is answered. Should more come, it comes at once.
                while let Ok(Ok(length @ 1..)) = timeout(QUIET, socket.read(&mut chunk)).await {
                    received.extend_from_slice(&chunk[..length]);
                }
                break;
            }
        }
    }
    received
}

/// The whole answers in the bytes, in their order. Interim ones (1xx) are left out.
pub(crate) fn answers(bytes: &[u8]) -> Vec<Answer> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let Some(status) = head
            .strip_prefix("HTTP/1.")
            .and_then(|line| line.get(2..5)?.parse().ok())
        else {
            break;
        };
        let header = |wanted: &str| {
            head.lines().skip(1).find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
            })
        };
        rest = &rest[end + 4..];
        let length = header("content-length").and_then(|length| length.parse().ok());
        let length: usize = if header("transfer-encoding").is_some() {
            // Only proxies' own pages come so, and they end with an empty chunk.
            let last = rest.windows(5).position(|window| window == b"0\r\n\r\n");
            last.map_or(rest.len(), |place| place + 5)
        } else {
            length.unwrap_or_default()
        };
        rest = rest.get(length..).unwrap_or_default();
        if status >= 200 {
            found.push(Answer {
                status,
                request_id: header("request-id"),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\nRequest-Id: req_1\r\n\r\nabc\
                      HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                      1\r\na\r\n0\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\nhalf an HTTP/1.1 200";
        let statuses: Vec<u16> = answers(bytes).iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 404, 200, 400]);
        assert_eq!(answers(bytes)[0].request_id.as_deref(), Some("req_1"));
    }
}
