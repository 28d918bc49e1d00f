//! Whether what the processes answered, the records and Stripe agree.

use std::collections::BTreeMap;

use billfold_domain::{
    PageLimit, PageRequest, PaymentMethod, PaymentMethodStatus, PaymentMethodTypes, Position,
};

use super::{
    cases::{Answer, Point, Request, Wish},
    child::scope,
    scenarios::{Outcome, Scenario},
    stripe::{AtStripe, Page},
};
use crate::Service;

/// A request and the process that was to carry it out.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) scenario: Scenario,
    pub(super) point: Point,
    /// Whether the process took over from one that had ended before the result was written.
    pub(super) takes_over: bool,
    pub(super) request: Request,
    /// What the process answered before it ended, if it got that far.
    pub(super) answer: Option<Answer>,
}

/// The three truths.
pub(super) struct Truths {
    stripe: AtStripe,
    /// Every payment method that is shown.
    shown: BTreeMap<String, PaymentMethod>,
}

/// What may happen once at most to one object at Stripe.
const ONCE: [&str; 5] = [
    "customer.created",
    "payment_method.attached",
    "payment_method.detached",
    "setup_intent.created",
    "setup_intent.canceled",
];

impl Truths {
    pub(super) async fn look(service: &Service, page: &Page) -> Self {
        let tenant = service.tenant(scope()).await.unwrap();
        let mut shown = BTreeMap::new();
        let mut position = Position::Start;
        loop {
            let request = PageRequest {
                user: None,
                types: PaymentMethodTypes::ALL,
                position,
                limit: PageLimit::MAXIMUM,
            };
            let found = service.list_payment_methods(&tenant, &request).await.unwrap();
            let last = found.items.last().map(|item| item.id.clone());
            shown.extend(found.items.into_iter().map(|item| (item.id.to_string(), item)));
            match last.filter(|_| found.has_more_after) {
                Some(last) => position = Position::After(last),
                None => break,
            }
        }
        Self {
            stripe: page.everything().await,
            shown,
        }
    }

    /// What is wrong, whatever was asked.
    pub(super) fn judge(&self, cases: &[Case]) -> Vec<String> {
        let mut broken = Vec::new();
        self.one_effect(&mut broken);
        for (id, method) in &self.stripe.methods {
            let claimed_by_nobody = || {
                let about = cases.iter().find(|case| is_about(case, id));
                about.is_some_and(never_began)
            };
            if method.customer.is_some() && !self.shown.contains_key(id) && !claimed_by_nobody() {
                broken.push(format!("{id} is attached and nobody owns it"));
            }
        }
        for (id, row) in &self.shown {
            self.row_and_stripe_agree(id, row, &mut broken);
        }
        for case in cases {
            if let Some(answer) = &case.answer
                && *answer != Answer::TryAgain
            {
                self.was_the_truth(case, answer, &mut broken);
            }
        }
        broken
    }

    /// Whether a request was carried out in the end, of which this is the last answer.
    pub(super) fn was_the_truth(&self, case: &Case, answer: &Answer, broken: &mut Vec<String>) {
        if !case.scenario.is_definite(answer) {
            broken.push(format!("{case:?} was answered {answer:?}"));
        }
        if let Answer::SetupIntent(id) = answer {
            let made = self.stripe.intents.get(id);
            if made.is_none_or(|made| made.operation != case.request.operation) {
                broken.push(format!("{case:?} was given {id}, which is {made:?}"));
            }
        }
        let (Wish::Create(id, ..) | Wish::Delete(id)) = &case.request.wish else {
            return;
        };
        let id = id.as_str();
        let waits = |row: &PaymentMethod| row.status != PaymentMethodStatus::Available;
        let shown = self.shown.get(id);
        let is_so = match case.scenario.outcome() {
            Some(Outcome::Available) => shown.is_some_and(|row| !waits(row)),
            Some(Outcome::Waiting) => shown.is_some_and(waits),
            Some(Outcome::Gone) => shown.is_none() && self.stripe.methods[id].customer.is_none(),
            None => true,
        };
        if !is_so {
            broken.push(format!(
                "{case:?} was answered {answer:?}, and there is {shown:?}"
            ));
        }
    }

    fn one_effect(&self, broken: &mut Vec<String>) {
        for ((object, effect), count) in &self.stripe.effects {
            if ONCE.contains(&effect.as_str()) && *count > 1 {
                broken.push(format!("{object}: {effect} {count} times"));
            }
        }
        let intents = self.stripe.intents.values();
        more_than_one(intents.map(|made| &made.operation), "setup intents", broken);
        more_than_one(self.stripe.customers.values(), "customers", broken);
    }

    fn row_and_stripe_agree(&self, id: &str, row: &PaymentMethod, broken: &mut Vec<String>) {
        let attached_to = self.stripe.methods[id].customer.as_ref();
        let user = attached_to.and_then(|customer| self.stripe.customers.get(customer));
        match &row.status {
            PaymentMethodStatus::Available => {
                if user.map(String::as_str) != Some(row.user.as_str()) {
                    broken.push(format!("{row:?} is shown as available and attached to {user:?}"));
                }
            }
            PaymentMethodStatus::RequiresConfirmation { setup_intent } => {
                let status = self.stripe.intents.get(setup_intent.as_str());
                if status.is_none_or(|made| made.status != "requires_action") {
                    broken.push(format!("{row:?} waits for {status:?}"));
                }
            }
        }
    }
}

fn is_about(case: &Case, id: &str) -> bool {
    matches!(&case.request.wish, Wish::Create(about, ..) | Wish::Delete(about) if about.as_str() == id)
}

/// Whether the process ended before anything at all: what a page has attached then waits for a request to claim it.
fn never_began(case: &Case) -> bool {
    case.point == Point::Before(0)
        && !case.takes_over
        && case.answer.is_none()
        && case.scenario == Scenario::AttachedMethod
}

fn more_than_one<'a>(owners: impl Iterator<Item = &'a String>, what: &str, broken: &mut Vec<String>) {
    let mut counts = BTreeMap::<&String, u32>::new();
    for owner in owners {
        *counts.entry(owner).or_default() += 1;
    }
    for (owner, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
        broken.push(format!("{owner} has {count} {what}"));
    }
}
