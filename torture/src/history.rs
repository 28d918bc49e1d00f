//! What clients asked for and what they were told, as they would write it down.

use std::{collections::BTreeMap, time::Instant};

use parking_lot::Mutex;

/// How Stripe treats a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Card {
    /// It is accepted at once.
    Good,
    /// Its owner must pass a check first.
    Challenged,
    /// It is refused.
    Declined,
}

/// Which of the two interfaces a client speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// A tenant's backend.
    Project,
    /// A user's own front end.
    Account,
}

/// What a client wants of a payment method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To save it.
    Create,
    /// To delete it.
    Delete,
}

/// What a client was told at the end, after every repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is saved.
    Saved,
    /// It is deleted.
    Deleted,
    /// There is no such payment method.
    Gone,
    /// It is refused, with this status and these words.
    Refused(u16, String),
    /// Nothing definite, until the client gave up.
    Nothing,
}

/// One wish, from its first request to its last answer.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) project: String,
    pub(crate) user: String,
    /// The payment method.
    pub(crate) method: String,
    pub(crate) card: Card,
    pub(crate) face: Face,
    pub(crate) wish: Wish,
    pub(crate) told: Told,
    /// When the first request was sent.
    pub(crate) began: Instant,
    /// When the last answer came, or the client gave up.
    pub(crate) ended: Instant,
}

/// Everything that the clients of a run noted. Shared by all of them.
#[derive(Debug, Default)]
pub(crate) struct History {
    asked: Mutex<Vec<Asked>>,
    /// Answers by status; `0` stands for none at all.
    answers: Mutex<BTreeMap<u16, u64>>,
    /// When each instance answered well.
    successes: Mutex<Vec<(usize, Instant)>>,
    /// When a request was refused for now (503) or not answered at all.
    refusals: Mutex<Vec<Instant>>,
    /// What no client should ever see.
    wrong: Mutex<Vec<String>>,
}

/// How many wrong answers are kept in words.
const MOST_WRONG: usize = 50;

impl History {
    /// Notes the end of a wish.
    pub(crate) fn note(&self, asked: Asked) {
        self.asked.lock().push(asked);
    }

    /// Notes an answer of an instance, or that none came (`status` 0).
    pub(crate) fn answer(&self, instance: usize, status: u16) {
        *self.answers.lock().entry(status).or_default() += 1;
        if (200..300).contains(&status) {
            self.successes.lock().push((instance, Instant::now()));
        }
        if status == 503 || status == 0 {
            self.refusals.lock().push(Instant::now());
        }
    }

    /// Notes what no client should ever see.
    pub(crate) fn wrong(&self, what: String) {
        let mut wrong = self.wrong.lock();
        if wrong.len() < MOST_WRONG {
            wrong.push(what);
        }
    }

    /// The first good answer of an instance at or after a time.
    pub(crate) fn first_success(&self, instance: usize, since: Instant) -> Option<Instant> {
        let successes = self.successes.lock();
        let of_instance = successes
            .iter()
            .filter(|(by, at)| *by == instance && *at >= since);
        of_instance.map(|(_, at)| *at).min()
    }

    /// When requests were refused for now, or not answered at all, since a time.
    pub(crate) fn refusals(&self, since: Instant) -> Vec<Instant> {
        let refusals = self.refusals.lock();
        refusals.iter().copied().filter(|at| *at >= since).collect()
    }

    /// Every wish that has ended.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// What no client should ever have seen.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.wrong.lock().clone()
    }

    /// How many requests were answered with this status, or not at all (0).
    pub(crate) fn count(&self, status: u16) -> u64 {
        self.answers.lock().get(&status).copied().unwrap_or_default()
    }

    /// How many requests were sent.
    pub(crate) fn requests(&self) -> u64 {
        self.answers.lock().values().sum()
    }

    /// How many wishes of this kind were granted.
    pub(crate) fn granted(&self, wish: Wish) -> usize {
        let told = match wish {
            Wish::Create => Told::Saved,
            Wish::Delete => Told::Deleted,
        };
        let asked = self.asked.lock();
        asked
            .iter()
            .filter(|asked| asked.wish == wish && asked.told == told)
            .count()
    }

    /// The longest time from a wish to its answer for good, in seconds.
    pub(crate) fn longest_seconds(&self) -> f64 {
        let asked = self.asked.lock();
        let answered = asked.iter().filter(|asked| asked.told != Told::Nothing);
        let longest = answered.map(|asked| asked.ended - asked.began).max();
        longest.unwrap_or_default().as_secs_f64()
    }

    /// How many wishes were never answered.
    pub(crate) fn unanswered(&self) -> usize {
        let asked = self.asked.lock();
        asked.iter().filter(|asked| asked.told == Told::Nothing).count()
    }
}
