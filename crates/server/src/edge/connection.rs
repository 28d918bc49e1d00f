//! What a connection is doing, and until when it may.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Waker,
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::limits::EdgeLimits;

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// A head has begun and does not end.
    Head,
    /// Nothing comes.
    Idle,
    /// An answer is not taken.
    Answer,
}

/// One connection, as seen by its stream, by its requests and by its watch, all in one thread.
pub(crate) struct Connection {
    handling: Cell<bool>,
    /// Since when there is neither a request to handle nor a byte of the next.
    quiet_since: Cell<Instant>,
    head_since: Cell<Option<Instant>>,
    head_has_begun: Cell<bool>,
    answer_waits_since: Cell<Option<Instant>>,
    unread_bytes: Cell<usize>,
    /// How much of what follows may be taken in while a request is handled; `None` while its body is read.
    room_ahead: Cell<Option<usize>>,
    /// Whom to tell when there is room again.
    waits_for_room: RefCell<Option<Waker>>,
    overdue: Cell<Option<Overdue>>,
}

impl Connection {
    /// A connection that was made just now. Its first head is waited for at once.
    pub(super) fn new() -> Rc<Self> {
        let now = Instant::now();
        Rc::new(Self {
            handling: Cell::new(false),
            quiet_since: Cell::new(now),
            head_since: Cell::new(Some(now)),
            head_has_begun: Cell::new(false),
            answer_waits_since: Cell::new(None),
            unread_bytes: Cell::new(0),
            room_ahead: Cell::new(Some(EdgeLimits::AHEAD_BYTES)),
            waits_for_room: RefCell::default(),
            overdue: Cell::new(None),
        })
    }

    /// Whether there is room for more now. If not, the waker is told when there is.
    pub(super) fn has_room(&self, waker: &Waker) -> bool {
        let is_busy = self.handling.get() || self.answer_waits_since.get().is_some();
        let has_room = !is_busy || self.room_ahead.get() != Some(0);
        if !has_room {
            *self.waits_for_room.borrow_mut() = Some(waker.clone());
        }
        has_room
    }

    /// Whether the body of a request is being read.
    pub(super) fn reads_body(&self) -> bool {
        self.room_ahead.get().is_none()
    }

    /// Bytes have arrived, and end a head or do not. Says whether more may.
    pub(super) fn received(&self, bytes: usize, ends_head: bool) -> bool {
        if self.handling.get() || self.answer_waits_since.get().is_some() {
            // They belong to the request's body, which its reader bounds, or wait for their turn, once a head is among them.
            let room = self.room_ahead.get();
            let left = room.map(|room| if ends_head { 0 } else { room.saturating_sub(bytes) });
            self.room_ahead.set(left);
            return true;
        }
        if self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
        self.head_has_begun.set(true);
        let unread_bytes = self.unread_bytes.get() + bytes;
        self.unread_bytes.set(unread_bytes);
        unread_bytes <= EdgeLimits::UNREAD_BYTES
    }

    /// The client's side has no room for the answer.
    pub(super) fn answer_waits(&self) {
        if self.answer_waits_since.get().is_none() {
            self.answer_waits_since.set(Some(Instant::now()));
        }
    }

    /// Everything that was to be sent is on its way.
    pub(super) fn answer_was_taken(&self) {
        if self.answer_waits_since.take().is_some() {
            self.give_room(Some(EdgeLimits::AHEAD_BYTES));
        }
    }

    /// The body of the request is being read, until what this gives is dropped: its reader bounds it.
    pub(crate) fn read_body(self: Rc<Self>) -> ReadingBody {
        self.give_room(None);
        ReadingBody(self)
    }

    fn give_room(&self, room: Option<usize>) {
        self.room_ahead.set(room);
        if let Some(waker) = self.waits_for_room.take() {
            waker.wake();
        }
    }

    /// A whole head has arrived and its request, with a body of about so many bytes, is being handled, until what this
    /// gives is dropped.
    pub(super) fn handle(self: Rc<Self>, body_bytes: usize) -> Handling {
        self.handling.set(true);
        self.give_room(Some(
            body_bytes.min(EdgeLimits::UNREAD_BYTES) + EdgeLimits::AHEAD_BYTES,
        ));
        self.head_since.set(None);
        self.head_has_begun.set(false);
        self.unread_bytes.set(0);
        Handling(self)
    }

    /// Why the connection was ended, if it was.
    pub(super) fn overdue(&self) -> Option<Overdue> {
        self.overdue.get()
    }

    /// The next moment at which the connection is to be ended, if nothing happens until then.
    fn deadline(&self, limits: &EdgeLimits) -> Option<(Instant, Overdue)> {
        let answer = self
            .answer_waits_since
            .get()
            .map(|since| (since + limits.answer_timeout, Overdue::Answer));
        if answer.is_some() || self.handling.get() {
            return answer;
        }
        Some(match self.head_since.get() {
            Some(since) if self.head_has_begun.get() => (since + limits.head_timeout, Overdue::Head),
            Some(since) => (since + limits.head_timeout, Overdue::Idle),
            None => (self.quiet_since.get() + limits.idle_timeout, Overdue::Idle),
        })
    }

