//! Passes calls on to Stripe's stand-in, and notes how long each took.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::wire::Messages;

/// A call, as the stand-in's side of the network sees it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// When its first byte came.
    pub(crate) begun: Instant,
    /// When the last byte of its answer had gone.
    pub(crate) ended: Instant,
    /// Its request line, its headers and its body.
    pub(crate) text: String,
}

type Calls = Arc<Mutex<Vec<Call>>>;

/// Listens for calls until it is dropped.
pub(super) struct Proxy {
    pub(super) port: u16,
    calls: Calls,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Begins to listen on 127.0.0.1, for a server on the same.
    pub(super) async fn start(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let calls = Calls::default();
        let listening = tokio::spawn(listen(listener, server, Arc::clone(&calls)));
        Ok(Self {
            port,
            calls,
            listening,
        })
    }

    /// The calls since it was asked last, in the order of their ends.
    pub(super) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, server: u16, calls: Calls) {
    while let Ok((client, _)) = listener.accept().await {
        let calls = Arc::clone(&calls);
        // A connection that ends is one that its client has ended.
        tokio::spawn(async move { drop(pass_on(client, server, calls).await) });
    }
}

async fn pass_on(client: TcpStream, server: u16, calls: Calls) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (mut requests, mut answers) = (Messages::new(from_client), Messages::new(from_server));
    loop {
        // Whichever side ends the connection ends it for the other too, as if nothing were between them.
        let goes_on = tokio::select! {
            comes = requests.begin() => comes?,
            _ = answers.begin() => false,
        };
        if !goes_on {
            return Ok(());
        }
        let begun = Instant::now();
        let request = requests.next().await?;
        to_server.write_all(request.bytes).await?;
        let text = String::from_utf8_lossy(request.bytes).into_owned();
        let answer = answers.next().await?;
        to_client.write_all(answer.bytes).await?;
        let call = Call {
            begun,
            ended: Instant::now(),
            text,
        };
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_is_passed_on_and_noted_and_an_end_is_passed_on_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = listener.local_addr().expect("it listens").port();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let (from_client, mut to_client) = stream.into_split();
            let mut requests = Messages::new(from_client);
            let request = requests.next().await.expect("a request");
            let asked = String::from_utf8_lossy(request.bytes).into_owned();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            to_client.write_all(answer).await.expect("it listens");
            asked
        });
        let proxy = Proxy::start(server).await.expect("a free port");
        let client = TcpStream::connect(("127.0.0.1", proxy.port))
            .await
            .expect("it listens");
        let (from_proxy, mut to_proxy) = client.into_split();
        let mut answers = Messages::new(from_proxy);
        let request = b"POST /v1/customers HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello";
        to_proxy.write_all(request).await.expect("it listens");
        let answer = answers.next().await.expect("an answer");
        assert_eq!((answer.status(), answer.body()), (200, &b"ok"[..]));
        assert!(
            !answers.begin().await.expect("the end"),
            "the server has ended the connection"
        );
        let asked = serving.await.expect("it ended well");
        let calls = proxy.take_calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].text, asked);
        assert!(calls[0].begun < calls[0].ended && proxy.take_calls().is_empty());
    }
}
