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
/// Requests that come together are handed on a few at a time. The HTTP library would parse all of them at once, and a parsed one
/// takes hundreds of times the memory of the twenty bytes in which it can be sent.
pub(super) struct Stream {
    socket: TcpStream,
    connection: Rc<Connection>,
    head_end: HeadEnd,
    /// What came together with the heads that were handed on last.
    held: BytesMut,
    /// How many bytes, and how many ends of heads, have been handed on since the dispatcher last looked at anything.
    taken_at_once: usize,
    heads_at_once: usize,
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
            heads_at_once: 0,
            is_to_look: false,
        }
    }

    /// What the bytes are about.
    pub(super) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Fills the buffer, up to the end of the last head that is handed on at once. Says with how many bytes.
    fn take(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        if self.held.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
            let arrived = &buffer.filled()[before..];
            let bytes = self.handed_on(arrived);
            self.held.extend_from_slice(&arrived[bytes..]);
            buffer.set_filled(before + bytes);
            return Poll::Ready(Ok(bytes));
        }
        let mut held = std::mem::take(&mut self.held);
        let room = held.len().min(buffer.remaining());
        let bytes = self.handed_on(&held[..room]);
        buffer.put_slice(&held.split_to(bytes));
        // Once all has gone, its memory goes too.
        if !held.is_empty() {
            self.held = held;
        }
        Poll::Ready(Ok(bytes))
    }

    /// How many of the bytes are handed on now, and notes whether the dispatcher is to look before there is more.
    fn handed_on(&mut self, bytes: &[u8]) -> usize {
        let mut end = 0;
        while let Some(length) = self.head_end.find(&bytes[end..]) {
            end += length;
            self.heads_at_once += 1;
            // A body may be full of what looks like the end of a head.
            let is_enough =
                !self.connection.reads_body() || self.taken_at_once + end >= EdgeLimits::LOOK_AFTER_BYTES;
            if is_enough && self.heads_at_once >= EdgeLimits::HEADS_AT_ONCE {
                self.is_to_look = true;
                return end;
            }
        }
        self.is_to_look = self.taken_at_once + bytes.len() >= EdgeLimits::BYTES_AT_ONCE;
        bytes.len()
    }

    /// The dispatcher looks now at what it has.
    fn looked_at(&mut self) {
        self.is_to_look = false;
        self.taken_at_once = 0;
        self.heads_at_once = 0;
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_to_look {
            self.looked_at();
            // Without anything more the socket says when to come again.
            if !self.held.is_empty() || self.socket.poll_read_ready(context).is_ready() {
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        if !self.connection.has_room(context.waker()) {
            return Poll::Pending;
        }
        let heads_before = self.heads_at_once;
        let Poll::Ready(bytes) = self.take(context, buffer) else {
            self.looked_at();
            return Poll::Pending;
        };
        let bytes = bytes?;
        self.taken_at_once += bytes;
        if bytes > 0 && !self.connection.received(bytes, self.heads_at_once > heads_before) {
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
    async fn requests_that_come_together_are_handed_on_a_few_at_a_time() {
        let (mut client, mut stream) = connected().await;
        let request = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
        let sent = request.repeat(3_000);
        let (written, ()) = tokio::join!(client.write_all(sent.as_bytes()), async {
            let mut handed_on = 0;
            while handed_on < 3_000 {
                let taken = until_next_look(&mut stream).await;
                let heads = taken.len() / request.len();
                assert_eq!(taken, request.repeat(heads).as_bytes());
                assert!((1..=EdgeLimits::HEADS_AT_ONCE).contains(&heads), "{heads}");
                handed_on += heads;
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
        let few = request.repeat(EdgeLimits::HEADS_AT_ONCE);
        client
            .write_all(few.repeat(3).as_bytes())
            .await
            .expect("it is taken");
        assert_eq!(until_next_look(&mut stream).await, few.as_bytes());
        let handling = Rc::clone(stream.connection()).handle(0);
        assert_eq!(
            until_next_look(&mut stream).await,
            few.as_bytes(),
            "the next are at hand"
        );
        let mut space = [0; 1024];
        let mut buffer = ReadBuf::new(&mut space);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            let read = Pin::new(&mut stream).poll_read(&mut context, &mut buffer);
            assert!(read.is_pending(), "{:?}", buffer.filled());
        }
        drop(handling);
        assert_eq!(until_next_look(&mut stream).await, few.as_bytes());
    }

    #[tokio::test]
    async fn a_body_that_comes_with_its_head_is_handed_on_with_it() {
        let (mut client, mut stream) = connected().await;
        let request = "POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n{\"id\":1}";
        client.write_all(request.as_bytes()).await.expect("it is taken");
        assert_eq!(until_next_look(&mut stream).await, request.as_bytes());
    }
}