    /// Waits until the connection has to be ended.
    ///
    /// One timer a connection, which no request touches: a deadline that begins while this sleeps lies at least the
    /// shortest limit ahead, and by then it is awake again.
    pub(super) async fn watch(&self, limits: &EdgeLimits) -> Overdue {
        let shortest: Duration = limits.shortest();
        loop {
            let now = Instant::now();
            let look_again = now + shortest;
            let until = match self.deadline(limits) {
                Some((deadline, overdue)) if deadline <= now => {
                    self.overdue.set(Some(overdue));
                    return overdue;
                }
                Some((deadline, _)) => deadline.min(look_again),
                None => look_again,
            };
            sleep_until(until).await;
        }
    }
}

/// That a request of a connection is being handled.
pub(super) struct Handling(Rc<Connection>);

impl Drop for Handling {
    fn drop(&mut self) {
        self.0.handling.set(false);
        self.0.give_room(Some(EdgeLimits::AHEAD_BYTES));
        self.0.quiet_since.set(Instant::now());
    }
}

/// That the body of a connection's request is being read.
pub(crate) struct ReadingBody(Rc<Connection>);

impl Drop for ReadingBody {
    fn drop(&mut self) {
        self.0.give_room(Some(EdgeLimits::AHEAD_BYTES));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[derive(Default)]
    struct Told(AtomicUsize);

    impl std::task::Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn while_a_request_is_handled_no_more_is_taken_in_than_there_is_room_for() {
        let told = Arc::new(Told::default());
        let waker = Waker::from(Arc::clone(&told));
        let connection = Connection::new();
        let handling = Rc::clone(&connection).handle(100);
        assert!(connection.has_room(&waker));
        assert!(connection.received(100 + EdgeLimits::AHEAD_BYTES, false));
        assert!(!connection.has_room(&waker));
        // A body that is read has its own bound.
        let reading = Rc::clone(&connection).read_body();
        assert_eq!(told.0.load(Ordering::Relaxed), 1, "whoever waits is told");
        assert!(connection.has_room(&waker));
        assert!(connection.received(10 * EdgeLimits::AHEAD_BYTES, true));
        assert!(connection.has_room(&waker));
        drop(reading);
        assert!(connection.received(EdgeLimits::AHEAD_BYTES, false));
        assert!(!connection.has_room(&waker));
        drop(handling);
        assert_eq!(told.0.load(Ordering::Relaxed), 2);
        assert!(connection.has_room(&waker));
    }

    #[test]
    fn while_an_answer_waits_no_more_is_taken_in_than_there_is_room_for() {
        let told = Arc::new(Told::default());
        let waker = Waker::from(Arc::clone(&told));
        let connection = Connection::new();
        drop(Rc::clone(&connection).handle(0));
        connection.answer_waits();
        assert!(connection.received(EdgeLimits::AHEAD_BYTES, false));
        assert!(!connection.has_room(&waker));
        connection.answer_was_taken();
        assert_eq!(told.0.load(Ordering::Relaxed), 1);
        assert!(connection.has_room(&waker));
    }

    #[test]
    fn while_a_request_is_handled_one_head_is_taken_in() {
        let told = Arc::new(Told::default());
        let waker = Waker::from(Arc::clone(&told));
        let connection = Connection::new();
        let handling = Rc::clone(&connection).handle(0);
        assert!(connection.received(20, true));
        assert!(!connection.has_room(&waker));
        drop(handling);
        assert_eq!(told.0.load(Ordering::Relaxed), 1, "whoever waits is told");
        assert!(connection.has_room(&waker));
    }

    #[test]
    fn between_requests_an_unread_rest_has_an_end() {
        let connection = Connection::new();
        assert!(connection.received(EdgeLimits::UNREAD_BYTES, false));
        assert!(!connection.received(1, false));
        drop(Rc::clone(&connection).handle(0));
        assert!(connection.received(1, false), "each request begins anew");
    }

    #[test]
    fn each_deadline_begins_with_what_it_is_about() {
        let limits = EdgeLimits::default();
        let connection = Connection::new();
        let overdue = |connection: &Connection| connection.deadline(&limits).map(|(_, overdue)| overdue);
        assert_eq!(overdue(&connection), Some(Overdue::Idle), "nothing has come yet");
        connection.received(1, false);
        assert_eq!(overdue(&connection), Some(Overdue::Head));
        let handling = Rc::clone(&connection).handle(0);
        assert_eq!(overdue(&connection), None, "slow work is not a slow client");
        connection.answer_waits();
        assert_eq!(overdue(&connection), Some(Overdue::Answer));
        drop(handling);
        connection.answer_was_taken();
        assert_eq!(overdue(&connection), Some(Overdue::Idle));
        connection.received(1, false);
        assert_eq!(overdue(&connection), Some(Overdue::Head));
    }
}
