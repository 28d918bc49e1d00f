//! A network that fails on demand: a TCP proxy on 127.0.0.1 in front of a server.

mod connection;

use std::fmt::{self, Display};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

/// What becomes of a chunk of bytes on its way from the client to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is forwarded.
    Pass,
    /// The connection is closed, and the server never sees the chunk.
    Cut,
    /// It is forwarded, and the connection is closed once the server has answered; the client never sees the answer.
    ///
    /// The server has then surely acted on it: the way to make a commit whose outcome the client does not know.
    CutAfterAnswer,
    /// The whole proxy freezes, as by [`TcpProxy::freeze`]; the chunk is forwarded after [`TcpProxy::pass`].
    Freeze,
    /// It is forwarded, then the whole proxy freezes, so that the answer waits for [`TcpProxy::pass`].
    FreezeAfter,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

/// How bytes flow, and how often everything was cut so far.
#[derive(Clone, Copy, Debug)]
struct Rules {
    flow: Flow,
    cuts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Pass,
    Delay(Duration),
    Freeze,
}

type Inspector = Box<dyn FnMut(&[u8]) -> Verdict + Send>;

/// The faults that are bound to bytes.
#[derive(Default)]
struct Plan {
    bytes_to_server: Option<u64>,
    bytes_to_client: Option<u64>,
    inspector: Option<Inspector>,
}

struct Shared {
    target: String,
    rules: watch::Sender<Rules>,
    plan: Mutex<Plan>,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_flow(&self, flow: Flow) {
        self.rules.send_modify(|rules| rules.flow = flow);
    }
}

enum Order {
    Refuse(oneshot::Sender<()>),
    Accept(oneshot::Sender<io::Result<()>>),
}

/// A TCP proxy on a port of 127.0.0.1 that forwards to a server until it is told to misbehave.
///
/// It starts without a fault. Every connection and the listener are closed on drop.
pub struct TcpProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    orders: mpsc::UnboundedSender<Order>,
    acceptor: JoinHandle<()>,
}

impl TcpProxy {
    /// Starts a proxy in front of `target`, a host and a port such as `127.0.0.1:5432`.
    ///
    /// The target is connected to anew for each client; it need not listen yet.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(target: impl Display) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: target.to_string(),
            rules: watch::Sender::new(Rules {
                flow: Flow::Pass,
                cuts: 0,
            }),
            plan: Mutex::default(),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let (orders, received) = mpsc::unbounded_channel();
        let acceptor = tokio::spawn(accept(listener, address, Arc::clone(&shared), received));
        Ok(Self {
            address,
            shared,
            orders,
            acceptor,
        })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted since the start.
    pub fn accepted_connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Removes every fault but a refusal; bytes that were held back flow on, in order.
    pub fn pass(&self) {
        *self.shared.plan() = Plan::default();
        self.shared.set_flow(Flow::Pass);
    }

    /// Holds each chunk back for this long, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.shared.set_flow(Flow::Delay(delay));
    }

    /// Forwards nothing more, in both directions, while connections stay open and new ones are accepted.
    pub fn freeze(&self) {
        self.shared.set_flow(Flow::Freeze);
    }

    /// Resets every open connection on both sides; new ones are served.
    pub fn cut(&self) {
        self.shared.rules.send_modify(|rules| rules.cuts += 1);
    }

    /// Closes the connection that carries the last of the next `count` bytes from clients, right after it is forwarded.
    ///
    /// Counted over all connections; later ones are served.
    pub fn cut_after_bytes_to_server(&self, count: u64) {
        self.shared.plan().bytes_to_server = Some(count);
    }

    /// Closes the connection that carries the last of the next `count` bytes from the server, right after it is forwarded.
    ///
    /// Counted over all connections; later ones are served.
    pub fn cut_after_bytes_to_client(&self, count: u64) {
        self.shared.plan().bytes_to_client = Some(count);
    }

    /// Shows each chunk from clients to `inspector`, which decides what becomes of it, until [`TcpProxy::pass`].
    ///
    /// A chunk is what one read returned: for a client that waits for answers, one request or a part of it.
    pub fn inspect_to_server(&self, inspector: impl FnMut(&[u8]) -> Verdict + Send + 'static) {
        self.shared.plan().inspector = Some(Box::new(inspector));
    }

    /// Gives `verdict` to the first chunk from clients that contains `bytes`, and lets every other pass.
    pub fn on_bytes_to_server(&self, bytes: impl Into<Vec<u8>>, verdict: Verdict) {
        let bytes = bytes.into();
        let mut met = false;
        self.inspect_to_server(move |chunk| {
            if !met && chunk.windows(bytes.len().max(1)).any(|window| window == bytes) {
                met = true;
                verdict
            } else {
                Verdict::Pass
            }
        });
    }

    /// Closes the listening port, so that new connections are refused; open ones go on.
    pub async fn refuse_new(&self) {
        let (done, wait) = oneshot::channel();
        // Both fail only when the runtime is shutting down, and the listener with it.
        let _ = self.orders.send(Order::Refuse(done));
        let _ = wait.await;
    }

    /// Listens again after [`TcpProxy::refuse_new`], on the same port.
    ///
    /// # Errors
    /// When another program has taken the port meanwhile.
    pub async fn accept_new(&self) -> io::Result<()> {
        let (done, wait) = oneshot::channel();
        // A failed send drops `done`, which the wait below reports.
        let _ = self.orders.send(Order::Accept(done));
        wait.await.map_err(io::Error::other)?
    }
}

impl fmt::Debug for TcpProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TcpProxy")
            .field("address", &self.address)
            .field("target", &self.shared.target)
            .field("open_connections", &self.open_connections())
            .finish_non_exhaustive()
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        // The acceptor owns the listener and the set of connection tasks: all of them end with it.
        self.acceptor.abort();
    }
}

/// Serves clients and orders until it is aborted.
async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Order::Refuse(done)) => {
                    listener = None;
                    let _ = done.send(());
                }
                Some(Order::Accept(done)) => {
                    let _ = done.send(listen_again(&mut listener, address).await);
                }
                None => return,
            },
            client = next_client(listener.as_ref()) => {
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                connections.spawn(connection::serve(client, connection::Open::new(Arc::clone(&shared))));
            }
            // Keeps the set from growing with connections that are over.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn listen_again(listener: &mut Option<TcpListener>, address: SocketAddr) -> io::Result<()> {
    if listener.is_none() {
        *listener = Some(TcpListener::bind(address).await?);
    }
    Ok(())
}

async fn next_client(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        // A client that is gone before it was accepted is no reason to stop.
        match listener.accept().await {
            Ok((client, _)) => return client,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
