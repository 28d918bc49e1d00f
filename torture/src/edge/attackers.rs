//! Clients that hold connections for as long as they can.

use std::{
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::TortureError;

/// How a client is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slowness {
    /// The first head comes byte by byte.
    FirstHead,
    /// The second head does, after a good request.
    SecondHead,
    /// The body does.
    Body,
    /// The answers are hardly read.
    Reading,
    /// After a good request, nothing.
    Idle,
}

impl Slowness {
    pub(crate) const ALL: [Self; 5] = [
        Self::FirstHead,
        Self::SecondHead,
        Self::Body,
        Self::Reading,
        Self::Idle,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FirstHead => "slow first heads",
            Self::SecondHead => "slow second heads",
            Self::Body => "slow bodies",
            Self::Reading => "slow readers",
            Self::Idle => "idle",
        }
    }
}

/// What an attack came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    /// How many connections were made.
    pub(crate) connections: usize,
    /// How many were ended by the other side while they were slow.
    pub(crate) ended: usize,
    /// The longest that one was held, from when its limit began.
    pub(crate) longest: Duration,
}

/// How often a slow client sends or reads a byte.
const PACE: Duration = Duration::from_millis(500);

/// What has the largest answer of all.
const LARGEST: &str = "/docs/swagger/swagger-ui-bundle.js";

/// What a slow client needs to know.
#[derive(Clone)]
pub(crate) struct Victim {
    pub(crate) address: SocketAddr,
    pub(crate) project: String,
    /// A token that may write in the project.
    pub(crate) token: String,
}

/// Holds so many connections in this way, each made anew when it is ended, for so long.
pub(crate) async fn attack(
    slowness: Slowness,
    connections: usize,
    duration: Duration,
    victim: &Victim,
) -> Result<Held, TortureError> {
    let until = Instant::now() + duration;
    let mut attackers = JoinSet::new();
    for number in 0..connections {
        let victim = victim.clone();
        attackers.spawn(async move {
            // Not all in one moment: nobody can make a thousand connections at once.
            sleep(Duration::from_millis(u64::try_from(number).unwrap_or_default())).await;
            let mut held = Held::default();
            while Instant::now() < until {
                held.connections += 1;
                let left = until.saturating_duration_since(Instant::now());
                match timeout(left, hold(slowness, &victim)).await {
                    Ok(Ok(time)) => {
                        held.ended += 1;
                        held.longest = held.longest.max(time);
                    }
                    // No connection could be made; or the time is over.
                    Ok(Err(_)) => sleep(PACE).await,
                    Err(_) => break,
                }
            }
            held
        });
    }
    let mut all = Held::default();
    while let Some(held) = attackers.join_next().await {
        let held = held?;
        all.connections += held.connections;
        all.ended += held.ended;
        all.longest = all.longest.max(held.longest);
    }
    Ok(all)
}

