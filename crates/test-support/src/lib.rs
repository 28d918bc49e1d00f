//! Fresh databases and a faulty network for tests. Never part of the shipped binary.
