//! The master keys at work: they wrap and unwrap data keys, and prove that they are the ones of an installation.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use billfold_domain::ProjectId;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    DataKey, DataKeyVersion, MasterKey, MasterKeyId, MasterKeys, SealedForInstallation, VaultError,
    WrappedDataKey,
    cipher::{self, Context, KeyBytes},
};

/// What a check value says when it is opened. Of no use to anyone: it is here for all to read.
const CHECK_TEXT: &[u8] = b"this is the master key";
/// What a check value begins with.
const CHECK: &str = "bfc1.";

/// What wraps data keys and unwraps them. Cheap to clone; all clones share the keys.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<MasterKeys>,
}

/// How a master key that a database knows stands to those that were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was given, and it is the one.
    Proven,
    /// A key of this name was given, and it is another.
    Other,
    /// No key of this name was given.
    NotGiven,
}

impl Vault {
    /// A vault of these keys.
    pub fn new(keys: MasterKeys) -> Self {
        Self { keys: Arc::new(keys) }
    }

    /// The name of the key that wraps.
    pub fn current(&self) -> &MasterKeyId {
        self.keys.current().id()
    }

    /// The names of all keys, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &MasterKeyId> {
        self.keys.all().map(MasterKey::id)
    }

    /// Makes a data key for a project, and wraps it with the current master key.
    pub fn make_data_key(
        &self,
        project: &ProjectId,
        version: DataKeyVersion,
    ) -> Result<(DataKey, WrappedDataKey), VaultError> {
        let bytes = cipher::random_key()?;
        let key = DataKey {
            project: project.clone(),
            version,
            bytes,
        };
        let wrapped = wrap(self.keys.current(), &key)?;
        Ok((key, wrapped))
    }

    /// Unwraps a project's data key of this version with the master key of this name.
    pub fn unwrap(
        &self,
        project: &ProjectId,
        version: DataKeyVersion,
        master_key: &MasterKeyId,
        wrapped: &WrappedDataKey,
    ) -> Result<DataKey, VaultError> {
        let unknown = || VaultError::UnknownMasterKey(master_key.clone());
        let key = self.keys.find(master_key).ok_or_else(unknown)?;
        if wrapped.version != version {
            return Err(VaultError::OtherVersion);
        }
        let opened = cipher::open(&key.bytes, &context(key, project, version), &wrapped.bytes)?;
        let mut bytes = KeyBytes::default();
        if opened.len() != bytes.len() {
            return Err(VaultError::NotOpened);
        }
        bytes.copy_from_slice(&opened);
        Ok(DataKey {
            project: project.clone(),
            version,
            bytes,
        })
    }

    /// Wraps a data key with the current master key, which may have been wrapped by an older one.
    pub fn rewrap(&self, key: &DataKey) -> Result<WrappedDataKey, VaultError> {
        wrap(self.keys.current(), key)
    }

    /// Seals a secret of the whole installation, known by this name, with the current master key.
    pub fn seal_for_installation(
        &self,
        name: &str,
        secret: &SecretString,
    ) -> Result<SealedForInstallation, VaultError> {
        let key = self.keys.current();
        let bytes = cipher::seal(
            &key.bytes,
            &installation_context(key, name),
            secret.expose_secret().as_bytes(),
        )?;
        Ok(SealedForInstallation {
            master_key: key.id().clone(),
            bytes,
        })
    }

    /// Opens what was sealed under this name, with the master key that it was sealed with.
    pub fn open_for_installation(
        &self,
        name: &str,
        sealed: &SealedForInstallation,
    ) -> Result<SecretString, VaultError> {
        let unknown = || VaultError::UnknownMasterKey(sealed.master_key.clone());
        let key = self.keys.find(&sealed.master_key).ok_or_else(unknown)?;
        let plain = cipher::open(&key.bytes, &installation_context(key, name), &sealed.bytes)?;
        cipher::text_of(&plain)
    }

    /// The current master key's check value: a known text, sealed with it.
    pub fn check_value(&self) -> Result<String, VaultError> {
        let key = self.keys.current();
        let sealed = cipher::seal(&key.bytes, &check_context(key), CHECK_TEXT)?;
        Ok(format!("{CHECK}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Holds a key of this name against the check value that was written when it was first used.
    pub fn standing(&self, id: &MasterKeyId, check_value: &str) -> Standing {
        let Some(key) = self.keys.find(id) else {
            return Standing::NotGiven;
        };
        let opened = check_value
            .strip_prefix(CHECK)
            .and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok())
            .and_then(|sealed| cipher::open(&key.bytes, &check_context(key), &sealed).ok());
        match opened {
            Some(text) if text[..] == *CHECK_TEXT => Standing::Proven,
            _ => Standing::Other,
        }
    }
}

fn wrap(master: &MasterKey, key: &DataKey) -> Result<WrappedDataKey, VaultError> {
    let context = context(master, &key.project, key.version);
    Ok(WrappedDataKey {
        version: key.version,
        bytes: cipher::seal(&master.bytes, &context, &key.bytes[..])?,
    })
}

fn context(master: &MasterKey, project: &ProjectId, version: DataKeyVersion) -> Context {
    Context::new(
        "billfold wrapped data key 1",
        &[
            master.id().as_str().as_bytes(),
            project.as_str().as_bytes(),
            &version.bytes(),
        ],
    )
}

fn installation_context(master: &MasterKey, name: &str) -> Context {
    let parts = [master.id().as_str().as_bytes(), name.as_bytes()];
    Context::new("billfold installation secret 1", &parts)
}

fn check_context(master: &MasterKey) -> Context {
    Context::new("billfold master key check 1", &[master.id().as_str().as_bytes()])
}
