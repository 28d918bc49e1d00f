//! A connection by hand: what a test writes is what the server reads, when the test writes it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Nothing takes this long, on a machine however busy.
const DEADLINE: Duration = Duration::from_mins(1);

/// A connection to a server.
pub(crate) struct RawConnection {
    socket: TcpStream,
    received: Vec<u8>,
    made: Instant,
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What came until then and was not taken out before.
    pub(crate) received: String,
    /// How long after it was made, or after the last call to [`RawConnection::restart_clock`].
    pub(crate) after: Duration,
}

impl RawConnection {
    /// Connects.
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await;
        Self::of(socket.expect("the server should take connections"))
    }

    /// Connects, with hardly any room for what comes back.
    pub(crate) async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("there should be sockets");
        socket
            .set_recv_buffer_size(2048)
            .expect("the buffer's size can be set");
        let socket = socket.connect(address).await;
        Self::of(socket.expect("the server should take connections"))
    }

    fn of(socket: TcpStream) -> Self {
        Self {
            socket,
            received: Vec::new(),
            made: Instant::now(),
        }
    }

    /// Counts the time of [`Ended::after`] from now on.
    pub(crate) fn restart_clock(&mut self) {
        self.made = Instant::now();
    }

    /// Sends bytes. Says whether the server still took them.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sent = timeout(DEADLINE, self.socket.write_all(bytes.as_ref())).await;
        sent.expect("a server takes what is sent, or ends the connection")
            .is_ok()
    }

    /// The next whole answer, with its head and its body.
    pub(crate) async fn answer(&mut self) -> String {
        loop {
            if let Some(length) = whole_answer(&self.received) {
                let answer: Vec<u8> = self.received.drain(..length).collect();
                return String::from_utf8_lossy(&answer).into_owned();
            }
            let more = self.read().await;
            assert!(
                more,
                "the connection ended before a whole answer came: {:?}",
                String::from_utf8_lossy(&self.received)
            );
        }
    }

    /// Reads until the server ends the connection.
    pub(crate) async fn ended(mut self) -> Ended {
        while self.read().await {}
        Ended {
            received: String::from_utf8_lossy(&self.received).into_owned(),
            after: self.made.elapsed(),
        }
    }

    /// Reads more. Says whether there may be more still.
    async fn read(&mut self) -> bool {
        let mut chunk = vec![0; 16 * 1024];
        let read = timeout(DEADLINE, self.socket.read(&mut chunk)).await;
        match read.expect("a server answers, or ends the connection") {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.received.extend_from_slice(&chunk[..length]);
                true
            }
        }
    }
}

/// The length of the first answer in the bytes, if it is whole.
fn whole_answer(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok())
        .unwrap_or_default();
    (bytes.len() >= head + length).then_some(head + length)
}
