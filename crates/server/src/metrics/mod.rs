//! What Prometheus is told: every number, where those come from that nobody counts, and the listener that shows them.
//!
//! The other rooms count through the facade of the crate `metrics` and know no exporter. Where nobody asked for metrics there is
//! no recorder behind it, and counting does nothing.

mod answered;
#[cfg(test)]
mod deployed;
mod exposition;
#[cfg(test)]
mod names_in_code;
#[cfg(test)]
mod promql;
mod recorder;
mod scrape;
pub mod table;

pub(crate) use answered::Answered;
pub(crate) use exposition::{Exposed, Exposition};
