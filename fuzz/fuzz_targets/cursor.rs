//! The query string of a list: any text is read or refused, and what is read keeps its bounds.

#![no_main]

libfuzzer_sys::fuzz_target!(|query: &str| billfold_server::fuzzing::list_query(query));
