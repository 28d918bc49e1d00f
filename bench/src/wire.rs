//! Messages of HTTP/1.1 as the programs of this machine exchange them: with a length, on connections that stay open.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest message that is read.
const LONGEST: usize = 4 * 1024 * 1024;

/// Reads one message after the other from a connection.
pub(crate) struct Messages<R> {
    source: R,
    buffer: Vec<u8>,
    /// How much of the buffer the last message was.
    taken: usize,
}

/// A request or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// The whole of it.
    pub(crate) bytes: &'a [u8],
    /// How much of it the head is, the empty line included.
    head: usize,
}

impl<'a> Message<'a> {
    /// What follows the head.
    pub(crate) fn body(&self) -> &'a [u8] {
        &self.bytes[self.head..]
    }

    /// The status, where it is an answer; otherwise 0.
    pub(crate) fn status(&self) -> u16 {
        let digits = self.bytes.get(9..12).unwrap_or_default();
        std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_default()
    }
}

impl<R: AsyncRead + Unpin> Messages<R> {
    /// Those of a connection.
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::with_capacity(16 * 1024),
            taken: 0,
        }
    }

    /// Waits until something of the next message is there. False where the other side has ended the connection instead.
    pub(crate) async fn begin(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        Ok(!self.buffer.is_empty() || self.read().await? > 0)
    }

    /// The next message, whole.
    pub(crate) async fn next(&mut self) -> io::Result<Message<'_>> {
        if !self.begin().await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (head, whole) = loop {
            if let Some(head) = end_of_head(&self.buffer) {
                break (head, head + length(&self.buffer[..head])?);
            }
            self.read_more().await?;
        };
        while self.buffer.len() < whole {
            self.read_more().await?;
        }
        self.taken = whole;
        Ok(Message {
            bytes: &self.buffer[..whole],
            head,
        })
    }

    async fn read(&mut self) -> io::Result<usize> {
        if self.buffer.len() > LONGEST {
            return Err(io::Error::other("a message is too long"));
        }
        self.source.read_buf(&mut self.buffer).await
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.read().await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// How long the body is, as the head says. One that has no length has none.
fn length(head: &[u8]) -> io::Result<usize> {
    let unreadable = || io::Error::other("a message has a head that cannot be read");
    let text = std::str::from_utf8(head).map_err(|_| unreadable())?;
    for line in text.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            return value.trim().parse().map_err(|_| unreadable());
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(io::Error::other(
                "a message comes in pieces, which is not read here",
            ));
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::Messages;

    #[tokio::test]
    async fn one_message_after_the_other_is_read() {
        let sent =
            b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 No Content\r\nA: b\r\n\r\n";
        let mut messages = Messages::new(&sent[..]);
        let first = messages.next().await.expect("a message");
        assert_eq!((first.status(), first.body()), (201, &b"hello"[..]));
        let second = messages.next().await.expect("a message");
        assert_eq!((second.status(), second.body()), (204, &b""[..]));
        assert!(!messages.begin().await.expect("the end"), "nothing follows");
    }

    #[tokio::test]
    async fn what_ends_too_early_or_comes_in_pieces_is_an_error() {
        for sent in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"[..],
            b"HTTP/1.1 200 OK\r\nContent-Len",
            b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let failed = Messages::new(sent).next().await.is_err();
            assert!(failed, "{}", String::from_utf8_lossy(sent));
        }
    }
}
