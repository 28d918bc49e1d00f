//! Which projects this instance works on, and which rest because nothing of them works just now.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use billfold_domain::ProjectId;
use parking_lot::Mutex;

/// How long a project rests after the first failure that concerns all of it; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest rest of a project.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The projects that are being worked on or rest; any other is well.
pub(super) type Standings = Arc<Mutex<HashMap<ProjectId, Standing>>>;

#[derive(Clone, Copy, Default)]
pub(super) struct Standing {
    at_work: bool,
    /// How often in a row all of the project failed.
    failures: u32,
    rests_until: Option<Instant>,
}

/// A project that this instance works on until this is dropped, whatever happens.
pub(super) struct AtWork {
    project: ProjectId,
    standings: Standings,
}

impl AtWork {
    /// `None` when the project is being worked on already or rests.
    pub(super) fn begin(project: &ProjectId, standings: &Standings, now: Instant) -> Option<Self> {
        let mut all = standings.lock();
        let standing = all.entry(project.clone()).or_default();
        let rests = standing.rests_until.is_some_and(|until| now < until);
        if standing.at_work || rests {
            return None;
        }
        standing.at_work = true;
        Some(Self {
            project: project.clone(),
            standings: Arc::clone(standings),
        })
    }

    /// Stripe has answered.
    pub(super) fn well(&self) {
        if let Some(standing) = self.standings.lock().get_mut(&self.project) {
            standing.failures = 0;
        }
    }

    /// Nothing of the project works just now: it rests, longer each time. Gives for how long.
    pub(super) fn rest(&self, at_least: Duration, now: Instant) -> Duration {
        let mut all = self.standings.lock();
        let standing = all.entry(self.project.clone()).or_default();
        let pause = doubled(FIRST_PAUSE, standing.failures, LONGEST_PAUSE)
            .max(at_least)
            .min(LONGEST_PAUSE);
        standing.failures = standing.failures.saturating_add(1);
        standing.rests_until = Some(now + pause);
        pause
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut all = self.standings.lock();
        match all.get_mut(&self.project) {
            Some(standing) if standing.failures > 0 => standing.at_work = false,
            _ => {
                all.remove(&self.project);
            }
        }
    }
}

/// A duration, doubled some times, with an upper bound.
pub(super) fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_its_bound() {
        let waits: Vec<u64> = (0..8)
            .map(|times| doubled(FIRST_PAUSE, times, LONGEST_PAUSE).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(doubled(FIRST_PAUSE, u32::MAX, LONGEST_PAUSE), LONGEST_PAUSE);
    }

    #[test]
    fn a_project_is_worked_on_once_at_a_time_and_rests_longer_each_time() {
        let standings = Standings::default();
        let mut now = Instant::now();
        let begin = |name: &str, now| {
            let project = ProjectId::parse(name).expect("a name");
            AtWork::begin(&project, &standings, now)
        };
        let first = begin("demo", now).expect("nobody is at it");
        assert!(begin("demo", now).is_none(), "somebody is at it");
        let other = begin("acme", now).expect("another project is another matter");
        assert_eq!(first.rest(Duration::ZERO, now), Duration::from_secs(1));
        drop((first, other));
        assert!(begin("demo", now).is_none(), "it rests");
        now += Duration::from_secs(1);
        let second = begin("demo", now).expect("it has rested");
        assert_eq!(second.rest(Duration::ZERO, now), Duration::from_secs(2));
        let asked_for = Duration::from_secs(30);
        assert_eq!(second.rest(asked_for, now), asked_for);
        assert_eq!(second.rest(Duration::from_hours(1), now), LONGEST_PAUSE);
        drop(second);
        now += LONGEST_PAUSE;
        let third = begin("demo", now).expect("it has rested");
        third.well();
        assert_eq!(third.rest(Duration::ZERO, now), Duration::from_secs(1));
        third.well();
        drop(third);
        assert!(standings.lock().is_empty(), "who is well is not remembered");
    }

    #[test]
    fn whoever_panics_leaves_the_project_to_others() {
        let standings = Standings::default();
        let project = ProjectId::parse("demo").expect("a name");
        let panicking = std::thread::spawn({
            let (project, standings) = (project.clone(), Arc::clone(&standings));
            move || {
                let _at_work = AtWork::begin(&project, &standings, Instant::now());
                panic!("on purpose");
            }
        });
        assert!(panicking.join().is_err());
        assert!(AtWork::begin(&project, &standings, Instant::now()).is_some());
    }
}
