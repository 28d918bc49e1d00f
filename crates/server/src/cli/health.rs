//! `billfold health`

use std::{io, net::SocketAddr, time::Duration};

use clap::Args;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{CommandError, dev_webhooks::reachable, print};

/// How long one question may take, connection included.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before the next one.
const PAUSE: Duration = Duration::from_millis(200);
/// How much of an answer is read: more than a ready instance has to say.
const LONGEST_ANSWER: u64 = 4096;
/// How much of a refusal is repeated.
const SHOWN: usize = 200;

#[derive(Debug, Args)]
pub(super) struct Health {
    /// Where the instance listens, as it was told itself.
    #[arg(
        long,
        env = "BILLFOLD_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,
    /// What to ask for. The answer 200 is good.
    #[arg(
        long,
        env = "BILLFOLD_HEALTH_PATH",
        default_value = "/health/ready",
        value_parser = path,
        value_name = "PATH"
    )]
    path: String,
    /// How long to go on asking until the answer is good, in seconds. 0 asks once.
    #[arg(
        long,
        env = "BILLFOLD_HEALTH_WAIT",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=3600),
        value_name = "SECONDS"
    )]
    wait: u64,
}

impl Health {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let address = reachable(self.listen);
        let asked = format!("http://{address}{}", self.path);
        let end = Instant::now() + Duration::from_secs(self.wait);
        loop {
            let fault = match timeout(PATIENCE, ask(address, &self.path)).await {
                Ok(Ok(answer)) if answer.status == "200" => {
                    print(&format!("{asked} answers 200\n"))?;
                    return Ok(());
                }
                Ok(Ok(Answer { status, body })) => format!("answers {status} {body}"),
                Ok(Err(error)) => format!("does not answer: {error}"),
                Err(_) => format!("does not answer within {} s", PATIENCE.as_secs()),
            };
            if Instant::now() >= end {
                return Err(format!("{asked} {}", fault.trim_end()).into());
            }
            sleep(PAUSE).await;
        }
    }
}

/// A path as it stands in a request's first line.
fn path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("a path begins with / and has neither spaces nor control characters".to_owned())
    }
}

/// What an instance has answered.
struct Answer {
    status: String,
    /// The beginning of it, fit for a line.
    body: String,
}

/// Asks once. The instances of this machine speak plain HTTP, and what they answer here is short, so no client for HTTP is
/// taken along for it.
async fn ask(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .map(|status| status.trim_end().to_owned())
        .ok_or_else(|| io::Error::other("what it says is not HTTP"))?;
    let body = body
        .chars()
        .take(SHOWN)
        .filter(|character| !character.is_control())
        .collect();
    Ok(Answer { status, body })
}
