//! The header `Idempotency-Key`: any bytes that a header may have are a key or are refused.

#![no_main]

libfuzzer_sys::fuzz_target!(|value: &[u8]| billfold_server::fuzzing::idempotency_key(value));
