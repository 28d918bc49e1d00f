//! A thousand slow connections, in every way, beside clients that behave.

use std::{net::SocketAddr, time::Duration};

use crate::{
    TortureError,
    database::DatabaseKind,
    edge::{
        attackers::{SLOWHTTPTEST, Slowness, Victim, attack, slowhttptest},
        good_traffic::{GoodTraffic, Heard},
        witness,
    },
    judge::{Invariant, Violation},
    platform::{Platform, Run, Serving},
    report::Outcome,
    tell,
};

/// What behaves asks so often.
const PER_SECOND: u32 = 50;

/// How many connections are held, where the system lets two processes have as many.
const CONNECTIONS: usize = 1_000;

/// Files that each of the two processes needs beside them.
const OTHER_FILES: usize = 200;

/// How late the end of a connection may be: the promise; and in the quick form, which runs on machines that are busy.
const LATE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(6));

/// How much memory a slow client may take, in KiB.
const MEMORY_OF_ONE: u64 = 256;

/// The share of good requests that must be answered.
const ANSWERED: f64 = 0.999;

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    // Of the long form these are the defaults.
    let limits = Limits::of(run);
    let serving = Serving {
        more: limits.arguments(),
        log: None,
    };
    let mut platform = Platform::start_serving(run, kind, false, serving).await?;
    let project = platform.tenants[0].name.clone();
    platform.save_one(&project, "usr_good").await?;
    let (backend, _) = platform.clients.tokens(&project, "usr_good");
    let instance = &platform.instances[0];
    let victim = Victim {
        address: SocketAddr::from(([127, 0, 0, 1], instance.port)),
        project: project.clone(),
        token: backend.clone(),
    };
    let process = instance.process_id();
    let http = platform.http_client();
    let traffic = || {
        let targets = vec![
            format!("/projects/{project}/paymentMethods"),
            "/health/live".to_owned(),
        ];
        GoodTraffic::start(&http, victim.address, PER_SECOND, targets, backend.clone())
    };

    let calm = traffic();
    tokio::time::sleep(Duration::from_secs(run.pick(30, 4))).await;
    let calm = calm.stop().await?;
    let at_rest = witness::sockets(process)?;
    let memory_at_rest = witness::memory(process)?.resident;
    let baseline = calm.slowest_but_one_percent();
    let connections = CONNECTIONS.min(witness::open_files().saturating_sub(OTHER_FILES));
    let duration = Duration::from_secs(run.pick(120, 20));

    let mut judge = Judge {
        violations: Vec::new(),
        showed: vec![format!("p99 of good requests {baseline:.1} ms before")],
    };
    if run.long {
        for slowness in Slowness::ALL {
            tell(&format!("{} …", slowness.name()));
            let good = traffic();
            let held = attack(slowness, connections, duration, &victim).await?;
            judge.good(slowness.name(), &good.stop().await?);
            judge.held(slowness, held, limits.of_slowness(slowness), LATE.0);
        }
        for (name, options) in SLOWHTTPTEST {
            tell(&format!("slowhttptest, {name} …"));
            let url = format!("http://{}/openapi.yaml", victim.address);
            let good = traffic();
            let said = slowhttptest(options, connections, duration, &url).await?;
            judge.good(name, &good.stop().await?);
            judge.showed.push(format!("slowhttptest, {name}: {said}"));
        }
    } else {
        // All ways at once, each with its share.
        let share = connections / Slowness::ALL.len();
        let good = traffic();
        let attacks = Slowness::ALL.map(|slowness| attack(slowness, share, duration, &victim));
        let [first, second, third, fourth, fifth] = attacks;
        let held = tokio::try_join!(first, second, third, fourth, fifth)?;
        judge.good("all ways at once", &good.stop().await?);
        let held = [held.0, held.1, held.2, held.3, held.4];
        for (slowness, held) in Slowness::ALL.into_iter().zip(held) {
            judge.held(slowness, held, limits.of_slowness(slowness), LATE.1);
        }
    }
    // When those who held them have gone, so have the connections.
    let most = at_rest + 20;
    let mut left = witness::sockets(process)?;
    for _ in 0..limits.longest().as_secs() + 10 {
        if left <= most {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        left = witness::sockets(process)?;
    }
    if left > most {
        judge.violations.push(Violation::new(
            Invariant::AttackerHeld,
            format!("{left} sockets are open, {at_rest} before"),
        ));
    }
    judge
        .showed
        .push(format!("{at_rest} sockets before, {left} after"));
    judge.memory(memory_at_rest, witness::memory(process)?.peak, connections);
    platform.all_ready().await?;
    Ok(Outcome {
        load: format!(
            "{connections} connections for {} s {}, {PER_SECOND} good requests/s; limits: {}",
            duration.as_secs(),
            run.pick("in each way", "in all ways at once"),
            limits.in_words()
        ),
        showed: judge.showed,
        violations: judge.violations,
        complaints: platform.complaints(),
    })
}

