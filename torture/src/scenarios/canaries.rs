//! Every secret is known, and so is every card number that clients send: none may be where something is written.

use std::time::{Duration, Instant};

use billfold_test_support::Shutdown;
use serde_json::json;

use crate::{
    TortureError,
    canaries::{
        papers::{Findings, Place},
        requests::Callers,
        stage::Stage,
    },
    database::{Database, DatabaseKind},
    judge::{Invariant, Violation},
    platform::Run,
    report::Outcome,
};

/// What goes wrong at Stripe, one after the other.
const FAULTS: [&str; 8] = [
    "error_500_before",
    "error_500_after",
    "rate_limit_429",
    "unauthorized_401",
    "reset",
    "reset_after",
    "truncate",
    "hang_after",
];

/// How long a call to Stripe that hangs is waited for: longer than an instance waits.
const HANG: Duration = Duration::from_secs(21);

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let began = Instant::now();
    let mut stage = Stage::set(run, kind).await?;
    let api_key = stage.install().await?;
    stage.serve(kind).await?;
    let callers = stage.callers(&api_key);
    stage.good_requests(&callers).await?;
    stage.webhooks().await?;
    stage.operate(&callers).await?;
    stage.end_by(0, "KILL").await?;
    stage.rotate().await?;
    // The nearest to a panic that can be ordered from outside.
    stage.end_by(0, "ABRT").await?;
    let hanging = hang(&stage).await?;
    stage.bad_callers(&callers).await;
    stage.card_numbers(&callers).await?;
    let mut statuses = trouble_at_stripe(&mut stage, &callers).await?;
    stage.look_after().await?;
    stage.mistake(&api_key, run.pick(1, 3)).await?;
    tokio::time::sleep(HANG.saturating_sub(hanging.elapsed())).await;
    statuses.extend(trouble_at_the_database(&mut stage, &callers).await?);
    let findings = search(&mut stage).await?;
    let mut violations = findings.violations;
    if !statuses.contains(&503) {
        violations.push(Violation::new(
            Invariant::NothingTried,
            "no trouble was ever noticed",
        ));
    }
    let bytes: usize = findings.bytes.values().sum();
    let places: Vec<String> = findings
        .bytes
        .iter()
        .map(|(place, bytes)| format!("{} {}", place.words(), kibibytes(*bytes)))
        .collect();
    let search = stage.secrets.search();
    Ok(Outcome {
        load: format!(
            "{} requests and {} commands at trace level in {:.0} s, {}",
            stage.requests,
            stage.commands,
            began.elapsed().as_secs_f64(),
            kind.instances_in_words()
        ),
        showed: vec![
            format!("{} places searched ({})", findings.bytes.len(), places.join(", ")),
            format!("{} in all", kibibytes(bytes)),
            format!(
                "{} canaries in {} forms",
                stage.secrets.number(),
                search.needles()
            ),
            format!("{} hits", findings.hits),
            format!(
                "{} where a client's own word is kept or told back",
                findings.excepted
            ),
        ],
        violations,
        complaints: Vec::new(),
    })
}

/// Has one call to Stripe get no answer, until an instance gives up.
async fn hang(stage: &Stage) -> Result<Instant, TortureError> {
    stage.sandbox.hang(&stage.tenants[1], 60_000).await?;
    let port = stage.instances[0].port;
    let token = stage.issuer.backend("birch");
    let url = format!("http://127.0.0.1:{port}/projects/birch/setupIntents");
    let request = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .post(url)
        .bearer_auth(token);
    let request = request.json(&json!({"user": "usr_birch"}));
    // Its answer comes too late to be of interest; what the instance logs of it is.
    tokio::spawn(request.send());
    Ok(Instant::now())
}

async fn trouble_at_stripe(stage: &mut Stage, callers: &Callers) -> Result<Vec<u16>, TortureError> {
    let mut statuses = Vec::new();
    for kind in FAULTS {
        let card = stage.card("tok_visa").await?;
        stage
            .sandbox
            .add_account_fault(&stage.tenants[0], kind, 300)
            .await?;
        statuses.extend(stage.through_trouble(callers, &card).await);
        stage.sandbox.end_faults().await?;
    }
    Ok(statuses)
}

/// PostgreSQL is restarted between requests. A SQLite file cannot be away.
async fn trouble_at_the_database(stage: &mut Stage, callers: &Callers) -> Result<Vec<u16>, TortureError> {
    let mut statuses = Vec::new();
    let card = stage.card("tok_visa").await?;
    if let Database::Postgres(postgres) = &mut stage.database {
        postgres.server.stop(Shutdown::Immediate).await?;
        statuses.extend(stage.through_trouble(callers, &card).await);
        let Database::Postgres(postgres) = &mut stage.database else {
            return Ok(statuses);
        };
        postgres.server.start().await?;
        stage.ready().await?;
    }
    statuses.extend(stage.through_trouble(callers, &card).await);
    Ok(statuses)
}

/// Collects what was written, and searches it.
async fn search(stage: &mut Stage) -> Result<Findings, TortureError> {
    for instance in 0..stage.instances.len() {
        stage.keep_metrics(instance).await?;
        stage.keep_log(instance);
    }
    stage
        .papers
        .expect(Place::Metrics, r#"operation="listPaymentMethods""#);
    stage
        .papers
        .expect(Place::ServerLog, "/projects/{project}/paymentMethods/{id}");
    stage.papers.expect(Place::ServerLog, "Stripe did not answer");
    stage.papers.expect(Place::Arguments, "--operator-issuer");
    let lines = stage.sandbox.written().join("\n");
    stage.papers.add(Place::SandboxLog, "sandbox", lines.into_bytes());
    stage.papers.expect(Place::SandboxLog, stage.sandbox.url.as_str());
    match &stage.database {
        Database::Postgres(postgres) => {
            stage.papers.add(Place::Dump, "pg_dump", postgres.dump().await?);
            stage.papers.add(
                Place::PostgresLog,
                "PostgreSQL",
                postgres.server.log().into_bytes(),
            );
            // A parameter's value, and a statement's text.
            stage.papers.expect(Place::PostgresLog, "usr_amber");
            stage
                .papers
                .expect(Place::PostgresLog, "set_config('app.project'");
        }
        Database::Sqlite(file) => {
            let path = file.path().display().to_string();
            for (place, suffix) in [
                (Place::SqliteFile, ""),
                (Place::SqliteWal, "-wal"),
                (Place::SqliteShm, "-shm"),
            ] {
                stage
                    .papers
                    .add(place, suffix, std::fs::read(format!("{path}{suffix}"))?);
            }
            // The newest rows are in the log of writes alone until it is worked in.
            stage.papers.expect(Place::SqliteWal, "usr_amber");
            // The index has numbers only: its version comes first, twice.
            stage
                .papers
                .expect(Place::SqliteShm, [3_007_000_u32.to_ne_bytes(), [0; 4]].concat());
        }
    }
    Ok(stage.papers.search(&stage.secrets))
}

fn kibibytes(bytes: usize) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}
