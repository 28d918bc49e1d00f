//! A request's parameters, read with Stripe's own complaints.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::errors::ApiError;
use crate::form;

/// Most entries of a metadata hash, and most characters of its keys and values.
const METADATA_ENTRIES: usize = 50;
const METADATA_KEY: usize = 40;
const METADATA_VALUE: usize = 500;

/// The parameters of one request, from its query and its form body. Names are written with dots here
/// (`card.number`) and with brackets on the wire (`card[number]`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    tree: Map<String, Value>,
}

impl Parameters {
    pub(crate) fn parse(encoded: &str) -> Result<Self, ApiError> {
        let tree = form::parse(encoded).map_err(|error| ApiError::validation(error.to_string()))?;
        Ok(Self { tree })
    }

    /// Takes a top-level text parameter out, as the key of Stripe.js, which is not the endpoint's own.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        match self.tree.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The same parameters whatever their order and encoding: what an idempotency key is compared by.
    pub(crate) fn canonical(&self) -> String {
        Value::Object(self.tree.clone()).to_string()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let mut segments = name.split('.');
        let mut value = self.tree.get(segments.next()?)?;
        for segment in segments {
            value = value.as_object()?.get(segment)?;
        }
        Some(value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A text, possibly empty (which unsets a field).
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ApiError::validation("Invalid string").param(&wire_name(name))),
        }
    }

    /// A text that cannot be unset.
    pub(crate) fn filled(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.text(name)? {
            Some("") => Err(ApiError::empty_parameter(&wire_name(name))),
            text => Ok(text),
        }
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.filled(name)?
            .ok_or_else(|| ApiError::missing_parameter(&wire_name(name)))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.filled(name)? else {
            return Ok(None);
        };
        let error = || {
            let wire = wire_name(name);
            ApiError::validation(format!("Invalid integer: {text}"))
                .code("parameter_invalid_integer")
                .param(&wire)
        };
        text.parse().map(Some).map_err(|_| error())
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.filled(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => {
                Err(ApiError::validation(format!("Invalid boolean: {text}")).param(&wire_name(name)))
            }
        }
    }

    /// One of a closed set of words.
    pub(crate) fn choice(&self, name: &str, words: &[&str]) -> Result<Option<&str>, ApiError> {
        let Some(text) = self.filled(name)? else {
            return Ok(None);
        };
        if words.contains(&text) {
            return Ok(Some(text));
        }
        let wire = wire_name(name);
        Err(ApiError::validation(format!("Invalid {wire}: must be one of {}", words.join(", "))).param(&wire))
    }

    /// An array of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let error = || ApiError::validation("Invalid array").param(&wire_name(name));
        let items = value.as_array().ok_or_else(error)?;
        items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(error))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Merges `metadata` into what an object has: an empty value removes its key, an empty hash removes all.
    pub(crate) fn merge_metadata(
        &self,
        name: &str,
        metadata: &mut BTreeMap<String, String>,
    ) -> Result<(), ApiError> {
        let entries = match self.get(name) {
            None => return Ok(()),
            Some(Value::String(text)) if text.is_empty() => {
                metadata.clear();
                return Ok(());
            }
            Some(Value::Object(entries)) => entries,
            Some(_) => return Err(ApiError::validation("Invalid hash").param(name)),
        };
        let mut merged = metadata.clone();
        for (key, value) in entries {
            let wire = format!("{name}[{key}]");
            let Some(value) = value.as_str() else {
                return Err(ApiError::validation("Metadata values must be strings.").param(&wire));
            };
            if key.chars().count() > METADATA_KEY {
                return Err(ApiError::validation(format!(
                    "Metadata keys can have up to {METADATA_KEY} characters."
                ))
                .param(&wire));
            }
            let length = value.chars().count();
            if length > METADATA_VALUE {
                return Err(ApiError::validation(format!(
                    "Metadata values can have up to {METADATA_VALUE} characters, but you passed in a value that is \
                     {length} characters."
                ))
                .param(&wire));
            }
            if value.is_empty() {
                merged.remove(key);
            } else {
                merged.insert(key.clone(), value.to_owned());
            }
        }
        if merged.len() > METADATA_ENTRIES {
            return Err(
                ApiError::validation(format!("Metadata can have up to {METADATA_ENTRIES} keys.")).param(name),
            );
        }
        *metadata = merged;
        Ok(())
    }

    /// Refuses every parameter that `allowed` does not name. `a` allows `a` itself (a text or an array of texts),
    /// `a.*` everything under it.
    pub(crate) fn allow_only(&self, allowed: &[&[&str]]) -> Result<(), ApiError> {
        let mut unknown = Vec::new();
        for (name, value) in &self.tree {
            collect_unknown(name, value, allowed, &mut unknown);
        }
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(ApiError::unknown_parameters(&unknown))
        }
    }
}

fn collect_unknown(name: &str, value: &Value, allowed: &[&[&str]], unknown: &mut Vec<String>) {
    let names = || allowed.iter().flat_map(|names| names.iter());
    let opened = |pattern: &&&str| pattern.strip_suffix(".*").is_some_and(|start| start == name);
    if names().any(|pattern| (*pattern == name && !value.is_object()) || opened(&pattern)) {
        return;
    }
    let inner = format!("{name}.");
    match value {
        Value::Object(entries) if names().any(|pattern| pattern.starts_with(&inner)) => {
            for (key, value) in entries {
                collect_unknown(&format!("{name}.{key}"), value, allowed, unknown);
            }
        }
        _ => unknown.push(wire_name(name)),
    }
}

/// `a.b.c` as `a[b][c]`.
fn wire_name(name: &str) -> String {
    let mut segments = name.split('.');
    let mut wire = segments.next().unwrap_or_default().to_owned();
    for segment in segments {
        wire.push('[');
        wire.push_str(segment);
        wire.push(']');
    }
    wire
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use super::*;

    #[test]
    fn only_what_is_allowed_passes() {
        let allowed: &[&[&str]] = &[&["a", "metadata.*", "card.number"]];
        let allows = |form: &str| Parameters::parse(form).unwrap().allow_only(allowed);
        assert!(allows("a=1&metadata[x]=1&card[number]=4&metadata[y][z]=2").is_ok());
        let error = allows("a=1&card[pin]=4&b=2").unwrap_err().to_body(None, "");
        assert_eq!(
            error["error"]["message"],
            "Received unknown parameters: b, card[pin]"
        );
        assert_eq!(error["error"]["code"], "parameter_unknown");
    }

    #[test]
    fn metadata_is_merged_and_bounded() {
        let mut metadata =
            BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        let merge = |form: &str, metadata: &mut BTreeMap<String, String>| {
            Parameters::parse(form)
                .unwrap()
                .merge_metadata("metadata", metadata)
        };
        merge("metadata[a]=&metadata[c]=3", &mut metadata).unwrap();
        assert_eq!(metadata.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert!(merge(&format!("metadata[x]={}", "v".repeat(501)), &mut metadata).is_err());
        merge("metadata=", &mut metadata).unwrap();
        assert!(metadata.is_empty());
    }
}
