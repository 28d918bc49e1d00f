//! Stripe's parameters: names with bracketed parts (`metadata[user]`, `created[gte]`, `types[]`), form-encoded in
//! a body or in a query.

use billfold_domain::{ProjectId, UserId, UtcTimestamp};

/// The parameters of one request, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(&'static str, String)>);

impl Form {
    /// No parameters yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds a parameter where there is a value for it.
    pub(crate) fn with_some(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds the three entries of metadata by which Billfold finds its own objects again.
    pub(crate) fn with_metadata(self, project: &ProjectId, user: &UserId, operation: &str) -> Self {
        self.with("metadata[project]", project.as_str())
            .with("metadata[user]", user.as_str())
            .with("metadata[operation]", operation)
    }

    /// Asks for a page as long as Stripe gives, of objects made at or after a time.
    pub(crate) fn with_page(self, created_gte: Option<UtcTimestamp>, starting_after: Option<&str>) -> Self {
        let created_gte = created_gte.map(|time| time.seconds().to_string());
        self.with("limit", "100")
            .with_some("created[gte]", created_gte.as_deref())
            .with_some("starting_after", starting_after)
    }

    /// The parameters, for an encoder.
    pub(crate) fn pairs(&self) -> &[(&'static str, String)] {
        &self.0
    }
}
