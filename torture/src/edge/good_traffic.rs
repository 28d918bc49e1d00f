//! Clients that behave, beside those that do not: at a steady rate, whatever becomes of the answers.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{task::JoinHandle, time::MissedTickBehavior};

use crate::TortureError;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// What good clients heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    seconds: Vec<f64>,
    /// What went wrong, one entry each.
    failures: Vec<String>,
}

impl Heard {
    pub(crate) fn asked(&self) -> usize {
        self.seconds.len() + self.failures.len()
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// The share that was answered, of 1.
    #[expect(clippy::cast_precision_loss, reason = "as many as a run has are exact")]
    pub(crate) fn share(&self) -> f64 {
        self.seconds.len() as f64 / self.asked().max(1) as f64
    }

    /// Of a hundred answers, 99 came within so many milliseconds.
    pub(crate) fn slowest_but_one_percent(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        let place = (seconds.len() * 99).div_ceil(100).saturating_sub(1);
        seconds.get(place).copied().unwrap_or_default() * 1_000.0
    }
}

/// Clients that go on asking until they are stopped.
pub(crate) struct GoodTraffic {
    heard: Arc<Mutex<Heard>>,
    asking: JoinHandle<()>,
}

impl GoodTraffic {
    /// Asks so many times a second, one request after the other of these: targets, with a token.
    pub(crate) fn start(
        http: &reqwest::Client,
        address: SocketAddr,
        per_second: u32,
        targets: Vec<String>,
        token: String,
    ) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (http, to) = (http.clone(), Arc::clone(&heard));
        let asking = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut under_way = tokio::task::JoinSet::new();
            for target in targets.iter().cycle() {
                ticks.tick().await;
                while under_way.try_join_next().is_some() {}
                let request = http
                    .get(format!("http://{address}{target}"))
                    .bearer_auth(&token)
                    .timeout(PATIENCE);
                let to = Arc::clone(&to);
                under_way.spawn(async move {
                    let began = Instant::now();
                    let answer = match request.send().await {
                        Ok(answer) if answer.status().is_success() => answer.bytes().await.map(drop),
                        Ok(answer) => answer.error_for_status().map(drop),
                        Err(error) => Err(error),
                    };
                    let mut heard = to.lock();
                    match answer {
                        Ok(()) => heard.seconds.push(began.elapsed().as_secs_f64()),
                        Err(error) => heard.failures.push(error.to_string()),
                    }
                });
            }
        });
        Self { heard, asking }
    }

    /// Asks no more, waits for what is under way for a moment, and tells what was heard.
    pub(crate) async fn stop(self) -> Result<Heard, TortureError> {
        // Those that are under way go with it: they were asked in the last moment, and are counted by no one.
        self.asking.abort();
        drop(self.asking.await);
        Ok(std::mem::take(&mut *self.heard.lock()))
    }
}
