//! The log: what it says and how.

use std::fmt;

use tracing::{Level, Metadata, Subscriber, span::Record};
use tracing_subscriber::{
    EnvFilter, Layer,
    field::RecordFields,
    filter::{FilterExt as _, filter_fn},
    fmt::{
        FormatFields, FormattedFields,
        format::{JsonFields, Writer},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::{inspector::Inspector, terminal, traces::Traces};

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Sends the log to standard error, spans to a collector where the environment names one, and to the inspector what it wants
/// to see. `filter` is as in `RUST_LOG`; called again, it changes nothing.
pub(crate) fn install(format: LogFormat, filter: &str, inspector: Option<Inspector>) -> Option<Traces> {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let (traces, fault) = match Traces::begin().transpose() {
        Ok(traces) => (traces, None),
        Err(fault) => (None, Some(fault)),
    };
    // A second call, as tests make it, finds the first one's log in place, which is all that is wanted.
    drop(match (&traces, inspector) {
        (None, None) => tracing_subscriber::registry()
            .with(filter)
            .with(filter_fn(may_be_told))
            .with(lines(format))
            .try_init(),
        // The level of the log says nothing of what these are told.
        (traces, inspector) => tracing_subscriber::registry()
            .with(lines(format).with_filter(filter.and(filter_fn(may_be_told))))
            .with(traces.as_ref().map(Traces::layer))
            .with(inspector.map(|inspector| inspector.with_filter(Inspector::filter())))
            .try_init(),
    });
    if let Some(fault) = fault {
        tracing::warn!(%fault, "no spans are sent: OTEL_EXPORTER_OTLP_ENDPOINT and its like cannot be used as they are");
    }
    traces
}

/// What writes the lines.
fn lines<S: Subscriber + for<'span> LookupSpan<'span>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(terminal::standard_error)
        .with_ansi(terminal::has_colours());
    match format {
        LogFormat::Pretty => lines.boxed(),
        LogFormat::Json => lines.json().fmt_fields(GrowingJson::default()).boxed(),
    }
}

/// The driver of PostgreSQL writes every statement's parameters at debug level: whatever is stored, and whatever a caller
/// asks for by a name. No filter lets that into the log.
fn may_be_told(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || !metadata.target().starts_with("tokio_postgres")
}

/// A span's fields as JSON, to which later ones are added at the end. The library's own reads all of them again to add one, and
/// every request's span has two that come later.
#[derive(Default)]
struct GrowingJson(JsonFields);

impl<'writer> FormatFields<'writer> for GrowingJson {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let mut added = String::new();
        self.0.format_fields(Writer::new(&mut added), fields)?;
        grow(&mut current.fields, &added);
        Ok(())
    }
}

/// Adds the members of one JSON object to another. No field is recorded twice, so none stands there twice.
fn grow(object: &mut String, added: &str) {
    let members = added.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let Some(members) = members.filter(|members| !members.is_empty()) else {
        return;
    };
    if object.pop().is_none() {
        object.push('{');
    }
    if !object.ends_with('{') {
        object.push(',');
    }
    object.push_str(members);
    object.push('}');
}

#[cfg(test)]
mod tests {
    use super::grow;

    #[test]
    fn later_fields_come_after_the_others() {
        for (object, added, grown) in [
            ("", r#"{"status":200}"#, r#"{"status":200}"#),
            ("{}", r#"{"status":200}"#, r#"{"status":200}"#),
            (r#"{"id":"req_1"}"#, "{}", r#"{"id":"req_1"}"#),
            (
                r#"{"id":"}"}"#,
                r#"{"project":"a","status":200}"#,
                r#"{"id":"}","project":"a","status":200}"#,
            ),
        ] {
            let mut fields = object.to_owned();
            grow(&mut fields, added);
            assert_eq!(fields, grown);
        }
    }
}
