//! Limits on requests: this instance's fair share of each, in memory.
//!
//! A bucket that is full is forgotten, since it is as one that was never there; no other is, so nobody gets a new one by
//! making others. How many are kept is bounded by how many requests were granted lately: those that are full are swept out
//! every few seconds. Beyond a number of users with buckets that are not full, a project's further users share one.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU32,
    time::Duration,
};

use billfold_domain::{Bucket, Pace, ProjectId, RateLimit, UserId, UtcTimestamp};
use parking_lot::Mutex;

use super::{LimitReached, RateLimitOptions};

/// How many locks the buckets are divided between.
const SHARDS: usize = 16;

/// How many users of a project have a bucket each.
const USERS_OF_A_PROJECT: usize = 4_096;

/// What a request is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Read,
    /// It may change something.
    Write,
}

/// A limit that a request counts against, and how much of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyState {
    /// The limit's name, of `a-z` and `-`.
    pub policy: &'static str,
    /// The limit.
    pub limit: RateLimit,
    /// How many more requests this instance grants now: its share of the limit, less what was used of it.
    pub remaining: u32,
    /// After how long all of the share is there again.
    pub full_in: Duration,
}

/// Whether a request is let in, and how its caller stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// The limits that it counts against: the user's, if it is one's, and the project's.
    pub states: [Option<PolicyState>; 2],
    /// The limit that is reached, if one is: then the request counts against none.
    pub refused: Option<LimitReached>,
}

/// The buckets of one project.
struct Project {
    reads: Bucket,
    writes: Bucket,
    users: HashMap<UserId, Bucket>,
    /// For users who came when as many as may be had one.
    others: Bucket,
}

impl Project {
    const fn bucket(&mut self, access: Access) -> &mut Bucket {
        match access {
            Access::Read => &mut self.reads,
            Access::Write => &mut self.writes,
        }
    }

    fn bucket_of(&mut self, user: &UserId, now: UtcTimestamp) -> &mut Bucket {
        if !self.users.contains_key(user) {
            if self.users.len() >= USERS_OF_A_PROJECT {
                self.users.retain(|_, bucket| !bucket.is_full(now));
            }
            if self.users.len() >= USERS_OF_A_PROJECT {
                return &mut self.others;
            }
        }
        self.users.entry(user.clone()).or_insert(Bucket::FULL)
    }

    /// Forgets what is full, and says whether all is.
    fn sweep(&mut self, now: UtcTimestamp) -> bool {
        self.users.retain(|_, bucket| !bucket.is_full(now));
        self.users.is_empty()
            && [self.reads, self.writes, self.others]
                .iter()
                .all(|bucket| bucket.is_full(now))
    }
}

impl Default for Project {
    fn default() -> Self {
        Self {
            reads: Bucket::FULL,
            writes: Bucket::FULL,
            users: HashMap::new(),
            others: Bucket::FULL,
        }
    }
}

type Shard = Mutex<HashMap<ProjectId, Project>>;

/// The limits on requests.
pub(crate) struct SoftLimits {
    reads: Option<RateLimit>,
    writes: Option<RateLimit>,
    user: Option<RateLimit>,
    hasher: RandomState,
    shards: [Shard; SHARDS],
}

