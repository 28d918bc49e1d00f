//! The command line.

mod api_key;
mod audit;
mod completions;
mod cors;
mod dev;
mod dev_guide;
mod dev_webhooks;
mod edge;
mod health;
mod keys;
mod limits;
mod man;
mod master_keys;
mod metrics;
mod migrate;
mod operator_log;
mod project;
mod reconcile;
mod reconcile_report;
mod sandbox;
mod secret_arguments;
mod serve;
mod shutdown;
mod token;

use std::{io::Write as _, process::ExitCode};

use billfold_store::{Database, DatabaseOptions, DatabasePooler};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::{
    inspector::Inspector,
    telemetry::{self, LogFormat},
    terminal::beside_the_bar,
};

/// A payment-methods API that a platform runs for its tenants.
///
/// Start with `billfold dev`: it needs no account and no other server.
#[derive(Debug, Parser)]
#[command(name = "billfold", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    log: LogOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct LogOptions {
    /// How lines of the log look.
    #[arg(long, global = true, env = "BILLFOLD_LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    /// What the log says: a level (error, warn, info, debug, trace) or levels by module.
    #[arg(
        long,
        global = true,
        env = "BILLFOLD_LOG",
        default_value = "info,actix_server=warn,actix_http=off",
        value_name = "FILTER"
    )]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs everything on this machine, with a Stripe sandbox inside, to try and to develop against.
    Dev(dev::Dev),
    /// Runs an instance for production.
    Serve(serve::Serve),
    /// Brings the database up to this version of billfold.
    Migrate(migrate::Migrate),
    /// Makes, shows, changes and deletes projects: tenants with their Stripe credentials.
    #[command(subcommand)]
    Project(project::Project),
    /// Makes, lists and revokes API keys: static credentials of a project's backend.
    #[command(subcommand)]
    ApiKey(api_key::ApiKey),
    /// Makes master keys, puts new keys in the place of old ones, and shows which are in use.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Ends what is open, compares the records with Stripe, and prints what was found.
    Reconcile(reconcile::Reconcile),
    /// Prints the audit log: who asked for which change, and what came of it.
    Audit(audit::Audit),
    /// Asks an instance whether it is ready: for health checks, where no other client for HTTP is at hand.
    Health(health::Health),
    /// Prints a token of the development issuer, and nothing else.
    Token(token::Token),
    /// Runs the Stripe sandbox alone.
    Sandbox(sandbox::Sandbox),
    /// Prints what makes a shell complete the commands and options of billfold.
    Completions(completions::Completions),
    /// Prints the manual page, or writes one for each command.
    Man(man::Man),
}

/// The database that a command works on.
#[derive(Clone, Debug, Args)]
struct DatabaseArguments {
    #[arg(
        help = "The database: postgres://user:password@host/name or sqlite://PATH",
        long,
        env = "BILLFOLD_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: String,
    #[command(flatten)]
    pooler: PoolerArguments,
}

/// What stands between a command and its database.
#[derive(Clone, Debug, Args)]
struct PoolerArguments {
    #[arg(
        help = "What stands before PostgreSQL, if anything does: transaction, for a PgBouncer with pool_mode=transaction",
        long,
        env = "BILLFOLD_DATABASE_POOLER",
        value_enum,
        value_name = "KIND"
    )]
    database_pooler: Option<Pooler>,
}

/// A kind of pooler.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pooler {
    /// One that lends a session for a transaction.
    Transaction,
}

impl DatabaseArguments {
    /// Connects to a database that is up to date.
    async fn connect(&self) -> Result<Database, CommandError> {
        let database = Database::connect(&self.options()).await?;
        serve::require_migrated(&database).await?;
        Ok(database)
    }

    fn options(&self) -> DatabaseOptions {
        DatabaseOptions {
            pooler: self.pooler.database_pooler.map(|pooler| match pooler {
                Pooler::Transaction => DatabasePooler::Transaction,
            }),
            ..DatabaseOptions::new(&self.database_url)
        }
    }
}

/// What a command fails with: words for the person who called it.
type CommandError = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that the process was called with.
pub async fn run() -> ExitCode {
    // What the file lacks, the environment or the command line has to say; a file that cannot be read must be told.
    if let Err(error) = dotenvy::dotenv()
        && !error.not_found()
    {
        return fail(&format!("the file .env cannot be read: {error}"));
    }
    // Before anything reads the arguments, and repeats what it does not understand of them.
    if let Some(refusal) = secret_arguments::refusal(std::env::args_os()) {
        return fail(refusal);
    }
    let of_options = secret_arguments::variables_of(&Cli::command());
    if let Some(refusal) = secret_arguments::misplaced(&of_options, std::env::vars_os()) {
        return fail(&refusal);
    }
    let Cli { log, command } = Cli::parse();
    let inspector = matches!(command, Command::Dev(_)).then(Inspector::default);
    let traces = telemetry::install(log.log_format, &log.log, inspector.clone());
    let code = perform(command, inspector).await;
    if let Some(traces) = traces {
        traces.end();
    }
    code
}

async fn perform(command: Command, inspector: Option<Inspector>) -> ExitCode {
    let done = match command {
        Command::Dev(dev) => Box::pin(dev.run(inspector.unwrap_or_default())).await,
        Command::Serve(serve) => serve.run().await,
        Command::Migrate(migrate) => migrate.run().await,
        Command::Project(project) => Box::pin(project.run()).await,
        Command::ApiKey(api_key) => api_key.run().await,
        Command::Keys(keys) => keys.run().await,
        Command::Reconcile(reconcile) => match reconcile.run().await {
            Ok(true) => Ok(()),
            // The report has said what a person must look at.
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Command::Audit(audit) => audit.run().await,
        Command::Health(health) => health.run().await,
        Command::Token(token) => token.run(),
        Command::Sandbox(sandbox) => sandbox.run().await,
        Command::Completions(completions) => completions.run(Cli::command()),
        Command::Man(man) => man.run(Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(message: &str) -> ExitCode {
    // There is nowhere left to tell that standard error is closed.
    drop(writeln!(std::io::stderr(), "billfold: {message}"));
    ExitCode::FAILURE
}

/// Prints to standard output.
fn print(text: &str) -> std::io::Result<()> {
    beside_the_bar(|| {
        let mut output = std::io::stdout().lock();
        output.write_all(text.as_bytes())?;
        output.flush()
    })
}
