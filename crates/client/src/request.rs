//! One request, before it is sent.

use reqwest::{Method, Url};
use serde_json::Value;

use crate::{Error, options::Base};

/// A request that is sent in one or more attempts.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<String>,
    /// What names it, where it changes something.
    pub(crate) idempotency_key: Option<String>,
}

impl Request {
    pub(crate) fn get(base: &Base, path: &[&str], query: &[(&str, String)]) -> Result<Self, Error> {
        let mut request = Self::new(Method::GET, base, path, None)?;
        if !query.is_empty() {
            request.url.query_pairs_mut().extend_pairs(query);
        }
        Ok(request)
    }

    pub(crate) fn post(base: &Base, path: &[&str], body: Option<&Value>) -> Result<Self, Error> {
        Self::new(Method::POST, base, path, body.map(Value::to_string))
    }

    pub(crate) fn delete(base: &Base, path: &[&str]) -> Result<Self, Error> {
        Self::new(Method::DELETE, base, path, None)
    }

    fn new(method: Method, base: &Base, path: &[&str], body: Option<String>) -> Result<Self, Error> {
        Ok(Self {
            method,
            url: base.join(path)?,
            body,
            idempotency_key: None,
        })
    }
}

/// A key, if it may be one.
pub(crate) fn checked_key(key: String) -> Result<String, Error> {
    let fits = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(key);
    }
    Err(Error::InvalidRequest(
        "an idempotency key must have 1 to 255 visible ASCII characters",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_visible_characters() {
        for good in ["k", "!~", &"k".repeat(255)] {
            assert_eq!(checked_key(good.to_owned()).expect("a good key"), good);
        }
        for bad in ["", "a b", "a\n", "ä", &"k".repeat(256)] {
            checked_key(bad.to_owned()).expect_err("no key");
        }
    }
}
