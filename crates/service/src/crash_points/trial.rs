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

use billfold_domain::{Clock as _, ProjectId, SystemClock};
use billfold_sandbox::Sandbox;
use billfold_store::{
    Database, DatabaseOptions, NewProject, Operations, Projects, StripeCredentials, WebhookSecrets,
};
use billfold_test_support::{PostgresDatabase, SqliteFile, wait_for};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    TASK,
    cases::{Answer, Point, Task, ask},
    child::{ANSWER, PROJECT, REACHED, scope, start},
    judge::{Case, Truths},
    scenarios::Scenario,
    stripe::{PUBLISHABLE_KEY, Page, SECRET_KEY},
};
use crate::Service;

/// How many processes run at once.
const PROCESSES: usize = 3;

/// More calls than any request makes: one that never gets to its end would be crashed for ever.
const MOST_CALLS: u32 = 100;

/// Within how long after the restart every operation has ended. A claim holds for 8 seconds and the promise is 10; the rest
/// is for a machine that does other things meanwhile.
const ENDED_WITHIN: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug)]
pub(super) enum Backend {
    Sqlite,
    Postgres,
}

/// What keeps the database in the world.
enum Place {
    File(SqliteFile),
    Server(PostgresDatabase),
}

impl Place {
    async fn fresh(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let file = SqliteFile::fresh();
                let database = Database::connect(&DatabaseOptions::new(file.url())).await;
                database.unwrap().migrate().await.unwrap();
                Self::File(file)
            }
            Backend::Postgres => Self::Server(
                PostgresDatabase::fresh(&migrations(), async |url| {
                    let database = Database::connect(&DatabaseOptions::new(url)).await?;
                    database.migrate().await?;
                    Ok(())
                })
                .await,
            ),
        }
    }

    fn url(&self) -> &str {
        match self {
            Self::File(file) => file.url(),
            Self::Server(server) => server.url(),
        }
    }
}

/// Every migration of PostgreSQL, to tell whether a database was made by the same ones.
fn migrations() -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let mut texts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|migration| std::fs::read_to_string(migration.unwrap().path().join("up.sql")).unwrap())
        .collect();
    texts.sort();
    texts.concat()
}

/// What a trial showed.
pub(super) struct Summary {
    backend: Backend,
    /// How many processes aborted.
    aborted: usize,
    /// How many made a call twice.
    twice: usize,
    /// How many different calls that were, over all scenarios.
    steps: usize,
    /// How many operations were open at the restart.
    open: i64,
    /// From the restart until none was.
    ended_in: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            backend,
            aborted,
            twice,
            steps,
            open,
            ended_in,
        } = self;
        write!(
            formatter,
            "crash points on {backend:?}: {steps} steps of {} requests; {aborted} processes aborted, {twice} made a step \
             twice; {open} operations open at the restart, the last ended after {:.1} s",
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
            let place = self.places.acquire().await.unwrap();
            let (case, reached) = self.crash(scenario, point(number)).await;
            drop(place);
            cases.push(case);
            if !reached {
                return cases;
            }
        }
        panic!("{scenario:?} makes more than {MOST_CALLS} calls");
    }

    /// Lets a process end at one point, and says whether it got there.
    async fn crash(&self, scenario: Scenario, point: Point) -> (Case, bool) {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let request = scenario.prepare(&self.service, &self.page, number).await;
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
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
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
    let cases = crash_everywhere(place.url(), sandbox.url(), test).await;

    let page = Page::new(sandbox.url());
    let restart = Instant::now();
    let (service, database) = start(place.url(), page.base()).await;
    let operations = Operations::new(database);
    let open = operations.open().await.unwrap();
    let reconciler = service.start_reconciler();
    wait_for(ENDED_WITHIN, "every operation to end", async || {
        (operations.open().await.unwrap() == 0).then_some(())
    })
    .await;
    let ended_in = restart.elapsed();
    reconciler.stop().await;

    let broken = Truths::look(&service, &page).await.judge(&cases);
    assert!(broken.is_empty(), "after the restart: {broken:#?}");
    retry(&service, &page, &cases).await;

    let aborted = cases.iter().filter(|case| case.answer.is_none()).count();
    let is_twice = |case: &&Case| matches!(case.point, Point::Twice(_));
    let twice = cases.iter().filter(is_twice).count() - Scenario::ALL.len();
    let before = |case: &&Case| matches!(case.point, Point::Before(_));
    let steps = cases.iter().filter(before).count() - Scenario::ALL.len();
    assert!(aborted >= 2 * steps && twice > 0, "{aborted} of {steps} steps");
    assert!(open > 0, "no crash left anything open");
    sandbox.stop().await;
    Summary {
        backend,
        aborted,
        twice,
        steps,
        open,
        ended_in,
    }
}

/// Lets a process end at every point of every scenario. Nothing is mended meanwhile.
async fn crash_everywhere(database: &str, stripe: String, test: &str) -> Vec<Case> {
    let (service, opened) = start(database, &stripe).await;
    let project = NewProject {
        id: ProjectId::parse(PROJECT).unwrap(),
        stripe: StripeCredentials {
            secret_key: SECRET_KEY.into(),
            publishable_key: PUBLISHABLE_KEY.to_owned(),
            account: None,
            webhook_secrets: WebhookSecrets::default(),
        },
    };
    let projects = Projects::new(opened);
    projects.create(&project, SystemClock.now()).await.unwrap();
    let stage = Arc::new(Stage {
        test: test.to_owned(),
        database: database.to_owned(),
        page: Page::new(stripe),
        service,
        requests: AtomicU32::new(0),
        places: Semaphore::new(PROCESSES),
    });
    let mut chains = JoinSet::new();
    for scenario in Scenario::ALL {
        for point in Point::KINDS {
            let stage = Arc::clone(&stage);
            chains.spawn(async move { stage.every_point(scenario, point).await });
        }
    }
    chains.join_all().await.into_iter().flatten().collect()
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
