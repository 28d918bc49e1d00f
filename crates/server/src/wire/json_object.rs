//! A JSON object as its writer wrote it: members in order, a name that comes twice not hidden.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

/// The members of a JSON object.
#[derive(Debug)]
pub(crate) struct JsonObject(pub(crate) Vec<(String, Value)>);

/// What a body holds.
#[derive(Debug)]
pub(crate) enum JsonBody {
    /// An object.
    Object(JsonObject),
    /// Some other JSON value.
    Other,
}

impl JsonBody {
    /// Reads a body. `None` when it is not JSON.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if let Ok(object) = serde_json::from_slice(bytes) {
            return Some(Self::Object(object));
        }
        let other = serde_json::from_slice::<Value>(bytes).ok()?;
        (!other.is_object()).then_some(Self::Other)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = JsonObject;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(JsonObject(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
