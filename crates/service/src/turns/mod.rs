//! Who is next, of those who wait for the same thing: a user after the other, however much each of them asks for.
//!
//! Each user of a project has a queue, and the queues take turns, so that whoever waits is kept waiting by each other user
//! for one turn at most. The background is one more of them, with one turn in ten while users wait.

mod requester;
mod waiting;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

pub(crate) use requester::Requester;
pub(crate) use waiting::{Line, Waiting};

/// How many turns users have for each turn of the background, while both wait.
const TURNS_OF_USERS: u32 = 9;

/// Those who wait, by whom they wait for.
pub(crate) struct Turns<Waiter> {
    /// Never empty queues.
    users: HashMap<Arc<Requester>, VecDeque<(u64, Waiter)>>,
    /// Whose queues there are, the next one first.
    order: VecDeque<Arc<Requester>>,
    background: VecDeque<(u64, Waiter)>,
    /// How many turns users have had since the background had one.
    since_background: u32,
    tickets: u64,
}

/// A place in the queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    requester: Arc<Requester>,
    number: u64,
}

impl<Waiter> Turns<Waiter> {
    pub(crate) fn new() -> Self {
        Self {
            users: HashMap::new(),
            order: VecDeque::new(),
            background: VecDeque::new(),
            since_background: 0,
            tickets: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty() && self.background.is_empty()
    }

    /// How many wait for users.
    pub(crate) fn users(&self) -> usize {
        self.users.values().map(VecDeque::len).sum()
    }

    /// How many wait for the background.
    pub(crate) fn background(&self) -> usize {
        self.background.len()
    }

    /// One more waits. Where as many wait as may, one of those goes who takes more of the room; else this one does, and gets
    /// no ticket.
    pub(crate) fn push(
        &mut self,
        requester: &Arc<Requester>,
        maximum: usize,
        waiter: impl FnOnce() -> Waiter,
    ) -> Option<Ticket> {
        if self.users() + self.background() >= maximum && !self.make_room(requester) {
            return None;
        }
        self.tickets += 1;
        let number = self.tickets;
        if requester.is_background() {
            self.background.push_back((number, waiter()));
        } else {
            let queue = self.users.entry(Arc::clone(requester)).or_default();
            if queue.is_empty() {
                self.order.push_back(Arc::clone(requester));
            }
            queue.push_back((number, waiter()));
        }
        Some(Ticket {
            requester: Arc::clone(requester),
            number,
        })
    }

    /// Takes out whose turn it is.
    pub(crate) fn next(&mut self) -> Option<Waiter> {
        let background_is_due = self.order.is_empty() || self.since_background >= TURNS_OF_USERS;
        if background_is_due && let Some((_, waiter)) = self.background.pop_front() {
            self.since_background = 0;
            return Some(waiter);
        }
        let requester = self.order.pop_front()?;
        let queue = self.users.get_mut(&requester)?;
        let (_, waiter) = queue.pop_front()?;
        if queue.is_empty() {
            self.users.remove(&requester);
        } else {
            self.order.push_back(requester);
        }
        self.since_background = self.since_background.saturating_add(1);
        Some(waiter)
    }

    /// Takes one out who waits no more, if it still did.
    pub(crate) fn remove(&mut self, ticket: &Ticket) {
        if ticket.requester.is_background() {
            self.background.retain(|(number, _)| *number != ticket.number);
            return;
        }
        let Some(queue) = self.users.get_mut(&ticket.requester) else {
            return;
        };
        queue.retain(|(number, _)| *number != ticket.number);
        if queue.is_empty() {
            self.forget(&ticket.requester);
        }
    }

    /// Takes the newest one out of the background's queue or the longest one, where that leaves the room more evenly divided.
    fn make_room(&mut self, requester: &Arc<Requester>) -> bool {
        if requester.is_background() {
            return false;
        }
        if self.background.pop_back().is_some() {
            return true;
        }
        let own = self.users.get(requester).map_or(0, VecDeque::len);
        let longest = self.users.values_mut().max_by_key(|queue| queue.len());
        match longest {
            Some(queue) if queue.len() > own + 1 => queue.pop_back().is_some(),
            _ => false,
        }
    }

    fn forget(&mut self, requester: &Arc<Requester>) {
        self.users.remove(requester);
        self.order.retain(|waiting| waiting != requester);
    }
}

#[cfg(test)]
mod tests;
