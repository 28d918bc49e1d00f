//! A process that does one request's work and ends where it is told to.

use std::{process, sync::Arc, time::Duration};

use billfold_domain::{ProjectId, ProjectScope, SystemClock};
use billfold_store::{Database, DatabaseOptions, Projects};
use billfold_stripe::{ClientOptions, StripeClient};
use billfold_vault::{MasterKeys, Vault};

use super::{
    cases::{Task, ask},
    world::CrashingWorld,
};
use crate::{PacingOptions, Service, ServiceOptions, UlidIdentifiers, engine::Engine};

/// The one project of the trial.
pub(super) const PROJECT: &str = "demo";

/// Longer than any request takes on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// What stands before the answer on the line that has it.
pub(super) const ANSWER: &str = "answer: ";
/// What an answer begins with when the process got to its crash point, which it may survive by making a call twice.
pub(super) const REACHED: &str = "reached ";

/// The proof that the trial may act for its project.
#[expect(clippy::disallowed_methods, reason = "the trial is its own authority")]
pub(super) fn scope() -> ProjectScope {
    ProjectScope::authorized(ProjectId::parse(PROJECT).unwrap())
}

/// The projects of a trial's database.
pub(super) fn projects(database: &Database) -> Projects {
    let line = "trial:YSBtYXN0ZXIga2V5IGZvciB0cmlhbHMsIDMyIGJ5dGU=";
    Projects::new(database.clone(), Vault::new(MasterKeys::parse(line).unwrap()))
}

/// The service, as it is when it has just been started.
pub(super) async fn start(database: &str, stripe: &str) -> (Service, Database) {
    let options = DatabaseOptions {
        maximum_connections: 4,
        read_connections: 1,
        timeout: Duration::from_mins(1),
        ..DatabaseOptions::new(database)
    };
    let database = Database::connect(&options).await.unwrap();
    let stripe = StripeClient::new(ClientOptions {
        api_base: stripe.to_owned(),
        ..ClientOptions::default()
    });
    let service = Service::new(
        database.clone(),
        projects(&database),
        stripe.unwrap(),
        Arc::new(SystemClock),
        Arc::new(UlidIdentifiers),
        ServiceOptions {
            pacing: PacingOptions::out_of_the_way(),
            ..ServiceOptions::default()
        },
    );
    (service, database)
}

/// Does what it is told, prints the answer if it gets that far, and ends the process.
pub(super) async fn run(task: &str) -> ! {
    let task = Task::parse(task);
    let (service, _) = start(&task.database, &task.stripe).await;
    let tenant = service.tenant(scope()).await.unwrap();
    let engine = Engine {
        world: CrashingWorld::new(service, task.point),
        maximum_payment_methods: 100,
    };
    let answer = tokio::time::timeout(LIMIT, ask(&engine, &tenant, &task.request))
        .await
        .expect("a request should not take so long");
    let reached = if engine.world.reached() { REACHED } else { "" };
    #[expect(
        clippy::print_stdout,
        reason = "whoever started this process reads its answer there"
    )]
    {
        // The test harness has begun a line of its own.
        println!("\n{ANSWER}{reached}{answer}");
    }
    process::exit(0);
}
