//! What spans are sent to: it takes all, and throws them away.

use std::io;

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::wire::Messages;

/// Listens for spans until it is dropped.
pub(crate) struct Collector {
    /// Where, on 127.0.0.1.
    pub(crate) port: u16,
    listening: JoinHandle<()>,
}

impl Collector {
    /// Begins to listen.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that ends is one that its client has ended.
                tokio::spawn(async move { drop(take(client).await) });
            }
        });
        Ok(Self { port, listening })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn take(client: TcpStream) -> io::Result<()> {
    let (from_client, mut to_client) = client.into_split();
    let mut requests = Messages::new(from_client);
    while requests.begin().await? {
        requests.next().await?;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        to_client.write_all(answer).await?;
    }
    Ok(())
}
