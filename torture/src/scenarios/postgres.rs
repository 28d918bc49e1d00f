//! PostgreSQL restarted, its backends killed, frozen, and cut off at COMMIT, under a mixed load.

use std::time::{Duration, Instant};

use billfold_test_support::{Shutdown, Verdict, signal};
use rand::{RngExt as _, rngs::StdRng};
use tokio::sync::oneshot;

use crate::{
    TortureError,
    database::{Database, DatabaseKind, Postgres},
    history::History,
    judge::{self, Invariant, RECOVERY_LIMIT, Violation},
    load::Load,
    platform::{Platform, Run},
    report::{Outcome, heard, promises},
    sandbox::SLOW,
    tell,
};

const PER_SECOND: u32 = 20;

/// Between two faults, so that each meets instances at work.
const PAUSE: Duration = Duration::from_millis(1_500);

/// How long an instance's first good answer is waited for, however late it is.
const PATIENCE: Duration = Duration::from_secs(40);

/// The longest wait for a commit to cut at.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

/// What is done to PostgreSQL.
#[derive(Clone, Copy, Debug)]
enum Fault {
    RestartImmediately,
    TerminateBackend,
    KillBackend,
    Freeze,
    CutAtCommit,
    CutAfterCommit,
}

impl Fault {
    const fn words(self) -> &'static str {
        match self {
            Self::RestartImmediately => "restarted -m immediate",
            Self::TerminateBackend => "one backend terminated",
            Self::KillBackend => "one backend killed -9",
            Self::Freeze => "frozen",
            Self::CutAtCommit => "cut before COMMIT arrives",
            Self::CutAfterCommit => "cut after COMMIT is done",
        }
    }
}

/// How long it took an instance at most to answer well after a kind of fault.
struct Recovery {
    fault: Fault,
    times: usize,
    slowest: Duration,
}

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let times: usize = run.pick(20, 1);
    let freeze = Duration::from_secs(run.pick(15, 5));
    // One backend is killed in two ways, half of the times each.
    let plan = [
        (Fault::RestartImmediately, times),
        (Fault::TerminateBackend, times.div_ceil(2)),
        (Fault::KillBackend, times.div_ceil(2)),
        (Fault::Freeze, times),
        (Fault::CutAtCommit, times),
        (Fault::CutAfterCommit, times),
    ];
    let mut chance = run.chance(3);
    let mut platform = Platform::start(run, kind, false).await?;
    let cards = platform.make_cards(run.pick(8_000, 900), &mut chance).await?;
    platform.sandbox.add_faults(&SLOW).await?;
    platform.clients.expect_faults();
    let load = Load::start(&platform, cards, PER_SECOND, run.chance(4));
    let began = Instant::now();
    let mut late = Vec::new();
    let mut recoveries = Vec::new();
    for (fault, times) in plan {
        let mut slowest = Duration::ZERO;
        for time in 0..times {
            tokio::time::sleep(PAUSE + Duration::from_millis(chance.random_range(0..500))).await;
            let took = strike(&mut platform, fault, freeze, &mut chance).await?;
            slowest = slowest.max(took);
            if took > RECOVERY_LIMIT {
                let what = format!("{}, time {}: {took:?}", fault.words(), time + 1);
                late.push(Violation::new(Invariant::SlowToRecover, what));
            }
        }
        tell(&format!("{}: {times}", fault.words()));
        recoveries.push(Recovery {
            fault,
            times,
            slowest,
        });
    }
    platform.clients.expect_no_faults();
    let under_load = began.elapsed();
    load.stop().await?;
    let (open, settled) = platform.settle().await?;
    let evidence = platform.evidence(open).await?;
    let mut violations = judge::judge(&evidence);
    violations.extend(late);
    let history = &platform.clients.history;
    let mut showed = promises(history, &violations);
    showed.push(heard(history));
    let slowest = recoveries.iter().map(|recovery| {
        let seconds = recovery.slowest.as_secs_f64();
        format!(
            "{} ({} times) {seconds:.2} s",
            recovery.fault.words(),
            recovery.times
        )
    });
    let slowest: Vec<String> = slowest.collect();
    showed.push(format!(
        "first good answer of each instance after PostgreSQL accepts, at most: {}",
        slowest.join(", ")
    ));
    showed.push(format!(
        "all ended {:.1} s after the last fault",
        settled.as_secs_f64()
    ));
    Ok(Outcome {
        load: format!(
            "{times} of each (freeze {} s) in {:.0} s, {}, {PER_SECOND} requests/s",
            freeze.as_secs(),
            under_load.as_secs_f64(),
            kind.instances_in_words()
        ),
        showed,
        violations,
        complaints: platform.complaints(),
    })
}

