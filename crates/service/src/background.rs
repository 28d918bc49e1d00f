//! The spans of what no request asked for, so that its statements and its calls to Stripe are told with what they are for.

use billfold_domain::ProjectId;
use tracing::Span;

/// The span that the background's work for a project runs in: at the root, whatever asked for it.
pub(crate) fn span(operation: &'static str, project: &ProjectId) -> Span {
    tracing::info_span!(parent: None, "background", operation, %project)
}
