//! What clients asked for and heard, counted as the instances should have counted it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::HeaderMap;

use super::Ask;

/// Everything that was heard.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answers, by `operation,status`.
    pub(crate) answers: BTreeMap<String, u64>,
    /// Refusals, by the name of the limit.
    pub(crate) refusals: BTreeMap<String, u64>,
    /// Answers that were given again.
    pub(crate) replays: u64,
    /// Webhooks, by what should have come of them.
    pub(crate) webhooks: BTreeMap<String, u64>,
    events: BTreeSet<String>,
    /// Answers that nobody could have meant.
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    /// Counts an answer.
    pub(crate) fn hear(&mut self, ask: &Ask, status: u16, headers: &HeaderMap) {
        *self
            .answers
            .entry(format!("{},{status}", ask.operation))
            .or_default() += 1;
        if !ask.may_hear.contains(&status) {
            self.wrong
                .push(format!("{status} to {} {}", ask.method, ask.path));
        }
        if status == 429 {
            // The limit that was reached stands before the others.
            let named = headers.get("RateLimit").and_then(|state| state.to_str().ok());
            let named = named.and_then(|state| state.split('"').nth(1));
            *self
                .refusals
                .entry(named.unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        self.replays += u64::from(headers.contains_key("Idempotency-Replayed"));
        if ask.operation == "receiveStripeWebhook" {
            let outcome = match (status, &ask.event) {
                (200, Some(event)) if self.events.insert(event.clone()) => "stored",
                (200, _) => "duplicate",
                (400, _) => "rejected",
                _ => "failed",
            };
            *self.webhooks.entry(outcome.to_owned()).or_default() += 1;
        }
    }

    /// How many answers there were.
    pub(crate) fn total(&self) -> u64 {
        self.answers.values().sum()
    }

    /// How many answers had each status.
    pub(crate) fn by_status(&self) -> BTreeMap<String, u64> {
        let mut statuses = BTreeMap::new();
        for (labels, count) in &self.answers {
            let status = labels.rsplit(',').next().unwrap_or_default();
            *statuses.entry(status.to_owned()).or_default() += count;
        }
        statuses
    }
}
