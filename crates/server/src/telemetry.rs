//! The log: what it says and how.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::inspector::Inspector;

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Sends the log to standard error, and to the inspector what it wants to see. `filter` is as in `RUST_LOG`; called again, it
/// changes nothing.
pub(crate) fn install(format: LogFormat, filter: &str, inspector: Option<Inspector>) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let seen = inspector.map(|inspector| inspector.with_filter(Inspector::filter()));
    let log = tracing_subscriber::registry().with(seen);
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let told = filter.and(filter_fn(may_be_told));
    // A second call, as tests make it, finds the first one's log in place, which is all that is wanted.
    drop(match format {
        LogFormat::Pretty => log.with(lines.with_filter(told)).try_init(),
        LogFormat::Json => log.with(lines.json().with_filter(told)).try_init(),
    });
}

/// The driver of PostgreSQL writes every statement's parameters at debug level: whatever is stored, and whatever a caller
/// asks for by a name. No filter lets that into the log.
fn may_be_told(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || !metadata.target().starts_with("tokio_postgres")
}