/// The limits of a run, in seconds.
struct Limits {
    head: u64,
    body: u64,
    answer: u64,
    idle: u64,
}

impl Limits {
    fn of(run: &Run) -> Self {
        Self {
            head: run.pick(10, 3),
            body: run.pick(10, 3),
            answer: run.pick(20, 4),
            idle: run.pick(15, 5),
        }
    }

    fn arguments(&self) -> Vec<String> {
        let options = [
            ("head", self.head),
            ("body", self.body),
            ("answer", self.answer),
            ("idle", self.idle),
        ];
        options
            .iter()
            .map(|(name, seconds)| format!("--{name}-timeout={seconds}"))
            .collect()
    }

    fn in_words(&self) -> String {
        format!(
            "head {} s, body {} s, answer {} s, idle {} s",
            self.head, self.body, self.answer, self.idle
        )
    }

    fn of_slowness(&self, slowness: Slowness) -> Duration {
        Duration::from_secs(match slowness {
            Slowness::FirstHead | Slowness::SecondHead => self.head,
            Slowness::Body => self.body,
            Slowness::Reading => self.answer,
            Slowness::Idle => self.idle,
        })
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(self.head.max(self.body).max(self.answer).max(self.idle))
    }
}

struct Judge {
    violations: Vec<Violation>,
    showed: Vec<String>,
}

impl Judge {
    /// What so many connections took at most, in KiB.
    fn memory(&mut self, at_rest: u64, at_most: u64, connections: usize) {
        self.showed.push(format!(
            "{} MiB of memory before, {} at most",
            at_rest / 1024,
            at_most / 1024
        ));
        let grown = at_most.saturating_sub(at_rest);
        if grown > connections as u64 * MEMORY_OF_ONE {
            let grown = Violation::new(Invariant::MemoryGrew, format!("by {grown} KiB"));
            self.violations.push(grown);
        }
    }

    /// How fast they were answered is told, not judged: the machine may be doing other things.
    fn good(&mut self, beside: &str, heard: &Heard) {
        self.showed.push(format!(
            "beside {beside}: {} of {} good requests answered, p99 {:.1} ms",
            heard.asked() - heard.failures().len(),
            heard.asked(),
            heard.slowest_but_one_percent()
        ));
        if heard.share() < ANSWERED {
            let first = heard.failures().first().map_or("", String::as_str);
            self.violations.push(Violation::new(
                Invariant::GoodTrafficHurt,
                format!(
                    "beside {beside}: {} of {} failed, first: {first}",
                    heard.failures().len(),
                    heard.asked()
                ),
            ));
        }
    }

    fn held(
        &mut self,
        slowness: Slowness,
        held: crate::edge::attackers::Held,
        limit: Duration,
        late: Duration,
    ) {
        let name = slowness.name();
        self.showed.push(format!(
            "{name}: {} connections, {} ended by the server, the longest after {:.1} s",
            held.connections,
            held.ended,
            held.longest.as_secs_f64()
        ));
        if held.ended == 0 {
            self.violations.push(Violation::new(
                Invariant::AttackerHeld,
                format!("{name}: none was ended"),
            ));
        }
        if held.longest > limit + late {
            self.violations.push(Violation::new(
                Invariant::AttackerHeld,
                format!(
                    "{name}: one was held for {:?}, the limit is {limit:?}",
                    held.longest
                ),
            ));
        }
    }
}
