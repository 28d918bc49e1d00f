//! Tells connections that a request is due.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

/// When a request begins, from the beginning of the run.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 requests")]
pub(super) fn offset(number: usize, rate: f64) -> Duration {
    Duration::from_secs_f64(number as f64 / rate)
}

/// How many requests begin in a time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a run has some hundred thousand"
)]
pub(super) fn number(time: Duration, rate: f64) -> usize {
    (time.as_secs_f64() * rate) as usize
}

/// Gives a permit for each request when it is due, and one for each connection at the end. Returns at once.
pub(super) fn keep(began: Instant, rate: f64, number: usize, connections: u32, due: Arc<Semaphore>) {
    // A thread that sleeps wakes more precisely than the runtime, whose timers count milliseconds.
    std::thread::spawn(move || {
        wake_precisely();
        let mut given = 0;
        while given < number {
            let next = began + offset(given, rate);
            let wait = next.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                std::thread::sleep(wait);
            }
            let now_due = (self::number(began.elapsed(), rate) + 1).clamp(given, number);
            due.add_permits(now_due - given);
            given = now_due;
        }
        due.add_permits(usize::try_from(connections).unwrap_or(usize::MAX));
    });
}

/// Has the system wake this thread when it asked to, not up to 50 µs later, where it can.
fn wake_precisely() {
    let thread = fs::read_link("/proc/thread-self").unwrap_or_default();
    if let Some(id) = thread.file_name() {
        let path = std::path::Path::new("/proc").join(id).join("timerslack_ns");
        // Without it the run is as good, and each answer up to 50 µs later.
        drop(fs::write(path, "1"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_spread_evenly() {
        assert_eq!(number(Duration::from_millis(2_500), 100.0), 250);
        assert_eq!(offset(0, 100.0), Duration::ZERO);
        assert_eq!(offset(25, 100.0), Duration::from_millis(250));
    }

    #[tokio::test]
    async fn every_request_becomes_due_and_every_connection_hears_of_the_end() {
        let due = Arc::new(Semaphore::new(0));
        keep(Instant::now(), 10_000.0, 50, 3, Arc::clone(&due));
        let all = due.acquire_many(53).await.expect("it stays open");
        all.forget();
        assert_eq!(due.available_permits(), 0);
    }
}
