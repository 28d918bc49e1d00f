//! Keeping a lease while work goes on.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
};

/// Works, and after each heartbeat extends what the work holds, so that whoever waits long for Stripe is not taken for
/// dead.
///
/// Both go on side by side: the work may have the very connection that the extension waits for.
pub(crate) async fn holding<T, Beat, Extension>(
    heartbeat: impl Fn() -> Beat + Send + Sync,
    extend: impl Fn() -> Extension + Send + Sync,
    work: impl Future<Output = T> + Send,
) -> T
where
    Beat: Future<Output = ()> + Send,
    Extension: Future<Output = ()> + Send,
{
    let mut work = pin!(work);
    loop {
        let extending = AtomicBool::new(false);
        let beat = async {
            heartbeat().await;
            extending.store(true, Ordering::Relaxed);
            extend().await;
        };
        let mut beat = pin!(beat);
        tokio::select! {
            biased;
            worked = &mut work => {
                // What has begun in the database is not cut off.
                if extending.load(Ordering::Relaxed) {
                    beat.await;
                }
                return worked;
            }
            () = &mut beat => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use std::{sync::atomic::AtomicU32, time::Duration};

    use tokio::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn what_the_work_has_the_extension_may_wait_for() {
        let connection = Mutex::new(());
        let extended = AtomicU32::new(0);
        let work = async {
            for _ in 0..10 {
                let held = connection.lock().await;
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                drop(held);
            }
            "done"
        };
        let extend = async || {
            let _held = connection.lock().await;
            extended.fetch_add(1, Ordering::Relaxed);
        };
        let worked = holding(tokio::task::yield_now, extend, work);
        let worked = tokio::time::timeout(Duration::from_secs(20), worked).await;
        assert_eq!(worked.unwrap(), "done");
        assert!(extended.load(Ordering::Relaxed) > 0);
    }

    #[tokio::test]
    async fn work_that_is_quick_extends_nothing() {
        let extended = AtomicBool::new(false);
        let extend = async || extended.store(true, Ordering::Relaxed);
        assert_eq!(holding(std::future::pending, extend, async { 7 }).await, 7);
        assert!(!extended.load(Ordering::Relaxed));
    }
}
