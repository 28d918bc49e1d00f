//! One answer, whole and of bounded length.

use std::time::Duration;

use reqwest::{
    Response,
    header::{HeaderMap, HeaderName, RETRY_AFTER},
};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::BoxError;

/// The most of an answer that is read. A page of 200 payment methods has a fiftieth of it.
const MAXIMUM_LENGTH: usize = 4 * 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// An answer whose body has arrived.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
    /// Whether the body was longer than what is read, so that there is none of it here.
    pub(crate) too_long: bool,
}

impl Answer {
    /// Reads an answer to its end: one that breaks off is none.
    pub(crate) async fn read(mut response: Response) -> Result<Self, BoxError> {
        let mut answer = Self {
            status: response.status().as_u16(),
            request_id: text(response.headers(), &REQUEST_ID),
            retry_after: text(response.headers(), &RETRY_AFTER).and_then(|text| retry_after(&text)),
            body: Vec::new(),
            too_long: false,
        };
        while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            if answer.body.len() + chunk.len() > MAXIMUM_LENGTH {
                answer.too_long = true;
                answer.body.clear();
                return Ok(answer);
            }
            answer.body.extend_from_slice(&chunk);
        }
        // A good answer is JSON or empty. Anything else comes from somebody in between.
        if answer.is_good() && !answer.body.is_empty() {
            serde_json::from_slice::<IgnoredAny>(&answer.body)?;
        }
        Ok(answer)
    }

    pub(crate) fn is_good(&self) -> bool {
        (200..=299).contains(&self.status)
    }

    /// The body as what it should be, or why it is not.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        if self.too_long {
            return Err(format!("it is longer than {MAXIMUM_LENGTH} bytes"));
        }
        // What serde_json itself says would repeat the value that it met.
        serde_json::from_slice(&self.body)
            .map_err(|error| format!("it differs at line {}, column {}", error.line(), error.column()))
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The seconds in `Retry-After`. A date, which only proxies write, is not read.
fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    // A number with a sign is none here, although it would be read as one.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok().map(Duration::from_secs))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_seconds_are_read() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        for text in [
            "",
            "+7",
            "-7",
            "7.5",
            "Sat, 21 Nov 2026 15:00:00 GMT",
            "99999999999999999999",
        ] {
            assert_eq!(retry_after(text), None, "{text}");
        }
    }
}
