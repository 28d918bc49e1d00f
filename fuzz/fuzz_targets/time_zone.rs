//! A token's time zone, and a time shown in it.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: (&str, i64)| {
    let (name, seconds) = input;
    billfold_server::fuzzing::time_zone(name, seconds);
});
