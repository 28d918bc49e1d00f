//! What was really done, for tests to judge by.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most entries held; the oldest give way, so that a sandbox that runs for months stays bounded.
const MOST_ENTRIES: usize = 500_000;

/// One accepted effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LedgerEntry {
    /// Rises by one from entry to entry.
    pub(crate) sequence: u64,
    /// Seconds since 1970.
    pub(crate) time: u64,
    pub(crate) account: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) request_id: String,
    pub(crate) object_id: String,
    /// The object's noun and what happened to it, such as `payment_method.attached`.
    pub(crate) effect: String,
}

/// All accepted effects, oldest first. A replayed or refused request leaves none.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: VecDeque<LedgerEntry>,
    last: u64,
}

impl Ledger {
    pub(crate) fn next_sequence(&self) -> u64 {
        self.last + 1
    }

    pub(crate) fn push(&mut self, entry: LedgerEntry) {
        self.last = self.last.max(entry.sequence);
        self.entries.push_back(entry);
        if self.entries.len() > MOST_ENTRIES {
            self.entries.pop_front();
        }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.entries.iter()
    }

    /// The entries of an account (or of all) after a sequence number.
    pub(crate) fn to_json(&self, account: Option<&str>, since: u64) -> Value {
        let chosen: Vec<&LedgerEntry> = self
            .entries
            .iter()
            .filter(|entry| entry.sequence > since && account.is_none_or(|account| entry.account == account))
            .collect();
        json!({ "entries": chosen, "last_sequence": self.last })
    }
}

/// How often each method and path was called, whatever came of it.
#[derive(Debug, Default)]
pub(crate) struct RequestCounts {
    counts: BTreeMap<(String, String, String), u64>,
}

impl RequestCounts {
    pub(crate) fn count(&mut self, account: &str, method: &str, path: &str) {
        let key = (account.to_owned(), method.to_owned(), path.to_owned());
        *self.counts.entry(key).or_default() += 1;
    }

    pub(crate) fn reset(&mut self) {
        self.counts.clear();
    }

    /// The counts of an account (or of all): in total and by method and path.
    pub(crate) fn to_json(&self, account: Option<&str>) -> Value {
        let mut total = 0;
        let mut by_path: BTreeMap<String, u64> = BTreeMap::new();
        for ((owner, method, path), count) in &self.counts {
            if account.is_none_or(|account| owner == account) {
                total += count;
                *by_path.entry(format!("{method} {path}")).or_default() += count;
            }
        }
        json!({ "total": total, "requests": by_path })
    }
}
