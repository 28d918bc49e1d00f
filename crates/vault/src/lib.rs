//! Secrets at rest: a master key wraps a data key for each project, which seals its secrets. What belongs to the whole
//! installation is sealed under the master key itself.
//!
//! Knows no database and no HTTP: what is sealed or wrapped is text, and where it is kept is another room's business.
//! Everything is AES-256-GCM with random nonces of 96 bits. A key seals a handful of texts in its life, which is far
//! from where random nonces could meet. What a text belongs to (project, column, versions, master key) is associated
//! data: a text that was moved elsewhere does not open there.
//!
//! Keys are wiped when they are dropped, and cannot be printed:
//!
//! ```compile_fail
//! fn print(key: &billfold_vault::MasterKey) { println!("{key:?}"); }
//! ```
//! ```compile_fail
//! fn print(key: &billfold_vault::DataKey) { println!("{key:?}"); }
//! ```

mod cipher;
mod data_key;
mod envelope;
mod error;
mod key_file;
mod master_key;
mod vault;

pub use data_key::{Column, DataKey, DataKeyVersion};
pub use envelope::{Sealed, SealedForInstallation, WrappedDataKey, is_canonical};
pub use error::{KeyFileError, MasterKeysError, VaultError};
pub use key_file::{load_or_create, read};
pub use master_key::{MasterKey, MasterKeyId, MasterKeys};
pub use vault::{Standing, Vault};
