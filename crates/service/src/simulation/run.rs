//! One run: some hundred steps of chaos, then peace.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use billfold_domain::{PaymentMethodId, ProjectId, ProjectScope, UserId};
use rand::RngExt as _;
use time::Duration;

use super::{
    actors::{Request, Task, Told, Wish, act},
    planted::Bug,
    stripe::{self, Behaviour, Method},
    world::{SimulatedWorld, pick},
};
use crate::{Confirmation, Tenant, engine::Engine, world::Surroundings as _};

const METHODS: usize = 4;
const USERS: usize = 2;
const CHAOS: u64 = 600;
/// Rounds of the reconciler, a minute apart, before the last questions and after them.
const PEACE: u64 = 20;

/// How often a client asks for an answer when nothing goes wrong any more. More than once: what was done before under the
/// same name may have used up Stripe's keys, of which each attempt finds out one.
const MOST_QUESTIONS: u32 = 6;

/// What a run left behind.
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) requests: Vec<Request>,
    pub(super) world: SimulatedWorld,
    pub(super) trace: Vec<String>,
    pub(super) crashes: u64,
    pub(super) retries: u64,
}

/// What many runs went through, so that a simulation in which nothing happens is noticed.
#[derive(Debug, Default)]
pub(super) struct Totals {
    requests: u64,
    saved: u64,
    deleted: u64,
    /// Requests that were made again under the name of an earlier one.
    retries: u64,
    crashes: u64,
    faults: BTreeMap<&'static str, u64>,
}

impl Totals {
    pub(super) fn add(&mut self, report: &Report) {
        self.crashes += report.crashes;
        self.retries += report.retries;
        for request in &report.requests {
            self.requests += 1;
            self.saved += u64::from(matches!(request.told, Told::Saved { .. }));
            self.deleted += u64::from(matches!(
                (&request.wish, &request.told),
                (Wish::Delete(_), Told::Done)
            ));
        }
        for fault in &report.world.0.lock().seen {
            *self.faults.entry(fault).or_default() += 1;
        }
    }

    pub(super) fn require_variety(&self) {
        assert!(
            self.saved > 0 && self.deleted > 0 && self.crashes > 0 && self.retries > 0,
            "too little happened: {self:?}"
        );
        assert!(
            self.faults.len() >= 10,
            "too few kinds of fault happened: {self:?}"
        );
    }
}

struct Run {
    engine: Arc<Engine<SimulatedWorld>>,
    tenant: Tenant,
    world: SimulatedWorld,
    tasks: Vec<(usize, Task)>,
    requests: Vec<Request>,
    step: u64,
    crashes: u64,
    retries: u64,
}

pub(super) fn run(seed: u64, bug: Option<Bug>) -> Report {
    let world = SimulatedWorld::new(seed, bug);
    let scope = ProjectScope::authorized(ProjectId::parse("demo").unwrap());
    let mut run = Run {
        engine: Arc::new(Engine {
            world: world.clone(),
            maximum_payment_methods: 100,
        }),
        tenant: Tenant::simulated(scope),
        world,
        tasks: Vec::new(),
        requests: Vec::new(),
        step: 0,
        crashes: 0,
        retries: 0,
    };
    run.stock();
    while run.step < CHAOS {
        run.chaos();
    }
    run.peace();
    let trace = run.world.0.lock().trace.clone();
    Report {
        seed,
        requests: run.requests,
        world: run.world,
        trace,
        crashes: run.crashes,
        retries: run.retries,
    }
}

fn method(number: usize) -> PaymentMethodId {
    PaymentMethodId::parse(format!("pm_{number}")).unwrap()
}

impl Run {
    /// Cards that users have made in their browsers.
    fn stock(&mut self) {
        let mut state = self.world.0.lock();
        for number in 0..METHODS {
            let behaviour = match state.chance.random_range(0..10) {
                0 => Behaviour::IsDeclined,
                1..=3 => Behaviour::AsksItsOwner,
                _ => Behaviour::Succeeds,
            };
            let made = Method {
                behaviour,
                customer: None,
                dead: false,
                detached: 0,
            };
            state.stripe.methods.insert(method(number), made);
        }
    }

    fn chaos(&mut self) {
        self.step += 1;
        let mut state = self.world.0.lock();
        state.step = self.step;
        let pass = i64::try_from(pick(&mut state.chance, 200)).unwrap();
        state.now = state.now.plus(Duration::milliseconds(pass));
        if state.roll(2) {
            state.now = state.now.plus(Duration::seconds(9));
        }
        // A request may be late, and a process slow, but not by a day.
        if state.stripe.late.is_empty() && self.tasks.is_empty() && state.chance.random_range(0..50) == 0 {
            state.trace.push("a day passes".to_owned());
            state.days += 1;
            state.now = state.now.plus(Duration::hours(24));
        }
        let what = state.chance.random_range(0..100);
        match what {
            0..=7 => {
                let (wish, keeps_name) = (wish(&mut state.chance), state.roll(60));
                drop(state);
                self.begin(wish, keeps_name);
            }
            8..=10 if !state.stripe.late.is_empty() => {
                let count = state.stripe.late.len();
                let next = pick(&mut state.chance, count);
                let (key, change) = state.stripe.late.remove(next);
                let arrived = stripe::arrive(&mut state, &key, &change);
                state.trace.push(format!("late {change:?}: {arrived:?}"));
            }
            11..=13 if !state.stripe.setup_intents.is_empty() => {
                let count = state.stripe.setup_intents.len();
                let next = pick(&mut state.chance, count);
                let id = state.stripe.setup_intents[next].id.clone();
                stripe::pass_challenge(&mut state, &id);
            }
            14 if !self.tasks.is_empty() => {
                // One process of several dies, with about half of what runs.
                let dies: Vec<bool> = self
                    .tasks
                    .iter()
                    .map(|_| state.chance.random_range(0..2) == 0)
                    .collect();
                drop(state);
                self.crash(&dies);
            }
            15..=18 => {
                let unanswered = self.unanswered(state.days);
                if !unanswered.is_empty() {
                    let next = pick(&mut state.chance, unanswered.len());
                    drop(state);
                    self.retry(unanswered[next]);
                }
            }
            _ if !self.tasks.is_empty() => {
                let next = pick(&mut state.chance, self.tasks.len());
                drop(state);
                self.poll(next);
            }
            _ => {}
        }
    }