impl SoftLimits {
    pub(crate) fn new(options: &RateLimitOptions) -> Self {
        Self {
            reads: options.project_reads,
            writes: options.project_writes,
            user: options.user,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Shard::default()),
        }
    }

    /// Counts a request against its user's limit and its project's, or against neither where one of them is reached.
    /// Only projects and users that somebody was authorised for may be asked about: each takes memory for a while.
    pub(crate) fn admit(
        &self,
        project: &ProjectId,
        user: Option<&UserId>,
        access: Access,
        instances: NonZeroU32,
        now: UtcTimestamp,
    ) -> Admission {
        let of_user = user.zip(self.user);
        let (policy, of_project) = match access {
            Access::Read => ("project-reads", self.reads),
            Access::Write => ("project-writes", self.writes),
        };
        if of_user.is_none() && of_project.is_none() {
            return Admission::default();
        }
        let mut shard = self.shard(project).lock();
        if !shard.contains_key(project) {
            shard.insert(project.clone(), Project::default());
        }
        let Some(buckets) = shard.get_mut(project) else {
            return Admission::default();
        };
        let mut admission = Admission::default();
        if let Some((user, limit)) = of_user {
            let pace = limit.share(instances);
            let taken = Taken::from(buckets.bucket_of(user, now), pace, now);
            admission.states[0] = Some(taken.state("user", limit));
            admission.refused = taken.refusal("user", limit);
        }
        if let Some(limit) = of_project {
            let pace = limit.share(instances);
            let bucket = buckets.bucket(access);
            let taken = if admission.refused.is_some() {
                Taken::nothing(*bucket, pace, now)
            } else {
                Taken::from(bucket, pace, now)
            };
            admission.states[1] = Some(taken.state(policy, limit));
            if let Some(refused) = taken.refusal(policy, limit) {
                admission.refused = Some(refused);
                // What the project is refused is not the user's doing.
                if let Some((user, limit)) = of_user {
                    let pace = limit.share(instances);
                    let bucket = buckets.bucket_of(user, now);
                    bucket.give_back(pace);
                    admission.states[0] = Some(Taken::nothing(*bucket, pace, now).state("user", limit));
                }
            }
        }
        admission
    }

    /// Forgets what is full.
    pub(crate) fn sweep(&self, now: UtcTimestamp) {
        for shard in &self.shards {
            let mut projects = shard.lock();
            projects.retain(|_, project| !project.sweep(now));
            if projects.capacity() > 4 * projects.len() {
                projects.shrink_to_fit();
            }
        }
    }

    fn shard(&self, project: &ProjectId) -> &Shard {
        let hash = usize::try_from(self.hasher.hash_one(project) % SHARDS as u64).unwrap_or(0);
        &self.shards[hash]
    }
}

/// What came of asking a bucket for a token.
struct Taken {
    remaining: u32,
    full_in: Duration,
    wait: Option<Duration>,
}

impl Taken {
    fn from(bucket: &mut Bucket, pace: Pace, now: UtcTimestamp) -> Self {
        let wait = bucket.take(pace, now).err().map(positive);
        Self {
            wait,
            ..Self::nothing(*bucket, pace, now)
        }
    }

    /// Looks, and takes none.
    fn nothing(bucket: Bucket, pace: Pace, now: UtcTimestamp) -> Self {
        Self {
            remaining: bucket.remaining(pace, now),
            full_in: positive(bucket.full_in(pace, now)),
            wait: None,
        }
    }

    const fn state(&self, policy: &'static str, limit: RateLimit) -> PolicyState {
        PolicyState {
            policy,
            limit,
            remaining: self.remaining,
            full_in: self.full_in,
        }
    }

    fn refusal(&self, policy: &'static str, limit: RateLimit) -> Option<LimitReached> {
        self.wait.map(|retry_after| LimitReached {
            policy,
            limit,
            retry_after,
        })
    }
}

