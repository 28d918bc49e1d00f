//! What was measured of the requests that write.

use std::time::Duration;

use super::{overhead::Charged, profile::Profile};
use crate::report::Percentiles;

/// What was measured on one database.
pub(crate) struct WriteFigures {
    /// The database's name, for people.
    pub(crate) database: &'static str,
    /// Saving the first payment method of a user, for whom a customer is made at Stripe.
    pub(crate) first: ActionFigures,
    /// Saving another one of a user who has a customer.
    pub(crate) next: ActionFigures,
    /// Deleting one.
    pub(crate) delete: ActionFigures,
    /// Taking Stripe's webhooks in, each a new event.
    pub(crate) webhooks: WebhookFigures,
    /// One commit of one row, with nothing else under way; in PostgreSQL only.
    pub(crate) commits: Percentiles,
}

impl WriteFigures {
    /// No figures yet.
    pub(super) fn new(database: &'static str) -> Self {
        Self {
            database,
            first: ActionFigures::default(),
            next: ActionFigures::default(),
            delete: ActionFigures::default(),
            webhooks: WebhookFigures::default(),
            commits: Percentiles::default(),
        }
    }

    /// Adds a round.
    pub(super) fn append(&mut self, round: Self) {
        self.first.append(round.first);
        self.next.append(round.next);
        self.delete.append(round.delete);
        self.webhooks.append(round.webhooks);
        self.commits.append(round.commits);
    }
}

/// What was measured of one request, a value a round.
#[derive(Default)]
pub(crate) struct ActionFigures {
    /// Answers a second.
    pub(crate) rate: Vec<f64>,
    /// Microseconds of the server's processor time for each answer.
    pub(crate) server_cpu: Vec<f64>,
    /// Microseconds of the database's processor time for each answer.
    pub(crate) database_cpu: Vec<f64>,
    /// From when a request was to begin to its answer, at a share of the rate.
    pub(crate) times: Percentiles,
    /// While calls to Stripe were under way for it.
    pub(crate) stripe: Percentiles,
    /// The rest: Billfold's own.
    pub(crate) own: Percentiles,
    /// Billfold's own, one request at a time.
    pub(crate) alone: Percentiles,
    /// Calls to Stripe for each request.
    pub(crate) calls: Vec<f64>,
    /// Transactions that wrote for each request, those of the background included; in PostgreSQL only.
    pub(crate) commits: Vec<f64>,
    /// What its statements take of the database's time; in PostgreSQL only.
    pub(crate) profile: Profile,
}

impl ActionFigures {
    /// Adds the requests of a round.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 calls")]
    pub(super) fn add(&mut self, charged: &[Charged]) {
        let times = |of: fn(&Charged) -> Duration| charged.iter().map(of).collect();
        self.times.push(times(|request| request.whole));
        self.stripe.push(times(|request| request.stripe));
        self.own.push(times(Charged::own));
        let calls: usize = charged.iter().map(|request| request.calls).sum();
        self.calls.push(calls as f64 / charged.len() as f64);
    }

    fn append(&mut self, mut round: Self) {
        self.rate.append(&mut round.rate);
        self.server_cpu.append(&mut round.server_cpu);
        self.database_cpu.append(&mut round.database_cpu);
        self.times.append(round.times);
        self.stripe.append(round.stripe);
        self.own.append(round.own);
        self.alone.append(round.alone);
        self.calls.append(&mut round.calls);
        self.commits.append(&mut round.commits);
        self.profile.append(round.profile);
    }
}

/// What was measured of webhooks, a value a round.
#[derive(Default)]
pub(crate) struct WebhookFigures {
    /// Acknowledgements a second.
    pub(crate) rate: Vec<f64>,
    /// Microseconds of the server's processor time for each.
    pub(crate) server_cpu: Vec<f64>,
    /// Microseconds of the database's processor time for each.
    pub(crate) database_cpu: Vec<f64>,
    /// From when a delivery was to begin to its acknowledgement, at a share of the rate.
    pub(crate) times: Percentiles,
}

impl WebhookFigures {
    fn append(&mut self, mut round: Self) {
        self.rate.append(&mut round.rate);
        self.server_cpu.append(&mut round.server_cpu);
        self.database_cpu.append(&mut round.database_cpu);
        self.times.append(round.times);
    }
}
