//! All crashes, the restart, the judgement and the clients' retries.

use std::{
    env, fmt,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use billfold_sandbox::Sandbox;
use billfold_store::Operations;
use billfold_test_support::{wait_for, wait_until};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    TASK,
    cases::{Answer, Point, Request, Task, ask},
    child::{ANSWER, REACHED, scope, start},
    judge::{Case, Truths},
    place::{Backend, Place, make_project},
    scenarios::Scenario,
    stripe::Page,
};
use crate::Service;

/// How many processes run at once.
const PROCESSES: usize = 3;

/// More calls than any request makes: one that never gets to its end would be crashed for ever.
const MOST_CALLS: u32 = 100;

/// More calls than any takeover makes: as many requests of each scenario are left open.
const MOST_CALLS_OF_A_TAKEOVER: u32 = 24;

/// When the claim of a process that has ended has surely run out.
const CLAIM_IS_OVER: Duration = Duration::from_secs(10);

/// Within how long after the restart every operation has ended. A claim holds for 8 seconds and the promise is 10; the rest
/// is for a machine that does other things meanwhile.
const ENDED_WITHIN: Duration = Duration::from_secs(20);

/// What a trial showed.
pub(super) struct Summary {
    backend: Backend,
    /// How many processes aborted in the middle of what they had begun.
    aborted: usize,
    /// How many aborted in the middle of what another had left open.
    taken_over: usize,
    /// How many made a call twice.
    twice: usize,
    /// How many different calls that were, over all scenarios.
    steps: usize,
    /// How many operations were open at the restart.
    open: u64,
    /// From the restart until none was.
    ended_in: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            backend,
            aborted,
            taken_over,
            twice,
            steps,
            open,
            ended_in,
        } = self;
        write!(
            formatter,
            "crash points on {backend:?}: {steps} steps of {} requests; {aborted} processes aborted, {twice} made a step \
             twice, {taken_over} aborted when they had taken over; {open} operations open at the restart, the last ended after {:.1} s",
            Scenario::ALL.len(),
            ended_in.as_secs_f64()
        )
    }
}

/// What the processes are made from.
struct Stage {
    test: String,
    database: String,
    page: Page,
    service: Service,
    /// The requests so far: each has names of its own.
    requests: AtomicU32,
    places: Semaphore,
}

impl Stage {
    /// Runs a scenario with every point of a kind, one after the other, until the point lies behind the scenario's end.
    async fn every_point(&self, scenario: Scenario, point: fn(u32) -> Point) -> Vec<Case> {
        let mut cases = Vec::new();
        for number in 0..MOST_CALLS {
            let request = self.prepare(scenario).await;
            let (case, reached) = self.crash(scenario, request, point(number), false).await;
            cases.push(case);
            if !reached {
                return cases;
            }
        }
        panic!("{scenario:?} makes more than {MOST_CALLS} calls");
    }

    /// Lets processes end before the result of a scenario is written, as many as may be taken over.
    async fn leave_open(&self, scenario: Scenario) -> Vec<Case> {
        let mut cases = Vec::new();
        for _ in 0..MOST_CALLS_OF_A_TAKEOVER {
            let request = self.prepare(scenario).await;
            let (case, _) = self.crash(scenario, request, Point::BeforeResult, false).await;
            assert!(case.answer.is_none(), "{case:?}");
            cases.push(case);
        }
        cases
    }

    /// Lets processes end that take over what was left open, before each of their calls.
    async fn every_point_of_a_takeover(&self, open: Vec<Case>) -> Vec<Case> {
        let mut cases = Vec::new();
        for (number, left) in (0..).zip(open) {
            let point = Point::Before(number);
            let (case, reached) = self.crash(left.scenario, left.request, point, true).await;
            cases.push(case);
            if !reached {
                return cases;
            }
        }
        panic!("not every call of a takeover was tried: {:?}", cases.last());
    }

    async fn prepare(&self, scenario: Scenario) -> Request {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        scenario.prepare(&self.service, &self.page, number).await
    }

    /// Lets a process end at one point, and says whether it got there.
    async fn crash(
        &self,
        scenario: Scenario,
        request: Request,
        point: Point,
        takes_over: bool,
    ) -> (Case, bool) {
        let task = Task {
            database: self.database.clone(),
            stripe: self.page.base().to_owned(),
            request: request.clone(),
            point,
        };
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", &self.test, "--nocapture", "--test-threads=1"])
            .env(TASK, task.to_string());
        let place = self.places.acquire().await.unwrap();
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
        drop(place);
        let printed = String::from_utf8_lossy(&output.stdout);
        let answer = printed.lines().find_map(|line| line.strip_prefix(ANSWER));
        let (reached, answer) = match answer {
            Some(answer) => {
                let after = answer.strip_prefix(REACHED);
                (after.is_some(), Some(Answer::parse(after.unwrap_or(answer))))
            }
            None => (true, None),
        };
        let as_told = match answer {
            Some(_) => output.status.success(),
            None => was_aborted(output.status),
        };
        assert!(
            as_told,
            "{scenario:?}, {point:?}: {}\n{printed}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let case = Case {
            scenario,
            point,
            takes_over,
            request,
            answer,
        };
        (case, reached)
    }
}

