//! One query for all who ask the same at once.

use std::{collections::HashMap, future::Future, sync::Arc};

use billfold_domain::ApiKeyHash;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// Questions that are on their way to the database, by what they ask for.
pub(super) struct Flights<Answer> {
    flying: Mutex<HashMap<ApiKeyHash, Arc<OnceCell<Answer>>>>,
}

/// A caller's part in a question. The last one takes the question off the list, also where callers go away before there is
/// an answer.
struct Seat<'a, Answer> {
    flights: &'a Flights<Answer>,
    hash: ApiKeyHash,
    answer: Arc<OnceCell<Answer>>,
}

impl<Answer: Clone> Flights<Answer> {
    pub(super) fn new() -> Self {
        Self {
            flying: Mutex::default(),
        }
    }

    /// The answer to a question that one of its callers asks. When that one goes away or fails, the next one asks.
    pub(super) async fn answer<Error, Asking>(
        &self,
        hash: ApiKeyHash,
        ask: impl FnOnce() -> Asking,
    ) -> Result<Answer, Error>
    where
        Asking: Future<Output = Result<Answer, Error>>,
    {
        let seat = Seat {
            flights: self,
            hash,
            answer: Arc::clone(self.flying.lock().entry(hash).or_default()),
        };
        seat.answer.get_or_try_init(ask).await.cloned()
    }
}

impl<Answer> Drop for Seat<'_, Answer> {
    fn drop(&mut self) {
        let mut flying = self.flights.flying.lock();
        // Given up under the lock, so that of several who go at once the last one sees that it is.
        self.answer = Arc::default();
        if flying
            .get(&self.hash)
            .is_some_and(|answer| Arc::strong_count(answer) == 1)
        {
            flying.remove(&self.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    const HASH: ApiKeyHash = ApiKeyHash::from_bytes([1; 32]);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_who_ask_at_once_get_the_answer_to_one_question() {
        let flights = Arc::new(Flights::new());
        let (asked, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let (flights, asked, gate) = (Arc::clone(&flights), Arc::clone(&asked), Arc::clone(&gate));
                tokio::spawn(async move {
                    let ask = || async {
                        asked.fetch_add(1, Ordering::SeqCst);
                        gate.acquire().await.unwrap().forget();
                        Ok::<_, ()>(7)
                    };
                    flights.answer(HASH, ask).await
                })
            })
            .collect();
        let joined = || {
            let flying = flights.flying.lock();
            flying
                .get(&HASH)
                .is_some_and(|answer| Arc::strong_count(answer) == 51)
        };
        while !joined() {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1);
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Ok(7));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(flights.flying.lock().is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_one_callers_and_nothing_of_it_stays() {
        let flights = Flights::new();
        assert_eq!(
            flights.answer(HASH, || async { Err::<u8, _>("down") }).await,
            Err("down")
        );
        assert!(flights.flying.lock().is_empty());
        assert_eq!(flights.answer(HASH, || async { Ok::<_, ()>(7) }).await, Ok(7));
        assert!(flights.flying.lock().is_empty());
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_leaves_nothing() {
        let flights = Flights::<u8>::new();
        let mut asking = Box::pin(flights.answer(HASH, std::future::pending::<Result<u8, ()>>));
        assert!(poll_once(&mut asking).await.is_none());
        assert_eq!(flights.flying.lock().len(), 1);
        drop(asking);
        assert!(flights.flying.lock().is_empty());
    }

    /// One poll of a future.
    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
