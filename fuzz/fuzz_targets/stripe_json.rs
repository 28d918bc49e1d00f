//! What Stripe answers: any bytes under any status are a value or an error.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = input;
    billfold_stripe::fuzzing::answer(status, body);
});
