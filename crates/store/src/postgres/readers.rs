//! The connections for single reads, which many requests share.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::ThreadId,
};

use diesel_async::AsyncPgConnection;
use parking_lot::RwLock;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Mutex,
};

/// The connections for single reads.
pub(super) struct Readers {
    /// For every thread of the main runtime, which drives them. Taken in turn.
    shared: Vec<Arc<Slot>>,
    next_shared: AtomicUsize,
    /// For one thread each, which has a runtime of its own, as those that serve requests have. It drives its
    /// connection itself: a read that wakes no other thread takes half the time.
    own: RwLock<HashMap<ThreadId, Arc<Slot>>>,
}

impl Readers {
    pub(super) fn new(shared: usize) -> Self {
        Self {
            shared: (0..shared).map(|_| Arc::default()).collect(),
            next_shared: AtomicUsize::default(),
            own: RwLock::default(),
        }
    }

    /// How many every thread of the main runtime may use.
    pub(super) fn shared(&self) -> usize {
        self.shared.len()
    }

    /// Where the calling thread's next read finds its connection, and the runtime that is to drive it.
    pub(super) fn slot(&self, main_runtime: &Handle) -> (Arc<Slot>, Handle) {
        let here = Handle::current();
        if here.runtime_flavor() != RuntimeFlavor::CurrentThread {
            let turn = self.next_shared.fetch_add(1, Ordering::Relaxed);
            let slot = &self.shared[turn % self.shared.len()];
            return (Arc::clone(slot), main_runtime.clone());
        }
        let thread = std::thread::current().id();
        if let Some(slot) = self.own.read().get(&thread) {
            return (Arc::clone(slot), here);
        }
        (Arc::clone(self.own.write().entry(thread).or_default()), here)
    }

    pub(super) fn give_up_all(&self) {
        let own = self.own.read();
        for slot in self.shared.iter().chain(own.values()) {
            *slot.connection.write() = None;
        }
    }

    pub(super) fn give_up(&self, broken: &Arc<AsyncPgConnection>) {
        let own = self.own.read();
        for slot in self.shared.iter().chain(own.values()) {
            let mut connection = slot.connection.write();
            if connection
                .as_ref()
                .is_some_and(|current| Arc::ptr_eq(current, broken))
            {
                *connection = None;
            }
        }
    }
}

/// A shared connection's place. The lock around connecting makes the callers of a broken one wait for a single new one.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) connection: RwLock<Option<Arc<AsyncPgConnection>>>,
    pub(super) connecting: Mutex<()>,
}