/// Does one of them, and says how long the slower instance took to answer well once PostgreSQL accepted connections.
async fn strike(
    platform: &mut Platform,
    fault: Fault,
    freeze: Duration,
    chance: &mut StdRng,
) -> Result<Duration, TortureError> {
    let instances = platform.instances.len();
    let Database::Postgres(postgres) = &mut platform.database else {
        return Err("this scenario needs PostgreSQL".into());
    };
    match fault {
        Fault::RestartImmediately => {
            postgres.server.stop(Shutdown::Immediate).await?;
            postgres.server.start().await?;
        }
        Fault::TerminateBackend => {
            let (client, backend) = one_backend(postgres, chance).await?;
            client
                .execute("select pg_terminate_backend($1)", &[&backend])
                .await?;
        }
        Fault::KillBackend => {
            let (_client, backend) = one_backend(postgres, chance).await?;
            // PostgreSQL takes this for a crash: it ends every connection and recovers from its log.
            signal("KILL", &[u32::try_from(backend)?])?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Fault::Freeze => {
            postgres.server.freeze()?;
            tokio::time::sleep(freeze).await;
            postgres.server.thaw()?;
        }
        Fault::CutAtCommit => cut(postgres, Verdict::Cut).await?,
        Fault::CutAfterCommit => cut(postgres, Verdict::CutAfterAnswer).await?,
    }
    let accepts = accepting(postgres).await?;
    slowest_instance(&platform.clients.history, instances, accepts).await
}

/// A connection of the judge's, and the process that serves one of the instances' connections.
async fn one_backend(
    postgres: &Postgres,
    chance: &mut StdRng,
) -> Result<(tokio_postgres::Client, i32), TortureError> {
    let client = postgres.connect().await?;
    let statement = "select pid from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' order by pid";
    let rows = client.query(statement, &[]).await?;
    if rows.is_empty() {
        return Err("no instance is connected".into());
    }
    let backend = rows[chance.random_range(0..rows.len())].get(0);
    Ok((client, backend))
}

/// Cuts the next connection that commits, before the server sees it or after it has done it.
async fn cut(postgres: &Postgres, verdict: Verdict) -> Result<(), TortureError> {
    let (met, meeting) = oneshot::channel();
    let mut met = Some(met);
    postgres.proxy.inspect_to_server(move |chunk| {
        if chunk.windows(6).any(|window| window == b"COMMIT")
            && let Some(met) = met.take()
        {
            // Nobody waits any more only where the run is over.
            let _ = met.send(());
            return verdict;
        }
        Verdict::Pass
    });
    let cut = tokio::time::timeout(COMMIT_PATIENCE, meeting).await;
    postgres.proxy.pass();
    cut.map_err(|_| "nothing was committed in ten seconds")??;
    Ok(())
}

/// When PostgreSQL accepts connections and answers.
async fn accepting(postgres: &Postgres) -> Result<Instant, TortureError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answers =
            async { Ok::<_, TortureError>(postgres.connect().await?.query_one("select 1", &[]).await?) };
        match tokio::time::timeout(Duration::from_secs(1), answers).await {
            Ok(Ok(_)) => return Ok(Instant::now()),
            _ if Instant::now() > deadline => return Err("PostgreSQL does not come back".into()),
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn slowest_instance(
    history: &History,
    instances: usize,
    since: Instant,
) -> Result<Duration, TortureError> {
    loop {
        let firsts: Vec<Option<Instant>> = (0..instances)
            .map(|instance| history.first_success(instance, since))
            .collect();
        if let Some(firsts) = firsts.into_iter().collect::<Option<Vec<Instant>>>() {
            let last = firsts.into_iter().max().unwrap_or(since);
            return Ok(last.duration_since(since));
        }
        if since.elapsed() > PATIENCE {
            return Ok(since.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
