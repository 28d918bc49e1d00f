//! Billfold's database: PostgreSQL and SQLite behind one set of queries. The only crate that names diesel.