    fn begin(&mut self, wish: Wish, keeps_name: bool) {
        let operation = self.world.operation_name();
        self.ask(wish, operation, keeps_name);
    }

    fn ask(&mut self, wish: Wish, operation: String, keeps_name: bool) {
        let day = {
            let mut state = self.world.0.lock();
            let line = format!("{}: {wish:?} as {operation}", self.requests.len());
            state.trace.push(line);
            state.days
        };
        let (engine, tenant) = (Arc::clone(&self.engine), self.tenant.clone());
        let task = act(engine, tenant, wish.clone(), operation.clone());
        self.tasks.push((self.requests.len(), task));
        self.requests.push(Request {
            wish,
            operation,
            keeps_name,
            began: self.step,
            day,
            ended: None,
            told: Told::Nothing,
        });
    }

    /// The newest requests of the clients that keep their names and have no answer yet. One whose first request still runs
    /// has lost patience.
    fn unanswered(&self, day: u32) -> Vec<usize> {
        let mut newest = BTreeMap::new();
        for (number, request) in self.requests.iter().enumerate() {
            if request.keeps_name && !matches!(request.wish, Wish::Reconcile) {
                newest.insert(&request.operation, number);
            }
        }
        let is_unanswered = |number: &usize| {
            let request = &self.requests[*number];
            request.day == day && !request.told.is_definite()
        };
        newest.into_values().filter(is_unanswered).collect()
    }

    fn retry(&mut self, number: usize) {
        self.retries += 1;
        let Request { wish, operation, .. } = self.requests[number].clone();
        self.ask(wish, operation, true);
    }

    fn crash(&mut self, dies: &[bool]) {
        let mut dies = dies.iter();
        let before = self.tasks.len();
        self.tasks.retain(|_| !dies.next().unwrap());
        self.crashes += u64::try_from(before - self.tasks.len()).unwrap();
        self.world.0.lock().trace.push("crash".to_owned());
    }

    fn poll(&mut self, next: usize) {
        let (request, task) = &mut self.tasks[next];
        let Poll::Ready(told) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            return;
        };
        self.world.0.lock().trace.push(format!("{request}: {told:?}"));
        self.requests[*request].told = told;
        self.requests[*request].ended = Some(self.step);
        drop(self.tasks.swap_remove(next));
    }

    /// Nothing goes wrong any more: what runs ends, what is late arrives, what is open is ended by the reconciler. Then
    /// whoever has no answer yet asks again until it has one, and once more.
    fn peace(&mut self) {
        self.world.0.lock().faults = false;
        self.finish();
        self.quiet(PEACE);
        let day = self.world.0.lock().days;
        for number in self.unanswered(day) {
            let mut answers = 0;
            for _ in 0..MOST_QUESTIONS {
                self.retry(number);
                self.finish();
                answers += u32::from(self.requests.last().unwrap().told.is_definite());
                if answers == 2 {
                    break;
                }
            }
        }
        self.quiet(PEACE);
    }

    fn quiet(&mut self, rounds: u64) {
        for _ in 0..rounds {
            {
                let mut state = self.world.0.lock();
                state.now = state.now.plus(Duration::seconds(61));
                for (key, change) in std::mem::take(&mut state.stripe.late) {
                    drop(stripe::arrive(&mut state, &key, &change));
                }
            }
            self.begin(Wish::Reconcile, false);
            self.finish();
        }
    }

    fn finish(&mut self) {
        let mut polls = 0_u32;
        while !self.tasks.is_empty() {
            self.step += 1;
            self.world.0.lock().step = self.step;
            self.poll(0);
            polls += 1;
            if polls > 200_000 {
                self.world.0.lock().broken.push("something never ends".to_owned());
                self.tasks.clear();
            }
        }
    }
}

fn wish(chance: &mut rand::rngs::StdRng) -> Wish {
    let method = method(pick(chance, METHODS));
    let user = UserId::parse(format!("usr_{}", pick(chance, USERS))).unwrap();
    match chance.random_range(0..20) {
        0..=9 => Wish::Create(method, user, Confirmation::MayFollow),
        10..=11 => Wish::Create(method, user, Confirmation::MustPrecede),
        12..=15 => Wish::Delete(method),
        16 => Wish::SetupIntent(user),
        _ => Wish::Reconcile,
    }
}
