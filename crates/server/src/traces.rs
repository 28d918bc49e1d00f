//! Sends spans to a collector of OpenTelemetry's, where the environment names one: by OTLP, as protobuf over HTTP.
//!
//! Spans wait in memory, a bounded number of them, and a thread of its own sends them. A collector that does not answer costs
//! spans and nothing else.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use actix_web::http::header::HeaderMap;
use opentelemetry::{
    KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{Status, TracerProvider as _},
};
use opentelemetry_otlp::{Protocol, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tracing::{Level, Metadata, Span, Subscriber, level_filters::LevelFilter, subscriber::Interest};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::dynamic_filter_fn, layer::Context, registry::LookupSpan};

/// The variables that name a collector, as OpenTelemetry has them. Others of its variables say how it is spoken to.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// How long what is left may take to be sent when the process ends.
const FLUSH: Duration = Duration::from_secs(3);

/// Whether spans are sent anywhere: nothing is done for them otherwise.
static SENT: AtomicBool = AtomicBool::new(false);

/// What sends the spans. Those that wait are sent when it ends.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send, where the environment names a collector.
    pub(crate) fn begin() -> Option<Result<Self, opentelemetry_otlp::ExporterBuildError>> {
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        ENDPOINTS.iter().find(|name| is_set(name))?;
        Some(Self::sending())
    }

    fn sending() -> Result<Self, opentelemetry_otlp::ExporterBuildError> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .build()?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("billfold");
        }
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.with_attribute(version).build())
            .with_batch_exporter(Told {
                exporter,
                failing: AtomicBool::new(false),
            })
            .build();
        SENT.store(true, Ordering::Relaxed);
        Ok(Self(provider))
    }

    /// What notes the spans.
    pub(crate) fn layer<S: Subscriber + for<'span> LookupSpan<'span>>(&self) -> impl Layer<S> + use<S> {
        let filter = dynamic_filter_fn(|metadata: &Metadata<'_>, context: &Context<'_, S>| {
            // A statement that nobody's request asked for is one of the background's looks around, several each second.
            is_noted(metadata) && (metadata.name() != "query" || context.lookup_current().is_some())
        })
        .with_max_level_hint(LevelFilter::DEBUG)
        .with_callsite_filter(|metadata| {
            if is_noted(metadata) {
                Interest::sometimes()
            } else {
                Interest::never()
            }
        });
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("billfold"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter)
    }

    /// Sends what waits, and ends.
    pub(crate) fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// Spans of ours alone: those of libraries may hold what docs/logging.md forbids.
fn is_noted(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("billfold") && *metadata.level() <= Level::DEBUG
}

/// Lets a request's span go on the trace that its caller has begun: W3C's `traceparent` says which. Must come before anything
/// happens in the span.
pub(crate) fn follow(span: &Span, headers: &HeaderMap) {
    if !SENT.load(Ordering::Relaxed) || !headers.contains_key("traceparent") {
        return;
    }
    let callers = TraceContextPropagator::new().extract(&Headers(headers));
    // A span that nobody notes has no parent either.
    drop(span.set_parent(callers));
}

/// Marks a request's span as one that failed through no fault of its caller's.
pub(crate) fn mark_failed(span: &Span) {
    if SENT.load(Ordering::Relaxed) {
        span.set_status(Status::error(""));
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0
            .keys()
            .map(actix_web::http::header::HeaderName::as_str)
            .collect()
    }
}

/// Tells the log when the collector stops to take spans, and when it begins again: once each.
#[derive(Debug)]
struct Told {
    exporter: opentelemetry_otlp::SpanExporter,
    failing: AtomicBool,
}

impl SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        match (&sent, self.failing.swap(sent.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => {
                tracing::warn!(%error, "the collector does not take spans: they are lost until it does");
            }
            (Ok(()), true) => tracing::info!("the collector takes spans again"),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
