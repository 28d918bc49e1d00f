//! The log: what it says and how.

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::terminal;

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Sends the log to standard error. `filter` is as in `RUST_LOG`; called again, it changes nothing.
pub(crate) fn install(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(may_be_told));
    let lines = fmt::layer()
        .with_writer(terminal::standard_error)
        .with_ansi(terminal::has_colours());
    // A second call, as tests make it, finds the first one's log in place, which is all that is wanted.
    drop(match format {
        LogFormat::Pretty => log.with(lines).try_init(),
        LogFormat::Json => log.with(lines.json()).try_init(),
    });
}

/// The driver of PostgreSQL writes every statement's parameters at debug level: whatever is stored, and whatever a caller
/// asks for by a name. No filter lets that into the log.
fn may_be_told(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || !metadata.target().starts_with("tokio_postgres")
}
