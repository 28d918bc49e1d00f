//! The command line.

mod dev;
mod dev_guide;
mod dev_webhooks;
mod migrate;
mod project;
mod reconcile;
mod reconcile_report;
mod sandbox;
mod serve;
mod shutdown;
mod token;

use std::{io::Write as _, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::telemetry::{self, LogFormat};

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
        default_value = "info,actix_server=warn",
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
    /// Makes, changes and shows projects: tenants with their Stripe credentials.
    #[command(subcommand)]
    Project(project::Project),
    /// Ends what is open, compares the records with Stripe, and prints what was found.
    Reconcile(reconcile::Reconcile),
    /// Prints a token of the development issuer, and nothing else.
    Token(token::Token),
    /// Runs the Stripe sandbox alone.
    Sandbox(sandbox::Sandbox),
}

/// The database that a command works on.
#[derive(Debug, Args)]
struct DatabaseArguments {
    #[arg(
        help = "The database: postgres://user:password@host/name or sqlite://PATH",
        long,
        env = "BILLFOLD_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: String,
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
    let Cli { log, command } = Cli::parse();
    telemetry::install(log.log_format, &log.log);
    let done = match command {
        Command::Dev(dev) => dev.run().await,
        Command::Serve(serve) => serve.run().await,
        Command::Migrate(migrate) => migrate.run().await,
        Command::Project(project) => project.run().await,
        Command::Reconcile(reconcile) => match reconcile.run().await {
            Ok(true) => Ok(()),
            // The report has said what a person must look at.
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Command::Token(token) => token.run(),
        Command::Sandbox(sandbox) => sandbox.run().await,
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
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}
