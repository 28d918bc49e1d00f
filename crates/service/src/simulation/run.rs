//! One run: a hundred steps of chaos, then peace, then judgement.

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
    stripe::{self, Behaviour, Method},
    world::{SimulatedWorld, pick},
};
use crate::{Confirmation, Tenant, engine::Engine};

const METHODS: usize = 4;
const USERS: usize = 2;
const CHAOS: u64 = 600;
const PEACE: u64 = 40;

/// What a run left behind.
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) requests: Vec<Request>,
    pub(super) world: SimulatedWorld,
    pub(super) trace: Vec<String>,
    pub(super) crashes: u64,
}

/// What many runs went through, so that a simulation in which nothing happens is noticed.
#[derive(Debug, Default)]
pub(super) struct Totals {
    requests: u64,
    saved: u64,
    deleted: u64,
    crashes: u64,
    faults: BTreeMap<&'static str, u64>,
}

impl Totals {
    pub(super) fn add(&mut self, report: &Report) {
        self.crashes += report.crashes;
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
            self.saved > 0 && self.deleted > 0 && self.crashes > 0,
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
}

pub(super) fn run(seed: u64) -> Report {
    let world = SimulatedWorld::new(seed);
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
                let wish = wish(&mut state.chance);
                drop(state);
                self.begin(wish);
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
            _ if !self.tasks.is_empty() => {
                let next = pick(&mut state.chance, self.tasks.len());
                drop(state);
                self.poll(next);
            }
            _ => {}
        }
    }

    fn begin(&mut self, wish: Wish) {
        self.world
            .0
            .lock()
            .trace
            .push(format!("{}: {wish:?}", self.requests.len()));
        let task = act(Arc::clone(&self.engine), self.tenant.clone(), wish.clone());
        self.tasks.push((self.requests.len(), task));
        self.requests.push(Request {
            wish,
            began: self.step,
            ended: None,
            told: Told::Nothing,
        });
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

    /// Nothing goes wrong any more: what runs ends, what is late arrives, what is open is ended by the reconciler.
    fn peace(&mut self) {
        self.world.0.lock().faults = false;
        self.finish();
        for _ in 0..PEACE {
            {
                let mut state = self.world.0.lock();
                state.now = state.now.plus(Duration::seconds(61));
                for (key, change) in std::mem::take(&mut state.stripe.late) {
                    drop(stripe::arrive(&mut state, &key, &change));
                }
            }
            self.begin(Wish::Reconcile);
            self.finish();
        }
    }

    fn finish(&mut self) {
        let mut polls = 0_u32;
        while !self.tasks.is_empty() {
            self.poll(0);
            polls += 1;
            assert!(polls < 200_000, "something never ends");
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
