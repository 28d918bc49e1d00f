//! A mixed load in an open loop: requests begin at their times, however long the earlier ones take.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rand::{RngExt as _, rngs::StdRng};
use reqwest::Method;
use serde_json::Value;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::MissedTickBehavior,
};

use crate::{
    TortureError,
    clients::{Answer, Caller, Clients, Stock},
    history::{Card, Face, Told},
    platform::Platform,
    sandbox::{Sandbox, Tenant},
};

/// How many cards a user has, on average, when all are saved.
const CARDS_OF_A_USER: usize = 12;

/// What is known of a card from the answers so far.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    saved: bool,
    deletion: Deletion,
    /// How many requests to save it are under way: one that waits for a check may be saved again by the later of two.
    creating: usize,
    /// Somebody tries to save it once more after its deletion.
    asked_again: bool,
}

/// How far a card's deletion is known to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Deletion {
    /// Nobody asked for it.
    #[default]
    None,
    /// Somebody did.
    Asked,
    /// It was acknowledged.
    Done,
}

/// A card that somebody has asked to save.
struct Active {
    stock: Stock,
    user: String,
    known: Mutex<Known>,
}

/// What all requests of a load share.
struct Shared {
    clients: Arc<Clients>,
    sandbox: Arc<Sandbox>,
    tenants: Vec<Tenant>,
    active: Mutex<Vec<Arc<Active>>>,
}

