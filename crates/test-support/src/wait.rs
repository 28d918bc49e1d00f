//! Waiting for something outside the test, by asking again until a deadline.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// The time between two looks at a condition: short beside any test, long beside the look itself.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A TCP port of 127.0.0.1 that nothing listened on a moment ago.
///
/// Another program can take it before it is used: whoever starts a server on it should be ready to try another.
/// Where the server can bind port 0 itself, that is better.
///
/// # Panics
/// When the machine has no port left.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port on 127.0.0.1")
        .port()
}

/// Returns as soon as `condition` is true.
///
/// # Panics
/// When it is still false after `within`, naming `what` was waited for.
pub async fn wait_until(within: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(within, what, async || condition().then_some(())).await;
}

/// Returns the first value that `look` finds.
///
/// # Panics
/// When it still finds none after `within`, naming `what` was waited for.
pub async fn wait_for<T>(within: Duration, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    match look_until(within, look).await {
        Some(found) => found,
        None => panic!("waited {within:?} in vain for {what}"),
    }
}

/// The first value that `look` finds, or `None` after `within`. Looks at least once.
pub(crate) async fn look_until<T>(within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_with_the_condition() {
        let mut looks = 0;
        wait_until(Duration::from_secs(10), "the third look", || {
            looks += 1;
            looks == 3
        })
        .await;
        assert_eq!(looks, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "in vain for a pig that flies")]
    async fn waiting_in_vain_names_what_was_waited_for() {
        wait_until(Duration::from_millis(20), "a pig that flies", || false).await;
    }

    #[test]
    fn a_free_port_can_be_bound() {
        TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).expect("the port is free");
    }
}
