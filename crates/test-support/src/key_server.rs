//! An https server on loopback that serves one text, as an identity provider serves its key set.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// What the server does with the next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// 200 with this body, and leave to keep it for a year.
    Text(String),
    /// This status, a `Location` that leads back here, and no body.
    Status(u16),
    /// 200 with chunks of this many bytes in all, their number never told beforehand.
    Chunks(usize),
    /// 200 with a length that is told, and less than that.
    CutShort,
    /// Nothing, until another answer is set.
    Silence,
    /// The end of the connection before TLS is set up.
    NoTls,
}

/// An https server on `127.0.0.1` with a certificate by an authority of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct KeyServer {
    address: SocketAddr,
    authority: String,
    answer: watch::Sender<KeyAnswer>,
    requests: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl KeyServer {
    /// Starts to serve. The certificate is for these names, such as `127.0.0.1`.
    pub async fn start(names: &[&str], answer: KeyAnswer) -> io::Result<Self> {
        let (authority, config) = certificate(names).map_err(io::Error::other)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let answer = watch::Sender::new(answer);
        let requests = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            answer.clone(),
            Arc::clone(&requests),
        ));
        Ok(Self {
            address,
            authority,
            answer,
            requests,
            _tasks: tasks,
        })
    }

    /// Where the text is.
    pub fn url(&self) -> String {
        format!("https://{}/keys.json", self.address)
    }

    /// The certificate of its authority, in PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What is answered from now on; requests that wait in silence get it too.
    pub fn set(&self, answer: KeyAnswer) {
        self.answer.send_replace(answer);
    }

    /// How many requests have come.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

fn certificate(names: &[&str]) -> Result<(String, ServerConfig), Box<dyn std::error::Error + Send + Sync>> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    Ok((authority.pem(), config))
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    answer: watch::Sender<KeyAnswer>,
    requests: Arc<AtomicU64>,
) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let (acceptor, answer, requests) = (acceptor.clone(), answer.subscribe(), Arc::clone(&requests));
        connections.spawn(async move {
            // A client that hangs up is none of this server's business.
            let _ = tokio::time::timeout(
                Duration::from_mins(1),
                converse(stream, acceptor, answer, requests),
            )
            .await;
        });
    }
}

async fn converse(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    mut answer: watch::Receiver<KeyAnswer>,
    requests: Arc<AtomicU64>,
) -> io::Result<()> {
    if *answer.borrow() == KeyAnswer::NoTls {
        return Ok(());
    }
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 {
        head.push(stream.read_u8().await?);
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let answer = answer
        .wait_for(|answer| *answer != KeyAnswer::Silence)
        .await
        .map_err(io::Error::other)?
        .clone();
    let head = "Connection: close\r\nCache-Control: public, max-age=31536000, immutable\r\nExpires: Fri, 31 Dec 2100 23:59:59 GMT\r\n";
    match answer {
        KeyAnswer::Text(text) => {
            let length = text.len();
            let reply = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {length}\r\n\r\n{text}");
            stream.write_all(reply.as_bytes()).await?;
        }
        KeyAnswer::Status(status) => {
            let reply = format!(
                "HTTP/1.1 {status} X\r\n{head}Location: /keys.json?again\r\nContent-Length: 0\r\n\r\n"
            );
            stream.write_all(reply.as_bytes()).await?;
        }
        KeyAnswer::Chunks(bytes) => {
            let reply = format!("HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n");
            stream.write_all(reply.as_bytes()).await?;
            for _ in 0..bytes / 1024 {
                stream.write_all(b"400\r\n").await?;
                stream.write_all(&[b' '; 1024]).await?;
                stream.write_all(b"\r\n").await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
        KeyAnswer::CutShort => {
            let reply = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: 1000\r\n\r\n{{");
            stream.write_all(reply.as_bytes()).await?;
        }
        KeyAnswer::Silence | KeyAnswer::NoTls => {}
    }
    stream.shutdown().await
}
