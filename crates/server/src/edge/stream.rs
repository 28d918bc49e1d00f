//! A connection's bytes, on whose way the connection learns what happens.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    connection::{Connection, Overdue},
    limits::EdgeLimits,
};

/// The answer to a head that does not end. There is no request yet, so it has no name and no body.
const HEAD_TOOK_TOO_LONG: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A TCP stream that tells its connection what it does.
pub(super) struct Stream {
    socket: TcpStream,
    connection: Rc<Connection>,
    /// How much has been taken in since the dispatcher last looked at anything.
    taken_at_once: usize,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, connection: Rc<Connection>) -> Self {
        Self {
            socket,
            connection,
            taken_at_once: 0,
        }
    }

    /// What the bytes are about.
    pub(super) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.connection.has_room(context.waker()) {
            return Poll::Pending;
        }
        if self.taken_at_once >= EdgeLimits::BYTES_AT_ONCE {
            // The dispatcher reads for as long as there is something. Now it looks, and comes again.
            self.taken_at_once = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        let bytes = buffer.filled().len() - before;
        if bytes > 0 && !self.connection.received(bytes) {
            return Poll::Ready(Err(io::Error::other("more arrives than anyone reads")));
        }
        self.taken_at_once = if read.is_pending() {
            0
        } else {
            self.taken_at_once + bytes
        };
        read
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
