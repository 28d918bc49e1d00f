//! Data keys: one for each project, which seals its secrets. In a database only wrapped by a master key.

use std::fmt;

use billfold_domain::ProjectId;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    Sealed, VaultError,
    cipher::{self, Context, KeyBytes},
};

/// Which of a project's data keys, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataKeyVersion(i32);

impl DataKeyVersion {
    /// A project's first.
    pub const FIRST: Self = Self(1);

    /// Takes a number of 1 or more.
    pub const fn new(number: i32) -> Option<Self> {
        if number >= 1 { Some(Self(number)) } else { None }
    }

    /// The number, 1 or more.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The one after it; `None` after two billion.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    pub(crate) const fn bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for DataKeyVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A column that holds sealed secrets. Part of what a secret is sealed with, so its name stays what it is for as long as
/// there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    table: &'static str,
    name: &'static str,
}

impl Column {
    /// The column of a table.
    pub const fn new(table: &'static str, name: &'static str) -> Self {
        Self { table, name }
    }
}

/// A project's data key of one version, ready to use. Cannot be printed, and is wiped when dropped.
pub struct DataKey {
    pub(crate) project: ProjectId,
    pub(crate) version: DataKeyVersion,
    pub(crate) bytes: KeyBytes,
}

impl DataKey {
    /// Its version.
    pub const fn version(&self) -> DataKeyVersion {
        self.version
    }

    /// Seals a secret of the key's project for one column. The same secret is another text each time.
    pub fn seal(&self, column: Column, secret: &SecretString) -> Result<Sealed, VaultError> {
        Ok(Sealed {
            version: self.version,
            bytes: cipher::seal(
                &self.bytes,
                &self.context(column),
                secret.expose_secret().as_bytes(),
            )?,
        })
    }

    /// Opens what was sealed for this column under this key, and nothing else.
    pub fn open(&self, column: Column, sealed: &Sealed) -> Result<SecretString, VaultError> {
        if sealed.version != self.version {
            return Err(VaultError::OtherVersion);
        }
        cipher::text_of(&cipher::open(&self.bytes, &self.context(column), &sealed.bytes)?)
    }

    fn context(&self, column: Column) -> Context {
        Context::new(
            "billfold sealed secret 1",
            &[
                self.project.as_str().as_bytes(),
                column.table.as_bytes(),
                column.name.as_bytes(),
                &self.version.bytes(),
            ],
        )
    }
}
