//! Billfold's use cases: check, order the calls, recover. Knows no HTTP.
