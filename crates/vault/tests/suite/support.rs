//! Keys and names for the tests.

use billfold_domain::ProjectId;
use billfold_vault::{Column, MasterKey, MasterKeyId, MasterKeys, Vault};
use secrecy::ExposeSecret as _;

pub(crate) const SECRET_KEY: Column = Column::new("stripe_credentials", "secret_key");
pub(crate) const WEBHOOK_SECRET: Column = Column::new("stripe_credentials", "webhook_secret");

pub(crate) fn project(name: &str) -> ProjectId {
    ProjectId::parse(name).unwrap()
}

pub(crate) fn id(name: &str) -> MasterKeyId {
    MasterKeyId::parse(name).unwrap()
}

/// A new key's line.
pub(crate) fn line(name: &str) -> String {
    let key = MasterKey::generate(id(name)).unwrap();
    key.line().expose_secret().to_owned()
}

pub(crate) fn vault(lines: &[&str]) -> Vault {
    Vault::new(MasterKeys::parse(&lines.join("\n")).unwrap())
}
