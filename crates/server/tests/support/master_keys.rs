//! The master keys of the tests.

use billfold_store::{Database, Projects};
use billfold_vault::{MasterKeys, Vault};

/// The key that the servers' secrets are sealed under.
pub(crate) const CURRENT: &str = "current:dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3RzIDAwMDE=";
/// One that takes its place in some tests. The servers know both.
pub(crate) const NEXT: &str = "next:dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3RzIDAwMDI=";

/// A vault of these lines, the current one first.
pub(crate) fn vault(lines: [&str; 2]) -> Vault {
    let keys = MasterKeys::parse(&lines.join("\n"));
    Vault::new(keys.expect("the tests' keys can be read"))
}

/// The projects of a server's database, with the keys that the server has.
pub(crate) fn projects(database: &Database) -> Projects {
    Projects::new(database.clone(), vault([CURRENT, NEXT]))
}