fn positive(duration: time::Duration) -> Duration {
    duration.try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use super::*;

    const ALONE: NonZeroU32 = NonZeroU32::MIN;

    fn limits() -> SoftLimits {
        SoftLimits::new(&RateLimitOptions {
            project_reads: RateLimit::in_a_minute(10),
            project_writes: RateLimit::in_a_minute(5),
            user: RateLimit::in_a_minute(3),
            ..RateLimitOptions::default()
        })
    }

    fn project(name: &str) -> ProjectId {
        ProjectId::parse(name).unwrap()
    }

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn at(seconds: i64) -> UtcTimestamp {
        UtcTimestamp::from_seconds(1_750_000_000 + seconds)
    }

    fn buckets(limits: &SoftLimits) -> usize {
        let of = |shard: &Shard| {
            shard
                .lock()
                .values()
                .map(|project| 1 + project.users.len())
                .sum::<usize>()
        };
        limits.shards.iter().map(of).sum()
    }

    #[test]
    fn reads_writes_users_and_projects_are_counted_apart() {
        let limits = limits();
        let (demo, acme, alice, bob) = (project("demo"), project("acme"), user("alice"), user("bob"));
        let ask = |project: &ProjectId, user: Option<&UserId>, access| {
            limits.admit(project, user, access, ALONE, at(0))
        };
        for left in [2, 1, 0] {
            let admission = ask(&demo, Some(&alice), Access::Read);
            assert_eq!(admission.refused, None);
            assert_eq!(admission.states[0].unwrap().remaining, left);
            assert_eq!(admission.states[1].unwrap().remaining, 7 + left);
        }
        let refused = ask(&demo, Some(&alice), Access::Write);
        assert_eq!(refused.refused.unwrap().policy, "user");
        assert_eq!(refused.refused.unwrap().retry_after, Duration::from_secs(20));
        assert_eq!(
            refused.states[1].unwrap().remaining,
            5,
            "it counts for nobody else"
        );
        assert_eq!(ask(&demo, Some(&bob), Access::Read).refused, None);
        assert_eq!(
            ask(&acme, Some(&alice), Access::Read).refused,
            None,
            "another alice"
        );
        for _ in 0..5 {
            assert_eq!(ask(&demo, None, Access::Write).refused, None);
        }
        assert_eq!(
            ask(&demo, None, Access::Write).refused.unwrap().policy,
            "project-writes"
        );
        // The user does not pay for what the project is refused.
        let of_bob = ask(&demo, Some(&bob), Access::Write);
        assert_eq!(of_bob.refused.unwrap().policy, "project-writes");
        assert_eq!(of_bob.states[0].unwrap().remaining, 2);
        assert_eq!(ask(&demo, None, Access::Read).refused, None);
    }

    #[test]
    fn what_is_full_is_forgotten_and_nothing_else() {
        let limits = limits();
        let demo = project("demo");
        for number in 0..1_000 {
            let other = project(&format!("project-{number}"));
            limits.admit(&other, Some(&user("alice")), Access::Read, ALONE, at(0));
        }
        for _ in 0..3 {
            limits.admit(&demo, Some(&user("alice")), Access::Read, ALONE, at(0));
        }
        limits.sweep(at(0));
        assert_eq!(buckets(&limits), 2_002, "none is full yet");
        limits.sweep(at(20));
        assert_eq!(buckets(&limits), 2, "only demo's are not full");
        let again = limits.admit(&demo, Some(&user("alice")), Access::Read, ALONE, at(0));
        assert!(again.refused.is_some(), "a sweep filled a bucket");
        limits.sweep(at(60));
        assert_eq!(buckets(&limits), 0);
    }

    #[test]
    fn making_many_users_gives_nobody_a_new_bucket() {
        let limits = SoftLimits::new(&RateLimitOptions {
            project_reads: None,
            user: RateLimit::in_a_minute(2),
            ..RateLimitOptions::default()
        });
        let demo = project("demo");
        let ask = |name: &str| {
            limits
                .admit(&demo, Some(&user(name)), Access::Read, ALONE, at(0))
                .refused
        };
        assert_eq!((ask("alice"), ask("alice")), (None, None));
        assert!(ask("alice").is_some());
        let mut granted = 0;
        for number in 0..2 * USERS_OF_A_PROJECT {
            granted += usize::from(ask(&format!("made-up-{number}")).is_none());
        }
        // One for each bucket that was left, and the two of the bucket that the others share.
        assert_eq!(granted, USERS_OF_A_PROJECT - 1 + 2);
        assert!(ask("alice").is_some(), "a flood of users gave her a new bucket");
        assert!(buckets(&limits) <= 1 + USERS_OF_A_PROJECT);
        let other = limits.admit(&project("acme"), Some(&user("zoe")), Access::Read, ALONE, at(0));
        assert_eq!(other.refused, None, "another project's users suffer from it");
    }

    #[test]
    fn each_of_several_instances_grants_its_share() {
        let limits = limits();
        let three = NonZeroU32::new(3).unwrap();
        let demo = project("demo");
        let grants = |now| {
            (0..20)
                .filter(|_| {
                    limits
                        .admit(&demo, None, Access::Read, three, now)
                        .refused
                        .is_none()
                })
                .count()
        };
        assert_eq!(grants(at(0)), 3);
        // What it lacks is time, whatever its share: 54 of 60 seconds then, 24 of them now, and one token more is taken.
        let alone = limits.admit(&demo, None, Access::Read, ALONE, at(30));
        assert_eq!(alone.states[1].unwrap().remaining, 5);
    }
}
