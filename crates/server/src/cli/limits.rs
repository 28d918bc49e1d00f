//! How much a project and a user may do, on the command line.

use billfold_domain::RateLimit;
use billfold_service::{BulkheadOptions, PacingOptions, RateLimitOptions, ServiceOptions};
use clap::Args;

/// How often a project and a user may do what, and how much of an instance one project may take.
#[derive(Debug, Args)]
pub(super) struct LimitArguments {
    /// How many requests that read a project may make in a minute, over all instances; 0 counts none.
    #[arg(
        long,
        env = "BILLFOLD_RATE_LIMIT_PROJECT_READS",
        default_value_t = 12_000,
        value_name = "NUMBER"
    )]
    rate_limit_project_reads: u32,
    /// How many requests that write a project may make in a minute, over all instances; 0 counts none.
    #[arg(
        long,
        env = "BILLFOLD_RATE_LIMIT_PROJECT_WRITES",
        default_value_t = 3_000,
        value_name = "NUMBER"
    )]
    rate_limit_project_writes: u32,
    /// How many requests a user may make on the account API in a minute, over all instances; 0 counts none.
    #[arg(
        long,
        env = "BILLFOLD_RATE_LIMIT_USER",
        default_value_t = 120,
        value_name = "NUMBER"
    )]
    rate_limit_user: u32,
    /// How many setup intents may be made for a user in an hour.
    #[arg(
        long,
        env = "BILLFOLD_RATE_LIMIT_SETUP_INTENTS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..),
        value_name = "NUMBER"
    )]
    rate_limit_setup_intents: u32,
    /// How many cards of a user may be refused in an hour, before none is tried any more.
    #[arg(
        long,
        env = "BILLFOLD_RATE_LIMIT_FAILED_CARDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..),
        value_name = "NUMBER"
    )]
    rate_limit_failed_cards: u32,
    /// How many cards of all users of a project may be refused in an hour, before none is tried any more.
    #[arg(
        long,
        env = "BILLFOLD_RATE_LIMIT_PROJECT_FAILED_CARDS",
        default_value_t = 1_000,
        value_parser = clap::value_parser!(u32).range(1..),
        value_name = "NUMBER"
    )]
    rate_limit_project_failed_cards: u32,
    /// How many use cases that may call Stripe run at once for one project in one instance. As many more wait, for two
    /// seconds at most.
    #[arg(
        long,
        env = "BILLFOLD_PROJECT_CONCURRENCY",
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=100_000),
        value_name = "NUMBER"
    )]
    project_concurrency: u32,
    /// How many calls a second are made on each live account at Stripe, over all instances; 0 bounds none.
    #[arg(
        long,
        env = "BILLFOLD_STRIPE_RATE_LIVE",
        default_value_t = 100,
        value_name = "NUMBER"
    )]
    stripe_rate_live: u32,
    /// How many calls a second are made on each account in test mode, over all instances; 0 bounds none. The sandbox of dev
    /// is called as fast as it answers.
    #[arg(
        long,
        env = "BILLFOLD_STRIPE_RATE_TEST",
        default_value_t = 25,
        value_name = "NUMBER"
    )]
    stripe_rate_test: u32,
}

impl LimitArguments {
    /// The options of a service with these limits.
    pub(super) fn service_options(&self) -> ServiceOptions {
        let usual = RateLimitOptions::default();
        let hourly = |quota, usual| RateLimit::in_an_hour(quota).unwrap_or(usual);
        let places = usize::try_from(self.project_concurrency).unwrap_or(usize::MAX);
        ServiceOptions {
            rate_limits: RateLimitOptions {
                project_reads: RateLimit::in_a_minute(self.rate_limit_project_reads),
                project_writes: RateLimit::in_a_minute(self.rate_limit_project_writes),
                user: RateLimit::in_a_minute(self.rate_limit_user),
                setup_intents: hourly(self.rate_limit_setup_intents, usual.setup_intents),
                failed_cards: hourly(self.rate_limit_failed_cards, usual.failed_cards),
                project_failed_cards: hourly(
                    self.rate_limit_project_failed_cards,
                    usual.project_failed_cards,
                ),
                ..usual
            },
            bulkheads: BulkheadOptions {
                use_cases: places,
                waiting: places,
                stripe_calls: places,
                ..BulkheadOptions::default()
            },
            pacing: PacingOptions {
                live: self.stripe_rate_live,
                test: self.stripe_rate_test,
                ..PacingOptions::default()
            },
            ..ServiceOptions::default()
        }
    }
}
