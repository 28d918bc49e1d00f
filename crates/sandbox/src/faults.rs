//! Faults on demand.

use serde::{Deserialize, Serialize};

use crate::identifiers::Identifiers;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Waits, then works as usual.
    #[serde(rename = "delay")]
    Delay,
    /// Does nothing, waits, then closes the connection without an answer.
    #[serde(rename = "hang_before")]
    HangBefore,
    /// Works, waits, then closes the connection without an answer.
    #[serde(rename = "hang_after")]
    HangAfter,
    /// Does nothing and answers 500; an idempotency key holds the 500.
    #[serde(rename = "error_500_before")]
    Error500Before,
    /// Works and answers 500; an idempotency key holds the 500.
    #[serde(rename = "error_500_after")]
    Error500After,
    /// Does nothing and answers 429.
    #[serde(rename = "rate_limit_429")]
    RateLimit429,
    /// Does nothing and answers 401.
    #[serde(rename = "unauthorized_401")]
    Unauthorized401,
    /// Does nothing and resets the connection.
    #[serde(rename = "reset")]
    Reset,
    /// Works and resets the connection.
    #[serde(rename = "reset_after")]
    ResetAfter,
    /// Works, announces the whole answer, sends half of it and closes the connection.
    #[serde(rename = "truncate")]
    Truncate,
}

/// One entry of the fault script.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    kind: Kind,
    /// A prefix of the path, or, with `*` for any characters, a pattern for the whole path.
    path: String,
    method: Option<String>,
    account: Option<String>,
    /// How many requests go wrong.
    #[serde(default = "one")]
    count: u64,
    /// How many matching requests are let through first.
    #[serde(default)]
    skip: u64,
    /// Time to wait, of [`Kind::Delay`] and the hangs. 60,000 when not given.
    milliseconds: Option<u64>,
    /// The share of matching requests that go wrong.
    #[serde(default = "certain")]
    probability: f64,
}

fn one() -> u64 {
    1
}

fn certain() -> f64 {
    1.0
}

/// A fault for one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) milliseconds: u64,
}

/// Longest time that a request is held.
const LONGEST_MILLISECONDS: u64 = 600_000;

/// A rule and how often it may still strike.
#[derive(Clone, Debug, Serialize)]
struct Entry {
    #[serde(flatten)]
    rule: Rule,
    remaining: u64,
    remaining_skip: u64,
}

/// The fault script: the first rule that fits a request and is not used up decides.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    entries: Vec<Entry>,
}

impl Faults {
    /// Adds a rule, or says what is wrong with it.
    pub(crate) fn add(&mut self, rule: Rule) -> Result<(), String> {
        if !(0.0..=1.0).contains(&rule.probability) {
            return Err("probability must be between 0 and 1".to_owned());
        }
        if rule
            .milliseconds
            .is_some_and(|milliseconds| milliseconds > LONGEST_MILLISECONDS)
        {
            return Err(format!("milliseconds must be at most {LONGEST_MILLISECONDS}"));
        }
        if rule.count == 0 {
            return Err("count must be at least 1".to_owned());
        }
        self.entries.push(Entry {
            remaining: rule.count,
            remaining_skip: rule.skip,
            rule,
        });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "faults": self.entries })
    }

    /// The fault of a request, if it has one.
    pub(crate) fn strike(
        &mut self,
        identifiers: &mut Identifiers,
        account: &str,
        method: &str,
        path: &str,
    ) -> Option<Fault> {
        for entry in self.entries.iter_mut().filter(|entry| entry.remaining > 0) {
            let rule = &entry.rule;
            let fits = rule
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && rule.account.as_deref().is_none_or(|wanted| wanted == account)
                && path_fits(&rule.path, path);
            if !fits {
                continue;
            }
            if entry.remaining_skip > 0 {
                entry.remaining_skip -= 1;
                continue;
            }
            if !identifiers.chance(rule.probability) {
                continue;
            }
            entry.remaining -= 1;
            return Some(Fault {
                kind: rule.kind,
                milliseconds: rule.milliseconds.unwrap_or(60_000),
            });
        }
        None
    }
}

fn path_fits(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = path.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return true;
    };
    for part in middle {
        let Some(found) = rest.find(part) else {
            return false;
        };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::path_fits;

    #[test]
    fn patterns_and_prefixes() {
        assert!(path_fits("/v1/setup_intents", "/v1/setup_intents/seti_1/confirm"));
        assert!(path_fits(
            "/v1/setup_intents/*/confirm",
            "/v1/setup_intents/seti_1/confirm"
        ));
        assert!(path_fits("*", "/v1/customers"));
        assert!(path_fits("/v1/*/pm_1/*", "/v1/payment_methods/pm_1/attach"));
        assert!(!path_fits(
            "/v1/setup_intents/*/confirm",
            "/v1/setup_intents/seti_1/cancel"
        ));
        assert!(!path_fits("/v1/customers*", "/v1/events"));
        assert!(!path_fits("/v1/*/attach", "/v1/attach"));
    }
}
