//! A connection's bytes, on whose way the connection learns what happens.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::web::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    connection::{Connection, Overdue},
    head_end::HeadEnd,
    limits::EdgeLimits,
};

/// The answer to a head that does not end. There is no request yet, so it has no name and no body.
const HEAD_TOOK_TOO_LONG: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A TCP stream that tells its connection what it does.
///
/// Requests that come together are handed on one after the other. The HTTP library would parse all of them at once, and a parsed
/// one takes hundreds of times the memory of the twenty bytes in which it can be sent.
pub(super) struct Stream {
    socket: TcpStream,
    connection: Rc<Connection>,
    head_end: HeadEnd,
    /// What came together with the head that was handed on last.
    held: BytesMut,
    /// How much has been handed on since the dispatcher last looked at anything.
    taken_at_once: usize,
    /// The dispatcher reads for as long as there is something. Now it is to look first, and to come again.
    is_to_look: bool,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, connection: Rc<Connection>) -> Self {
        Self {
            socket,
            connection,
            head_end: HeadEnd::default(),
            held: BytesMut::new(),
            taken_at_once: 0,
            is_to_look: false,
        }
    }

    /// What the bytes are about.
    pub(super) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Fills the buffer, up to the end of a head at most. Says with how many bytes, and whether they end one.
    fn take(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<(usize, bool)>> {
        if self.held.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
            let arrived = &buffer.filled()[before..];
            let end = self.head_end.find(arrived);
            let bytes = end.unwrap_or(arrived.len());
            self.held.extend_from_slice(&arrived[bytes..]);
            buffer.set_filled(before + bytes);
            return Poll::Ready(Ok((bytes, end.is_some())));
        }
        let room = self.held.len().min(buffer.remaining());
        let end = self.head_end.find(&self.held[..room]);
        let bytes = end.unwrap_or(room);
        buffer.put_slice(&self.held.split_to(bytes));
        if self.held.is_empty() {
            // The rest of an emptied one would still take its memory.
            self.held = BytesMut::new();
        }
        Poll::Ready(Ok((bytes, end.is_some())))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_to_look {
            self.is_to_look = false;
            self.taken_at_once = 0;
            // Without anything more the socket says when to come again.
            if !self.held.is_empty() || self.socket.poll_read_ready(context).is_ready() {
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        if !self.connection.has_room(context.waker()) {
            return Poll::Pending;
        }
        let Poll::Ready(taken) = self.take(context, buffer) else {
            self.taken_at_once = 0;
            return Poll::Pending;
        };
        let (bytes, ends_head) = taken?;
        self.taken_at_once += bytes;
        // A body may be full of what looks like the end of a head.
        let looks = ends_head
            && (!self.connection.reads_body() || self.taken_at_once >= EdgeLimits::LOOK_AFTER_BYTES);
        self.is_to_look = looks || self.taken_at_once >= EdgeLimits::BYTES_AT_ONCE;
        if bytes > 0 && !self.connection.received(bytes, ends_head) {
            return Poll::Ready(Err(io::Error::other("more arrives than anyone reads")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        if written.is_pending() {
            self.connection.answer_waits();
        }
        written
    }

    /// The dispatcher flushes only when it has nothing left to write.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.answer_was_taken();
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Both are attempts: whoever is too slow has no claim to an answer.
        match self.connection.overdue() {
            Some(Overdue::Head) => drop(self.socket.try_write(HEAD_TOOK_TOO_LONG)),
            // Else the system would keep what was not taken, and try on for minutes.
            Some(Overdue::Answer) => drop(self.socket.set_zero_linger()),
            Some(Overdue::Idle) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, net::SocketAddr, task::Waker};

    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    /// A client's end, and the stream that the server has of it.
    async fn connected() -> (TcpStream, Stream) {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("there are ports");
        let address = listener.local_addr().expect("it listens");
        let (client, served) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (served, _) = served.expect("the client comes");
        (
            client.expect("the listener is there"),
            Stream::new(served, Connection::new()),
        )
    }

    /// What the dispatcher reads between two looks; empty at the end.
    async fn until_next_look(stream: &mut Stream) -> Vec<u8> {
        let mut read = Vec::new();
        poll_fn(|context| {
            loop {
                let mut space = [0; 8 * 1024];
                let mut buffer = ReadBuf::new(&mut space);
                match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                    Poll::Ready(taken) => {
                        taken.expect("the client is there");
                        if buffer.filled().is_empty() {
                            return Poll::Ready(());
                        }
                        read.extend_from_slice(buffer.filled());
                    }
                    Poll::Pending if read.is_empty() => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(()),
                }
            }
        })
        .await;
        read
    }

    #[tokio::test]
    async fn requests_that_come_together_are_handed_on_one_by_one() {
        let (mut client, mut stream) = connected().await;
        let request = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
        let sent = request.repeat(3_000);
        let (written, ()) = tokio::join!(client.write_all(sent.as_bytes()), async {
            for _ in 0..3_000 {
                assert_eq!(until_next_look(&mut stream).await, request.as_bytes());
            }
        });
        written.expect("all is taken");
        client.shutdown().await.expect("the client can say that it ends");
        assert!(until_next_look(&mut stream).await.is_empty());
    }

    #[tokio::test]
    async fn what_comes_beside_a_request_waits_until_it_is_handled() {
        let (mut client, mut stream) = connected().await;
        let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        client
            .write_all(request.repeat(4).as_bytes())
            .await
            .expect("it is taken");
        assert_eq!(until_next_look(&mut stream).await, request.as_bytes());
        let handling = Rc::clone(stream.connection()).handle(0);
        assert_eq!(
            until_next_look(&mut stream).await,
            request.as_bytes(),
            "one is at hand"
        );
        let mut space = [0; 1024];
        let mut buffer = ReadBuf::new(&mut space);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            let read = Pin::new(&mut stream).poll_read(&mut context, &mut buffer);
            assert!(read.is_pending(), "{:?}", buffer.filled());
        }
        drop(handling);
        for _ in 0..2 {
            assert_eq!(until_next_look(&mut stream).await, request.as_bytes());
        }
    }
}
