//! One connection through the proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::{Direction, Flow, Rules, Shared, Verdict};

/// The size of the largest chunk: more than any database or HTTP message of a test.
const CHUNK_BYTES: usize = 64 * 1024;

/// A connection that counts as open until it is dropped.
pub(super) struct Open {
    shared: Arc<Shared>,
    rules: watch::Receiver<Rules>,
    cuts_before: u64,
}

impl Open {
    /// Made when the client is accepted, so that a cut right afterwards meets this connection too.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        let rules = shared.rules.subscribe();
        let cuts_before = rules.borrow().cuts;
        Self {
            shared,
            rules,
            cuts_before,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The connection is to be closed as planned.
struct Cut;

/// Forwards between the client and the server until both are done or a fault ends it.
pub(super) async fn serve(mut client: TcpStream, open: Open) {
    let mut rules = open.rules.clone();
    let cut = rules.wait_for(|rules| rules.cuts != open.cuts_before);
    tokio::pin!(cut);

    let mut server = tokio::select! {
        biased;
        _ = &mut cut => {
            reset(&client);
            return;
        }
        connected = connect(&open) => match connected {
            Ok(server) => server,
            Err(_) => return,
        },
    };
    // Small messages go out at once, as they came: the proxy's only delays are the ones asked for.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);

    let swallow_answer = AtomicBool::new(false);
    let was_cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both_ways = async {
            tokio::try_join!(
                pump(
                    &open,
                    Direction::ToServer,
                    &swallow_answer,
                    from_client,
                    to_server
                ),
                pump(
                    &open,
                    Direction::ToClient,
                    &swallow_answer,
                    from_server,
                    to_client
                ),
            )
        };
        tokio::select! {
            biased;
            _ = &mut cut => true,
            // Done or cut as planned: dropping the sockets closes them in order, so that what was forwarded arrives.
            _ = both_ways => false,
        }
    };
    if was_cut {
        reset(&client);
        reset(&server);
    }
}

async fn connect(open: &Open) -> std::io::Result<TcpStream> {
    wait_for_flow(open).await;
    TcpStream::connect(&open.shared.target).await
}

/// Makes closing the socket a reset instead of an orderly end.
fn reset(socket: &TcpStream) {
    // Where it fails, the socket is broken already.
    let _ = socket.set_zero_linger();
}

/// Returns when bytes may flow, after their delay.
async fn wait_for_flow(open: &Open) {
    let mut rules = open.rules.clone();
    // An error means the proxy is gone, and this task with it.
    let flow = match rules.wait_for(|rules| rules.flow != Flow::Freeze).await {
        Ok(rules) => rules.flow,
        Err(_) => return,
    };
    if let Flow::Delay(delay) = flow {
        tokio::time::sleep(delay).await;
    }
}

/// Forwards one way until the sender has no more to say.
async fn pump(
    open: &Open,
    direction: Direction,
    swallow_answer: &AtomicBool,
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
) -> Result<(), Cut> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(0) => {
                wait_for_flow(open).await;
                let _ = to.shutdown().await;
                return Ok(());
            }
            Ok(count) => count,
            // The other side learns of a broken connection by losing its own.
            Err(_) => return Err(Cut),
        };
        let chunk = &buffer[..count];
        let verdict = match direction {
            Direction::ToServer => inspect(open, chunk),
            Direction::ToClient if swallow_answer.load(Ordering::SeqCst) => return Err(Cut),
            Direction::ToClient => Verdict::Pass,
        };
        match verdict {
            Verdict::Cut => return Err(Cut),
            Verdict::CutAfterAnswer => swallow_answer.store(true, Ordering::SeqCst),
            Verdict::Freeze => open.shared.set_flow(Flow::Freeze),
            Verdict::Pass | Verdict::FreezeAfter => {}
        }
        wait_for_flow(open).await;
        let (allowed, is_last) = spend(open, direction, count);
        to.write_all(&chunk[..allowed]).await.map_err(|_| Cut)?;
        if is_last {
            return Err(Cut);
        }
        if verdict == Verdict::FreezeAfter {
            open.shared.set_flow(Flow::Freeze);
        }
    }
}

fn inspect(open: &Open, chunk: &[u8]) -> Verdict {
    open.shared
        .plan()
        .inspector
        .as_mut()
        .map_or(Verdict::Pass, |inspector| inspector(chunk))
}

/// Takes `count` bytes from the budget of this direction: how many may go, and whether the connection ends with them.
fn spend(open: &Open, direction: Direction, count: usize) -> (usize, bool) {
    let mut plan = open.shared.plan();
    let budget = match direction {
        Direction::ToServer => &mut plan.bytes_to_server,
        Direction::ToClient => &mut plan.bytes_to_client,
    };
    let Some(left) = *budget else {
        return (count, false);
    };
    match usize::try_from(left) {
        Ok(left) if left <= count => {
            *budget = None;
            (left, true)
        }
        _ => {
            *budget = Some(left - count as u64);
            (count, false)
        }
    }
}
