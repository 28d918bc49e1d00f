//! The pacers of all accounts that this instance calls.

use std::{collections::HashMap, sync::Arc};

use billfold_domain::{ProjectId, StripeAccountId, StripeMode};
use billfold_stripe::Turnstile;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::{
    PacingOptions, PacingState,
    pacer::{PacedRequester, Pacer},
    rate::FLOOR,
};
use crate::{Tenant, rate_limits::Living, turns::Requester};

/// What Stripe counts calls by: an account, in each of its modes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AccountName {
    /// The account by its name, whichever projects work on it.
    Known(StripeMode, StripeAccountId),
    /// The account of a project of which nobody has seen whose its key is.
    Of(StripeMode, ProjectId),
}

impl AccountName {
    const fn mode(&self) -> StripeMode {
        match self {
            Self::Known(mode, _) | Self::Of(mode, _) => *mode,
        }
    }
}

/// The pacers of the accounts that were called lately. Those that are as new ones are forgotten.
pub(crate) struct Pacers {
    options: PacingOptions,
    living: Arc<Living>,
    runtime: Handle,
    accounts: Mutex<HashMap<AccountName, Arc<Pacer>>>,
}

impl Pacers {
    /// Whoever waits is let go by a task of this runtime.
    pub(crate) fn new(options: PacingOptions, living: Arc<Living>, runtime: Handle) -> Self {
        Self {
            options,
            living,
            runtime,
            accounts: Mutex::default(),
        }
    }

    /// What this task's calls on the tenant's account go through; `None` where they are not paced.
    pub(crate) fn turnstile(&self, tenant: &Tenant) -> Option<Arc<dyn Turnstile>> {
        let account = tenant.account_name();
        let ceiling = self.ceiling(account.mode())?;
        Some(Arc::new(PacedRequester {
            pacer: self.of(account, ceiling),
            requester: Requester::current(),
            ceiling,
        }))
    }

    /// This instance's share, in calls a second.
    fn ceiling(&self, mode: StripeMode) -> Option<f64> {
        let whole = match mode {
            StripeMode::Live => self.options.live,
            StripeMode::Test => self.options.test,
        };
        let share = f64::from(whole) / f64::from(self.living.number().get());
        (whole > 0).then_some(share.max(FLOOR))
    }

    fn of(&self, account: &AccountName, ceiling: f64) -> Arc<Pacer> {
        let mut accounts = self.accounts.lock();
        if let Some(pacer) = accounts.get(account) {
            return Arc::clone(pacer);
        }
        let pacer = Arc::new(Pacer::new(ceiling, self.options, self.runtime.clone()));
        accounts.insert(account.clone(), Arc::clone(&pacer));
        pacer
    }

    /// How this instance stands with all of them.
    pub(crate) fn state(&self) -> PacingState {
        let mut state = PacingState {
            requests_waiting: 0,
            background_waiting: 0,
            accounts_slowed: 0,
            lowest_rate: 1.0,
        };
        for pacer in self.accounts.lock().values() {
            let (requests, background, rate) = pacer.look();
            state.requests_waiting += requests;
            state.background_waiting += background;
            state.accounts_slowed += usize::from(rate < 1.0);
            state.lowest_rate = state.lowest_rate.min(rate);
        }
        state
    }

    /// Forgets those that are as new ones and that nobody uses.
    pub(crate) fn sweep(&self) {
        let mut accounts = self.accounts.lock();
        accounts.retain(|_, pacer| Arc::strong_count(pacer) > 1 || !pacer.is_as_new());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use std::num::NonZeroU32;

    use tokio::time::Instant;

    use super::*;

    fn project(name: &str) -> ProjectId {
        ProjectId::parse(name).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "a test is its own authorisation")]
    fn tenant(name: &str) -> Tenant {
        Tenant::simulated(billfold_domain::ProjectScope::authorized(project(name)))
    }

    fn pacers(options: PacingOptions) -> (Pacers, Arc<Living>) {
        let living = Arc::new(Living::alone());
        (
            Pacers::new(options, Arc::clone(&living), Handle::current()),
            living,
        )
    }

    #[tokio::test]
    async fn what_slows_one_account_slows_no_other() {
        let (pacers, _) = pacers(PacingOptions::default());
        let demo = pacers.turnstile(&tenant("demo")).unwrap();
        let acme = pacers.turnstile(&tenant("acme")).unwrap();
        assert_eq!(
            (pacers.state().accounts_slowed, pacers.state().lowest_rate),
            (0, 1.0)
        );
        demo.refused(Instant::now());
        let state = pacers.state();
        assert_eq!(state.accounts_slowed, 1);
        assert!((0.5..0.6).contains(&state.lowest_rate), "{state:?}");
        // Six may go at once in test mode.
        for _ in 0..6 {
            acme.turn().await.unwrap();
        }
    }

    #[tokio::test]
    async fn projects_on_one_account_have_one_pacer_for_each_mode() {
        let (pacers, _) = pacers(PacingOptions::default());
        let name = |mode| AccountName::Known(mode, StripeAccountId::parse("acct_1").unwrap());
        let test = pacers.of(&name(StripeMode::Test), 25.0);
        assert!(Arc::ptr_eq(&test, &pacers.of(&name(StripeMode::Test), 25.0)));
        assert!(!Arc::ptr_eq(&test, &pacers.of(&name(StripeMode::Live), 100.0)));
    }

    #[tokio::test]
    async fn instances_share_the_rate_and_each_keeps_the_floor() {
        let (pacers, living) = pacers(PacingOptions::default());
        assert_eq!(pacers.ceiling(StripeMode::Live), Some(100.0));
        for (instances, share) in [(4, 6.25), (100, FLOOR)] {
            living.note(NonZeroU32::new(instances).unwrap());
            assert_eq!(pacers.ceiling(StripeMode::Test), Some(share));
        }
    }

    #[tokio::test]
    async fn where_nothing_is_bounded_there_is_no_turnstile() {
        let (pacers, _) = pacers(PacingOptions::out_of_the_way());
        assert!(pacers.turnstile(&tenant("demo")).is_none());
        assert!(pacers.accounts.lock().is_empty());
    }

    #[tokio::test]
    async fn accounts_that_are_as_new_are_forgotten_and_slowed_ones_are_not() {
        let (pacers, _) = pacers(PacingOptions::default());
        for number in 0..100 {
            let turnstile = pacers.turnstile(&tenant(&format!("project-{number}"))).unwrap();
            if number == 7 {
                turnstile.refused(Instant::now());
            }
        }
        let used = pacers.turnstile(&tenant("project-1")).unwrap();
        pacers.sweep();
        assert_eq!(pacers.accounts.lock().len(), 2);
        drop(used);
        pacers.sweep();
        assert_eq!(pacers.accounts.lock().len(), 1);
    }
}
