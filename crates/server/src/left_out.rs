//! Leaves parts of the server out, to measure what they cost. Only builds with the feature `measure-parts` have this, and no
//! release is one: without tokens anyone may do anything.

use std::sync::LazyLock;

use actix_web::HttpRequest;
use billfold_auth::{Scope, Scopes};
use billfold_domain::{Caller, CallerKind, ProjectId};

use crate::auth::Credential;

/// Names what is left out, separated by commas: `tokens`, `audit`.
const VARIABLE: &str = "BILLFOLD_LEFT_OUT";

struct LeftOut {
    tokens: bool,
    audit: bool,
}

static LEFT_OUT: LazyLock<LeftOut> = LazyLock::new(|| {
    let named = std::env::var(VARIABLE).unwrap_or_default();
    let is_named = |part| named.split(',').any(|name| name == part);
    LeftOut {
        tokens: is_named("tokens"),
        audit: is_named("audit"),
    }
});

/// Whoever calls, as a backend of the project that the path names, where nobody looks at tokens.
pub(crate) fn credential(request: &HttpRequest) -> Option<Credential> {
    let named = request.match_info().get("project")?;
    LEFT_OUT
        .tokens
        .then(|| ProjectId::parse(named).ok())
        .flatten()
        .map(|project| Credential {
            project,
            scopes: Scopes::NONE.with(Scope::ProjectRead).with(Scope::ProjectWrite),
            caller: Caller::of_kind(CallerKind::Token),
        })
}

/// Whether refusals are not written down, and callers not known for it.
pub(crate) fn audit() -> bool {
    LEFT_OUT.audit
}
