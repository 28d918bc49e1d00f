//! Sends requests over connections that stay open, and notes how long each answer took.
//!
//! At a pace, each request has a time at which it begins, whatever became of those before it, and its answer is counted
//! from that time on: a server that stands still for a moment makes all wait that would have come in it, and they all
//! count. One that sends only when it has been answered would wait with the server and see one slow answer.

mod pace;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::AsyncWriteExt as _,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, oneshot},
    task::JoinSet,
};

use crate::{BenchError, wire::Messages};

/// How much longer than planned a run may take.
const GRACE: Duration = Duration::from_secs(20);

/// What is sent, by its number.
pub(crate) trait Requests: Send + Sync + 'static {
    /// Adds a whole request to the bytes. False where there is none of this number and none after it.
    fn write(&self, number: usize, bytes: &mut Vec<u8>) -> bool;

    /// The status that every answer must have.
    fn status(&self) -> u16;

    /// Takes an answer's body.
    fn answered(&self, _number: usize, _body: &[u8]) {}
}

/// When requests begin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as a connection has its answer: for rates.
    Unpaced,
    /// So many a second, at fixed times: for latencies.
    ASecond(f64),
}

/// Where requests go, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    /// How many requests can be under way at once.
    pub(crate) connections: u32,
    pub(crate) pace: Pace,
    pub(crate) time: Duration,
}

/// A request and its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) number: usize,
    /// When it was to begin.
    pub(crate) planned: Instant,
    /// When the whole answer was there.
    pub(crate) ended: Instant,
    /// How much later than planned it was sent: there was no free connection, or the generator itself was late.
    late: Duration,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// In no order.
    pub(crate) answers: Vec<Answered>,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
}

impl Outcome {
    /// Answers a second.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 answers")]
    pub(crate) fn rate(&self) -> f64 {
        self.answers.len() as f64 / self.seconds
    }

    /// The times from plan to answer.
    pub(crate) fn latencies(&self) -> Vec<Duration> {
        let times = self.answers.iter();
        times.map(|answer| answer.ended - answer.planned).collect()
    }

    /// The times from plan to sending.
    pub(crate) fn lateness(&self) -> Vec<Duration> {
        self.answers.iter().map(|answer| answer.late).collect()
    }
}

/// Sends for a while. An answer of another status than expected ends it.
pub(crate) async fn run(plan: Plan, requests: Arc<dyn Requests>) -> Result<Outcome, BenchError> {
    let (sender, receiver) = oneshot::channel();
    // A thread of its own, with nothing else to do, so that its own work does not make answers look late.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let outcome = match runtime {
            Ok(runtime) => runtime.block_on(send(plan, requests)),
            Err(error) => Err(error.into()),
        };
        // Nobody hears of it where the run was interrupted.
        drop(sender.send(outcome));
    });
    receiver.await?
}

/// The requests of a run, handed out one by one.
struct Turns {
    requests: Arc<dyn Requests>,
    began: Instant,
    given: AtomicUsize,
    when: When,
}

enum When {
    Until(Instant),
    Paced {
        rate: f64,
        number: usize,
        due: Arc<Semaphore>,
    },
}

impl Turns {
    /// The number of the next request and when it was to begin, once that time has come.
    async fn next(&self) -> Option<(usize, Instant)> {
        match &self.when {
            When::Until(end) => {
                let now = Instant::now();
                (now < *end).then(|| (self.given.fetch_add(1, Ordering::Relaxed), now))
            }
            When::Paced { rate, number, due } => {
                due.acquire().await.ok()?.forget();
                let mine = self.given.fetch_add(1, Ordering::Relaxed);
                (mine < *number).then(|| (mine, self.began + pace::offset(mine, *rate)))
            }
        }
    }
}

async fn send(plan: Plan, requests: Arc<dyn Requests>) -> Result<Outcome, BenchError> {
    let mut connections = Vec::new();
    for _ in 0..plan.connections {
        let stream = TcpStream::connect(("127.0.0.1", plan.port)).await?;
        stream.set_nodelay(true)?;
        connections.push(stream.into_split());
    }
    let began = Instant::now();
    let when = match plan.pace {
        Pace::Unpaced => When::Until(began + plan.time),
        Pace::ASecond(rate) => {
            let number = pace::number(plan.time, rate);
            let due = Arc::new(Semaphore::new(0));
            pace::keep(began, rate, number, plan.connections, Arc::clone(&due));
            When::Paced { rate, number, due }
        }
    };
    let turns = Arc::new(Turns {
        requests,
        began,
        given: AtomicUsize::new(0),
        when,
    });
    let mut at_work = JoinSet::new();
    for connection in connections {
        at_work.spawn(ask(connection, Arc::clone(&turns)));
    }
    let mut answers = Vec::new();
    let collecting = async {
        while let Some(of_connection) = at_work.join_next().await {
            answers.append(&mut of_connection??);
        }
        Ok::<_, BenchError>(())
    };
    tokio::time::timeout(plan.time + GRACE, collecting)
        .await
        .map_err(|_| "the answers do not come in time")??;
    let ended = answers.iter().map(|answer| answer.ended).max();
    let ended = ended.ok_or("there was no request to send")?;
    Ok(Outcome {
        answers,
        seconds: (ended - began).as_secs_f64(),
    })
}

/// What one connection does: a request when it is its turn, then its answer.
async fn ask(
    (source, mut sink): (OwnedReadHalf, OwnedWriteHalf),
    turns: Arc<Turns>,
) -> Result<Vec<Answered>, BenchError> {
    let mut messages = Messages::new(source);
    let mut answers = Vec::new();
    let mut request = Vec::new();
    while let Some((number, planned)) = turns.next().await {
        request.clear();
        if !turns.requests.write(number, &mut request) {
            break;
        }
        let late = planned.elapsed();
        sink.write_all(&request).await?;
        let answer = messages.next().await?;
        let ended = Instant::now();
        if answer.status() != turns.requests.status() {
            return Err(format!(
                "{} was expected: {}",
                turns.requests.status(),
                String::from_utf8_lossy(answer.bytes)
            )
            .into());
        }
        turns.requests.answered(number, answer.body());
        answers.push(Answered {
            number,
            planned,
            ended,
            late,
        });
    }
    Ok(answers)
}
