//! The header `Idempotency-Key`.

use actix_web::{HttpRequest, http::header::HeaderMap};
use billfold_service::RequestKey;

use super::fault::PropertyFault;
use crate::error::ApiError;

/// The header's name, as errors tell it.
pub(crate) const NAME: &str = "Idempotency-Key";

/// The most characters that a key may have.
const MAXIMUM_LENGTH: usize = 255;

/// Puts the request's idempotency key, where it has one, beside what else was read of the request. What is wrong with both
/// is told at once.
pub(crate) fn beside<T>(
    request: &HttpRequest,
    read: Result<T, ApiError>,
) -> Result<(T, Option<RequestKey>), ApiError> {
    let key = parse(request.headers()).map(|key| {
        key.map(|key| RequestKey {
            route: route(request),
            key,
        })
    });
    match (read, key) {
        (Ok(read), Ok(key)) => Ok((read, key)),
        (Err(ApiError::Invalid(mut faults)), Err(fault)) if !faults.is_empty() => {
            faults.push(fault);
            Err(ApiError::Invalid(faults))
        }
        // An object that is not there is not looked for when the request is wrong.
        (Ok(_) | Err(ApiError::Service(_)), Err(fault)) => Err(ApiError::Invalid(vec![fault])),
        (Err(error), _) => Err(error),
    }
}

/// The method and the path's pattern: each route has keys of its own.
fn route(request: &HttpRequest) -> String {
    let pattern = request
        .match_pattern()
        .unwrap_or_else(|| request.path().to_owned());
    format!("{} {pattern}", request.method())
}

/// The key, or `None` where there is none: 1 to 255 visible ASCII characters, taken as they are written, quotes included.
pub(crate) fn parse(headers: &HeaderMap) -> Result<Option<String>, PropertyFault> {
    let mut values = headers.get_all(NAME);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(PropertyFault::invalid(NAME, "must be given once"));
    }
    let key = value.to_str().unwrap_or_default();
    if (1..=MAXIMUM_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Some(key.to_owned()))
    } else {
        Err(PropertyFault::invalid(
            NAME,
            "must have 1 to 255 characters, which must be visible ASCII characters",
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use actix_web::http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                HeaderName::from_static("idempotency-key"),
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
        headers
    }

    #[test]
    fn no_header_is_no_key_and_two_are_a_fault() {
        assert_eq!(parse(&headers(&[])), Ok(None));
        for pair in [[b"a", b"a"], [b"a", b"b"]] {
            let pair: Vec<&[u8]> = pair.iter().map(|value| value.as_slice()).collect();
            let fault = parse(&headers(&pair)).unwrap_err();
            assert_eq!(fault.message(), "Idempotency-Key must be given once.");
        }
    }

    #[test]
    fn a_key_is_taken_as_it_is_written() {
        let longest = "k".repeat(255);
        for key in ["k", "\"k\"", "'k'", "K", "a,b", "!~", longest.as_str()] {
            assert_eq!(parse(&headers(&[key.as_bytes()])), Ok(Some(key.to_owned())));
        }
    }

    #[test]
    fn what_is_no_key_is_a_fault() {
        let too_long = "k".repeat(256);
        for key in [
            "",
            " ",
            "a b",
            "a\tb",
            "clé",
            "\u{feff}k",
            "\u{a0}",
            too_long.as_str(),
        ] {
            let fault = parse(&headers(&[key.as_bytes()])).unwrap_err();
            assert_eq!(fault.property, "Idempotency-Key", "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_visible_ascii_or_a_fault(bytes in prop::collection::vec(0x20_u8.., 0..300)) {
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static("idempotency-key"), value);
            let good = (1..=255).contains(&bytes.len()) && bytes.iter().all(|byte| (0x21..=0x7e).contains(byte));
            let parsed = parse(&headers);
            prop_assert_eq!(parsed.is_ok(), good);
            if let Ok(key) = parsed {
                prop_assert_eq!(key.unwrap().into_bytes(), bytes);
            }
        }

        #[test]
        fn every_visible_text_is_a_key(key in "[!-~]{1,255}") {
            prop_assert_eq!(parse(&headers(&[key.as_bytes()])), Ok(Some(key)));
        }
    }
}