/// A load that goes on until it is stopped.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Load {
    /// Begins it, with these cards to save.
    pub(crate) fn start(platform: &Platform, cards: Vec<Stock>, per_second: u32, chance: StdRng) -> Self {
        let shared = Arc::new(Shared {
            clients: Arc::clone(&platform.clients),
            sandbox: Arc::clone(&platform.sandbox),
            tenants: platform.tenants.clone(),
            active: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(shared.run(cards.into(), per_second, chance, stopped));
        Self { stop, task }
    }

    /// Begins no more requests, and waits for those under way: each gives up at last.
    pub(crate) async fn stop(self) -> Result<(), TortureError> {
        self.stop.send_replace(true);
        Ok(self.task.await?)
    }
}

impl Shared {
    async fn run(
        self: Arc<Self>,
        mut cards: VecDeque<Stock>,
        per_second: u32,
        mut chance: StdRng,
        mut stopped: watch::Receiver<bool>,
    ) {
        let users = (cards.len() / CARDS_OF_A_USER).max(1);
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut requests = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                _ = ticks.tick() => self.begin(&mut requests, &mut cards, users, &mut chance),
                Some(_) = requests.join_next() => {}
            }
        }
        while requests.join_next().await.is_some() {}
    }

    /// Begins one request of the mix.
    fn begin(
        self: &Arc<Self>,
        requests: &mut JoinSet<()>,
        cards: &mut VecDeque<Stock>,
        users: usize,
        chance: &mut StdRng,
    ) {
        let shared = Arc::clone(self);
        let face = if chance.random_range(0..10) < 3 {
            Face::Account
        } else {
            Face::Project
        };
        let user = format!("user_{}", chance.random_range(0..users));
        let twice = chance.random_range(0..100) < 7;
        let passes = chance.random_range(0..2) == 0;
        match chance.random_range(0..100) {
            0..40 => {
                let Some(stock) = cards.pop_front() else { return };
                let known = Mutex::default();
                let active = Arc::new(Active { stock, user, known });
                self.active.lock().push(Arc::clone(&active));
                requests.spawn(async move { shared.create(&active, face, twice, passes).await });
            }
            40..53 => {
                if let Some(active) = self.pick(chance, true) {
                    active.known.lock().deletion = Deletion::Asked;
                    requests.spawn(async move { shared.delete(&active, face, twice).await });
                }
            }
            53..56 => {
                if let Some(active) = self
                    .pick(chance, false)
                    .filter(|active| active.stock.card == Card::Good)
                {
                    active.known.lock().asked_again = true;
                    requests.spawn(async move { shared.create(&active, face, false, false).await });
                }
            }
            56..76 => {
                if let Some(active) = self.pick(chance, false) {
                    requests.spawn(async move { shared.retrieve(&active).await });
                }
            }
            76..88 => {
                let project = self.tenants[chance.random_range(0..self.tenants.len())]
                    .name
                    .clone();
                requests.spawn(async move { shared.list(&project, &user, face).await });
            }
            _ => {
                let project = self.tenants[chance.random_range(0..self.tenants.len())]
                    .name
                    .clone();
                requests.spawn(async move {
                    let caller = Caller {
                        project: &project,
                        user: &user,
                        face,
                    };
                    shared.clients.make_setup_intent(caller).await;
                });
            }
        }
    }

    /// Any card that somebody has asked to save; for a deletion, one that nobody has asked to delete.
    fn pick(&self, chance: &mut StdRng, to_delete: bool) -> Option<Arc<Active>> {
        let active = self.active.lock();
        if active.is_empty() {
            return None;
        }
        let picked = &active[chance.random_range(0..active.len())];
        (!to_delete || picked.known.lock().deletion == Deletion::None).then(|| Arc::clone(picked))
    }

    async fn create(&self, active: &Active, face: Face, twice: bool, passes: bool) {
        active.known.lock().creating += 1;
        let create = || self.clients.create(&active.stock, &active.user, face);
        let (told, secret) = if twice {
            let (one, other) = tokio::join!(create(), create());
            if one.0 == Told::Saved { one } else { other }
        } else {
            create().await
        };
        {
            let mut known = active.known.lock();
            known.creating -= 1;
            known.saved |= told == Told::Saved;
        }
        let tenant = self
            .tenants
            .iter()
            .find(|tenant| tenant.name == active.stock.project);
        if let (Some(secret), Some(tenant), true) = (secret, tenant, passes) {
            // The sandbox is never broken, so this can only fail where the check is over; the judge sees the outcome.
            drop(self.sandbox.pass_check(tenant, &secret).await);
        }
    }

    async fn delete(&self, active: &Active, face: Face, twice: bool) {
        let delete = || self.clients.delete(&active.stock, &active.user, face);
        let told = if twice {
            let (one, other) = tokio::join!(delete(), delete());
            if one == Told::Deleted { one } else { other }
        } else {
            delete().await
        };
        if told == Told::Deleted {
            active.known.lock().deletion = Deletion::Done;
        }
    }

    /// Reads one, and holds the answer against what was acknowledged before.
    async fn retrieve(&self, active: &Active) {
        let before = *active.known.lock();
        let caller = Caller {
            project: &active.stock.project,
            user: &active.user,
            face: Face::Project,
        };
        let path = format!(
            "/projects/{}/paymentMethods/{}",
            active.stock.project, active.stock.id
        );
        let Some(Answer { status, .. }) = self.clients.ask(caller, Method::GET, &path, None).await else {
            return;
        };
        let after = *active.known.lock();
        if status == 404 && before.saved && after.deletion == Deletion::None {
            self.clients
                .history
                .wrong(format!("{path}: saved, and then not found"));
        }
        let over = before.deletion == Deletion::Done && before.creating == 0;
        if status == 200 && over && !after.asked_again {
            let card = active.stock.card;
            self.clients
                .history
                .wrong(format!("{path} ({card:?}): deleted, and then found"));
        }
    }

    async fn list(&self, project: &str, user: &str, face: Face) {
        let caller = Caller { project, user, face };
        let path = match face {
            Face::Project => format!("/projects/{project}/paymentMethods?user={user}&limit=50"),
            Face::Account => "/v1/account/payment-methods".to_owned(),
        };
        let Some(answer) = self.clients.ask(caller, Method::GET, &path, None).await else {
            return;
        };
        let items = match face {
            Face::Project => &answer.body["items"],
            Face::Account => &answer.body,
        };
        if answer.status != 200 || !matches!(items, Value::Array(_)) {
            let words = format!("{path}: {} {}", answer.status, answer.body);
            self.clients.history.wrong(words);
        }
    }
}
