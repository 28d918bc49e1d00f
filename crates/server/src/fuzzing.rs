//! What strangers send and this crate reads, for the fuzzer: see `fuzz/`. Only its builds have this module.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use billfold_domain::{PageLimit, Position, UtcTimestamp};

use crate::wire;

/// Reads a list's query string. What is read has its bounds.
pub fn list_query(query: &str) {
    let Ok(request) = wire::list_query::parse(query) else {
        return;
    };
    assert!(request.limit.items() <= PageLimit::MAXIMUM.items());
    if let Position::After(id) | Position::Before(id) = request.position {
        assert!((1..=255).contains(&id.as_str().len()));
    }
}

/// Reads an `Idempotency-Key`. What is read is what was sent.
pub fn idempotency_key(value: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(value) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("idempotency-key"), header);
    if let Ok(key) = wire::idempotency_key::parse(&headers) {
        assert_eq!(key.map(String::into_bytes).as_deref(), Some(value));
    }
}

/// Shows a time in a time zone that a token names.
pub fn time_zone(name: &str, seconds: i64) {
    let zone = wire::time::zone(Some(name));
    let shown = wire::time::local(UtcTimestamp::from_seconds(seconds), &zone);
    assert!(shown.len() >= "0000-00-00 00:00:00".len());
}