/// Whether a process ended by its own abort and not by a failed assertion.
fn was_aborted(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    const SIGABRT: i32 = 6;
    status.signal() == Some(SIGABRT)
}

/// Tries every point of every scenario on a database.
pub(super) async fn run(backend: Backend, test: &str) -> Summary {
    let sandbox = Sandbox::start(billfold_sandbox::Options::default())
        .await
        .unwrap();
    let place = Place::fresh(backend).await;
    let cases = crash_everywhere(&place.url(), sandbox.url(), test).await;

    let page = Page::new(sandbox.url());
    let restart = Instant::now();
    let (service, database) = start(&place.url(), page.base()).await;
    let operations = Operations::new(database);
    let open = operations.count_open(&scope()).await.unwrap();
    let reconciler = service.start_reconciler();
    wait_for(ENDED_WITHIN, "every operation to end", async || {
        (operations.count_open(&scope()).await.unwrap() == 0).then_some(())
    })
    .await;
    let ended_in = restart.elapsed();
    reconciler.stop().await;

    let broken = Truths::look(&service, &page).await.judge(&cases);
    assert!(broken.is_empty(), "after the restart: {broken:#?}");
    retry(&service, &page, &cases).await;

    let count = |is_so: fn(&Case) -> bool| cases.iter().filter(|case| is_so(case)).count();
    let scenarios = Scenario::ALL.len();
    // The last process of each chain finds nothing left to end at.
    let steps = count(|case| !case.takes_over && matches!(case.point, Point::Before(_))) - scenarios;
    let twice = count(|case| matches!(case.point, Point::Twice(_))) - scenarios;
    let aborted = count(|case| !case.takes_over && case.answer.is_none());
    let taken_over = count(|case| case.takes_over && case.answer.is_none());
    assert!(aborted >= 2 * steps && twice > 0, "{aborted} of {steps} steps");
    assert!(taken_over > scenarios, "{taken_over} takeovers");
    assert!(open > 0, "no crash left anything open");
    sandbox.stop().await;
    Summary {
        backend,
        aborted,
        taken_over,
        twice,
        steps,
        open,
        ended_in,
    }
}

/// Lets a process end at every point of every scenario. Nothing is mended meanwhile.
async fn crash_everywhere(database: &str, stripe: String, test: &str) -> Vec<Case> {
    let service = make_project(database, &stripe).await;
    let stage = Arc::new(Stage {
        test: test.to_owned(),
        database: database.to_owned(),
        page: Page::new(stripe),
        service,
        requests: AtomicU32::new(0),
        places: Semaphore::new(PROCESSES),
    });
    let mut left_open = JoinSet::new();
    for scenario in Scenario::ALL {
        let stage = Arc::clone(&stage);
        left_open.spawn(async move { stage.leave_open(scenario).await });
    }
    let left_open = left_open.join_all().await;
    let left_at = Instant::now();

    let mut chains = JoinSet::new();
    for scenario in Scenario::ALL {
        for point in Point::KINDS {
            let stage = Arc::clone(&stage);
            chains.spawn(async move { stage.every_point(scenario, point).await });
        }
    }
    let mut cases = chains.join_all().await;

    wait_until(2 * CLAIM_IS_OVER, "the claims to run out", || {
        left_at.elapsed() >= CLAIM_IS_OVER
    })
    .await;
    let mut takeovers = JoinSet::new();
    for open in left_open {
        let stage = Arc::clone(&stage);
        takeovers.spawn(async move { stage.every_point_of_a_takeover(open).await });
    }
    cases.extend(takeovers.join_all().await);
    cases.into_iter().flatten().collect()
}

/// Makes every request again, twice, under the name that it had: as a client that was not answered, and as one that
/// was.
async fn retry(service: &Service, page: &Page, cases: &[Case]) {
    let tenant = service.tenant(scope()).await.unwrap();
    let mut answers = Vec::new();
    for case in cases.iter().chain(cases) {
        let answer = ask(&service.parts.engine, &tenant, &case.request).await;
        answers.push((case, answer));
    }
    let truths = Truths::look(service, page).await;
    let mut broken = truths.judge(&[]);
    for (case, answer) in &answers {
        truths.was_the_truth(case, answer, &mut broken);
    }
    assert!(broken.is_empty(), "after the retries: {broken:#?}");
}
