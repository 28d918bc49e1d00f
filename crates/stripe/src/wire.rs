//! What several of Stripe's objects share, and how an answer's bytes become a value.

use billfold_domain::{IdError, ProjectId, UserId};
use serde::{Deserialize, de::DeserializeOwned};

/// The metadata that Billfold writes on what it makes at Stripe. An entry that is absent, or that is no
/// identifier of Billfold's (people can edit metadata in Stripe's dashboard), is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StripeMetadata {
    /// The project for which the object was made.
    pub project: Option<ProjectId>,
    /// The user for whom the object was made.
    pub user: Option<UserId>,
    /// The operation that made the object.
    pub operation: Option<String>,
}

#[derive(Default, Deserialize)]
pub(crate) struct MetadataJson {
    project: Option<String>,
    user: Option<String>,
    operation: Option<String>,
}

impl From<MetadataJson> for StripeMetadata {
    fn from(json: MetadataJson) -> Self {
        Self {
            project: json.project.and_then(|text| ProjectId::parse(text).ok()),
            user: json.user.and_then(|text| UserId::parse(text).ok()),
            operation: json.operation,
        }
    }
}

/// An answer is not what Stripe's documents promise. Names the part, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

/// Reads JSON. serde's own error may quote the content, so it goes no further.
pub(crate) fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(body).map_err(|error| {
        Unreadable(match error.classify() {
            serde_json::error::Category::Data => "a field is missing or of the wrong type",
            _ => "not JSON, or cut short",
        })
    })
}

/// Reads an identifier of Stripe's.
pub(crate) fn read_id<T>(parsed: Result<T, IdError>) -> Result<T, Unreadable> {
    parsed.map_err(|_| Unreadable("an identifier has an unknown form"))
}

/// Reads an identifier that may be absent.
pub(crate) fn read_optional_id<T>(
    text: Option<String>,
    parse: impl FnOnce(String) -> Result<T, IdError>,
) -> Result<Option<T>, Unreadable> {
    text.map(|text| read_id(parse(text))).transpose()
}
