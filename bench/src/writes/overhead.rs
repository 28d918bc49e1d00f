//! Which calls to Stripe a request has caused, and what of its time was not theirs.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::stage::Item;
use crate::{generator::Outcome, stripe::Call};

/// A request's time, shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Charged {
    /// From when it was to begin to its answer.
    pub(super) whole: Duration,
    /// While at least one of its calls was under way.
    pub(super) stripe: Duration,
    /// How many calls it caused.
    pub(super) calls: usize,
}

impl Charged {
    /// What is Billfold's own.
    pub(super) fn own(&self) -> Duration {
        self.whole.saturating_sub(self.stripe)
    }
}

/// Charges each request with its calls: those that name its payment method or its user. In a run, each is in one request.
pub(super) fn charge(outcome: &Outcome, items: &[Item], calls: &[Call]) -> Vec<Charged> {
    let mut requests: HashMap<&str, usize> = HashMap::new();
    for (number, item) in items.iter().enumerate() {
        requests.insert(&item.card, number);
        requests.insert(&item.user, number);
    }
    let mut of_request: HashMap<usize, Vec<(Instant, Instant)>> = HashMap::new();
    for call in calls {
        let number = words(&call.text).find_map(|word| requests.get(word));
        if let Some(number) = number {
            of_request
                .entry(*number)
                .or_default()
                .push((call.begun, call.ended));
        }
    }
    let answers = outcome.answers.iter();
    answers
        .map(|answer| {
            let mut spans = of_request.remove(&answer.number).unwrap_or_default();
            Charged {
                whole: answer.ended - answer.planned,
                calls: spans.len(),
                stripe: covered(&mut spans),
            }
        })
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
}

/// How long at least one of the spans lasts.
fn covered(spans: &mut [(Instant, Instant)]) -> Duration {
    spans.sort_unstable();
    let mut sum = Duration::ZERO;
    let mut until: Option<Instant> = None;
    for (begun, ended) in spans {
        let from = until.map_or(*begun, |until| until.max(*begun));
        sum += ended.saturating_duration_since(from);
        until = Some(until.map_or(*ended, |until| until.max(*ended)));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_counted_once() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut spans = [
            (at(10), at(20)),
            (at(0), at(5)),
            (at(12), at(15)),
            (at(18), at(30)),
        ];
        assert_eq!(covered(&mut spans), Duration::from_millis(25));
        assert_eq!(covered(&mut []), Duration::ZERO);
    }

    #[test]
    fn a_call_names_its_request() {
        let form = "POST /v1/setup_intents HTTP/1.1\r\n\r\nconfirm=true&payment_method=pm_1&metadata%5Buser%5D=buyer_7";
        assert!(words(form).any(|word| word == "pm_1"));
        assert!(words("GET /v1/payment_methods/pm_1?expand= HTTP/1.1").any(|word| word == "pm_1"));
        assert!(words(form).any(|word| word == "buyer_7"));
    }
}
