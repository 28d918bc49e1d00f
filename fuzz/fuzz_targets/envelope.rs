//! Sealed secrets and wrapped keys as they stand in the database: whatever reads as one has no other spelling, and nothing
//! that is made up opens.

#![no_main]

use std::sync::LazyLock;

use billfold_domain::ProjectId;
use billfold_vault::{MasterKeys, Sealed, SealedForInstallation, Vault, WrappedDataKey};

static VAULT: LazyLock<(Vault, ProjectId)> = LazyLock::new(|| {
    let keys = MasterKeys::parse("fuzz:YSBtYXN0ZXIga2V5IGZvciB0cmlhbHMsIDMyIGJ5dGU=").expect("a key");
    (Vault::new(keys), ProjectId::parse("demo").expect("a project"))
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(sealed) = Sealed::parse(text) {
        assert_eq!(sealed.to_string(), text);
    }
    if let Ok(sealed) = SealedForInstallation::parse(text) {
        assert_eq!(sealed.to_string(), text);
        assert!(VAULT.0.open_for_installation("pepper", &sealed).is_err());
    }
    if let Ok(wrapped) = WrappedDataKey::parse(text) {
        assert_eq!(wrapped.to_string(), text);
        let (vault, project) = &*VAULT;
        for id in vault.ids() {
            assert!(vault.unwrap(project, wrapped.version(), id, &wrapped).is_err());
        }
    }
});