/// Holds one connection until it is ended, and says for how long that was from when its limit began.
async fn hold(slowness: Slowness, victim: &Victim) -> std::io::Result<Duration> {
    let good = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut socket = match slowness {
        Slowness::Reading => {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(2048)?;
            socket.connect(victim.address).await?
        }
        _ => TcpStream::connect(victim.address).await?,
    };
    let began = Instant::now();
    if matches!(slowness, Slowness::SecondHead | Slowness::Idle) {
        socket.write_all(good.as_bytes()).await?;
        // The answer is one, and small.
        let mut answer = [0; 1024];
        let _ = socket.read(&mut answer).await?;
    }
    match slowness {
        Slowness::Idle => {
            let began = Instant::now();
            ended(&mut socket).await;
            Ok(began.elapsed())
        }
        Slowness::FirstHead => {
            socket
                .write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                .await?;
            trickle(&mut socket).await;
            Ok(began.elapsed())
        }
        Slowness::SecondHead => {
            let began = Instant::now();
            socket
                .write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                .await?;
            trickle(&mut socket).await;
            Ok(began.elapsed())
        }
        Slowness::Body => {
            let head = format!(
                "POST /projects/{}/paymentMethods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 8000\r\n\r\n{{",
                victim.project, victim.token
            );
            socket.write_all(head.as_bytes()).await?;
            trickle(&mut socket).await;
            Ok(began.elapsed())
        }
        Slowness::Reading => {
            let (mut reading, mut writing) = socket.into_split();
            // More than every buffer on the way back holds, by one answer as by many. It may take no more than some of it.
            let asking = format!("GET {LARGEST} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(200);
            let began = Instant::now();
            // What lies unread on this side hides the end from whoever only reads.
            let ask = async {
                drop(writing.write_all(asking.as_bytes()).await);
                std::future::pending::<()>().await;
            };
            let read = async {
                let mut byte = [0];
                while let Ok(1..) = reading.read(&mut byte).await {
                    sleep(PACE).await;
                    if !matches!(reading.as_ref().take_error(), Ok(None)) {
                        break;
                    }
                }
            };
            tokio::select! {
                () = ask => {}
                () = read => {}
            }
            Ok(began.elapsed())
        }
    }
}

/// Sends a byte now and then until the other side ends the connection.
async fn trickle(socket: &mut TcpStream) {
    let (mut reading, mut writing) = socket.split();
    let write = async {
        while writing.write_all(b"a").await.is_ok() {
            sleep(PACE).await;
        }
    };
    let read = async {
        let mut chunk = [0; 1024];
        while let Ok(1..) = reading.read(&mut chunk).await {}
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}

async fn ended(socket: &mut TcpStream) {
    let mut chunk = [0; 1024];
    while let Ok(1..) = socket.read(&mut chunk).await {}
}

/// A mode of Debian's slowhttptest, with its options.
pub(crate) const SLOWHTTPTEST: [(&str, &[&str]); 3] = [
    ("slowloris", &["-H", "-t", "GET", "-i", "1", "-x", "24"]),
    (
        "slow body",
        &["-B", "-t", "POST", "-i", "1", "-s", "8192", "-x", "10"],
    ),
    (
        "slow read",
        &["-X", "-w", "256", "-y", "512", "-n", "1", "-z", "1", "-k", "10"],
    ),
];

/// Runs slowhttptest in one mode, and tells how it describes the end: how many connections were closed, and whether the
/// service was there all the time.
pub(crate) async fn slowhttptest(
    options: &[&str],
    connections: usize,
    duration: Duration,
    url: &str,
) -> Result<String, TortureError> {
    let mut child = tokio::process::Command::new("slowhttptest")
        .args(options)
        .args(["-c", &connections.to_string(), "-r", "500", "-p", "3"])
        .args(["-l", &duration.as_secs().to_string(), "-u", url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            format!("slowhttptest is not here ({error}): Debian's package slowhttptest brings it")
        })?;
    let mut said = Vec::new();
    if let Some(output) = child.stdout.as_mut() {
        timeout(duration + Duration::from_secs(30), output.read_to_end(&mut said)).await??;
    }
    child.wait().await?;
    let told = last_words(&String::from_utf8_lossy(&said));
    if told.is_empty() {
        return Err(format!("slowhttptest takes no such options: {options:?}").into());
    }
    Ok(told)
}

/// The last figures that it printed, without the colours of its terminal.
fn last_words(said: &str) -> String {
    let mut plain = String::new();
    let mut in_escape = false;
    for character in said.chars() {
        match character {
            '\u{1b}' => in_escape = true,
            _ if in_escape => in_escape = !character.is_ascii_alphabetic(),
            character => plain.push(character),
        }
    }
    let last = |name: &str| {
        let line = plain
            .lines()
            .rev()
            .find(|line| line.trim_start().starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let figures = [
        "closed",
        "connected",
        "error",
        "service available",
        "exit status",
        "Exit status",
    ];
    let told = figures
        .iter()
        .filter_map(|name| last(name).map(|value| format!("{name} {value}")));
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::last_words;

    #[test]
    fn the_last_figures_are_read_without_their_colours() {
        let said = "\u{1b}[1minitializing:        \u{1b}[0m 0\nclosed:  1\nclosed: \u{1b}[1;32m 1000\u{1b}[0m\nservice available:   YES\nTest ended on 25th second\nExit status: No open connections left\n";
        assert_eq!(
            last_words(said),
            "closed 1000, service available YES, Exit status No open connections left"
        );
    }
}
