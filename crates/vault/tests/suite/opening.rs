//! Sealed secrets and wrapped data keys: there and back, and nothing else opens.

use billfold_vault::{
    Column, DataKey, DataKeyVersion, Sealed, SealedForInstallation, Standing, Vault, VaultError,
    WrappedDataKey, is_canonical,
};
use proptest::prelude::*;
use secrecy::{ExposeSecret as _, SecretString};

use crate::support::{SECRET_KEY, WEBHOOK_SECRET, id, line, project, vault};

fn version(number: i32) -> DataKeyVersion {
    DataKeyVersion::new(number).unwrap()
}

fn data_key(vault: &Vault, name: &str, number: i32) -> DataKey {
    vault.make_data_key(&project(name), version(number)).unwrap().0
}

#[test]
fn a_secret_is_another_text_each_time() {
    let key = data_key(&vault(&[&line("a")]), "shop", 1);
    let secret = SecretString::from("sk_live_1");
    let (one, two) = (
        key.seal(SECRET_KEY, &secret).unwrap(),
        key.seal(SECRET_KEY, &secret).unwrap(),
    );
    assert_ne!(one, two);
    assert!(!one.to_string().contains("sk_live_1"));
    assert!(one.to_string().starts_with("bfs1.1."), "{one}");
    assert_eq!(key.open(SECRET_KEY, &two).unwrap().expose_secret(), "sk_live_1");
}

/// The key is the right one each time: what differs is only what the text belongs to.
#[test]
fn a_secret_opens_only_where_it_belongs() {
    let vault = vault(&[&line("a")]);
    let (_, wrapped) = vault.make_data_key(&project("shop"), version(1)).unwrap();
    let unwrap = |name: &str, number: i32, key: &str| {
        vault.unwrap(&project(name), version(number), &id(key), &wrapped)
    };
    let key = unwrap("shop", 1, "a").unwrap();
    let sealed = key.seal(SECRET_KEY, &SecretString::from("sk_live_1")).unwrap();
    let refused = |result: Result<SecretString, VaultError>| result.err();
    assert_eq!(
        refused(key.open(WEBHOOK_SECRET, &sealed)),
        Some(VaultError::NotOpened)
    );
    let other_table = Column::new("api_keys", "secret_key");
    assert_eq!(
        refused(key.open(other_table, &sealed)),
        Some(VaultError::NotOpened)
    );
    assert_eq!(unwrap("store", 1, "a").err(), Some(VaultError::NotOpened));
    assert_eq!(unwrap("shop", 2, "a").err(), Some(VaultError::OtherVersion));
    assert_eq!(
        unwrap("shop", 1, "b").err(),
        Some(VaultError::UnknownMasterKey(id("b")))
    );
}

/// A version that was only written over is told too, not just believed.
#[test]
fn a_version_that_was_written_over_does_not_open() {
    let vault = vault(&[&line("a")]);
    let (key, wrapped) = vault.make_data_key(&project("shop"), version(1)).unwrap();
    let secret = SecretString::from("sk_live_1");
    let sealed = key.seal(SECRET_KEY, &secret).unwrap().to_string();
    let moved = Sealed::parse(&sealed.replacen("bfs1.1.", "bfs1.2.", 1)).unwrap();
    assert_eq!(key.open(SECRET_KEY, &moved).err(), Some(VaultError::OtherVersion));
    assert_eq!(
        data_key(&vault, "shop", 2).open(SECRET_KEY, &moved).err(),
        Some(VaultError::NotOpened)
    );
    let moved = WrappedDataKey::parse(&wrapped.to_string().replacen("bfw1.1.", "bfw1.2.", 1)).unwrap();
    let opened = vault.unwrap(&project("shop"), version(2), &id("a"), &moved);
    assert_eq!(opened.err(), Some(VaultError::NotOpened));
}

/// Two master keys of one name and one of another: the name is not what opens.
#[test]
fn a_data_key_opens_only_under_its_own_master_key() {
    let (a, other_a, b) = (line("a"), line("a"), line("b"));
    let both = vault(&[&a, &b]);
    let (key, wrapped) = both.make_data_key(&project("shop"), version(1)).unwrap();
    let secret = SecretString::from("sk_live_1");
    let sealed = key.seal(SECRET_KEY, &secret).unwrap();
    let under = |vault: &Vault, name: &str| {
        vault
            .unwrap(&project("shop"), version(1), &id(name), &wrapped)
            .map(|key| key.open(SECRET_KEY, &sealed).unwrap())
    };
    assert!(under(&both, "a").is_ok());
    assert_eq!(under(&both, "b").err(), Some(VaultError::NotOpened));
    assert_eq!(under(&vault(&[&other_a]), "a").err(), Some(VaultError::NotOpened));

    // Wrapped anew it opens under the new one alone, and what it has sealed still opens.
    let turned = vault(&[&b, &a]);
    let again = turned.rewrap(&key).unwrap();
    let unwrapped = vault(&[&b]).unwrap(&project("shop"), version(1), &id("b"), &again);
    assert_eq!(
        unwrapped
            .unwrap()
            .open(SECRET_KEY, &sealed)
            .unwrap()
            .expose_secret(),
        "sk_live_1"
    );
    let under_a = turned.unwrap(&project("shop"), version(1), &id("a"), &again);
    assert_eq!(under_a.err(), Some(VaultError::NotOpened));
}

#[test]
fn a_secret_of_the_installation_opens_by_its_name_and_under_its_key() {
    let (a, b) = (line("a"), line("b"));
    let first = vault(&[&a]);
    let secret = SecretString::from("the pepper");
    let sealed = first.seal_for_installation("pepper", &secret).unwrap();
    assert_eq!(sealed.master_key(), &id("a"));
    let open = |vault: &Vault, name: &str| {
        let opened = vault.open_for_installation(name, &sealed);
        opened.map(|secret| secret.expose_secret().to_owned())
    };
    assert_eq!(open(&vault(&[&b, &a]), "pepper").unwrap(), "the pepper");
    assert_eq!(open(&first, "salt"), Err(VaultError::NotOpened));
    assert_eq!(open(&vault(&[&line("a")]), "pepper"), Err(VaultError::NotOpened));
    let unknown = VaultError::UnknownMasterKey(id("a"));
    assert_eq!(open(&vault(&[&b]), "pepper"), Err(unknown));
}

#[test]
fn a_check_value_proves_its_own_key_and_no_other() {
    let (a, b) = (line("a"), line("b"));
    let check = vault(&[&a]).check_value().unwrap();
    assert_eq!(
        vault(&[&b, &a]).standing(&id("a"), &check),
        Standing::Proven,
        "also of an older key"
    );
    assert_eq!(vault(&[&line("a")]).standing(&id("a"), &check), Standing::Other);
    assert_eq!(vault(&[&b, &a]).standing(&id("b"), &check), Standing::Other);
    assert_eq!(vault(&[&b]).standing(&id("a"), &check), Standing::NotGiven);
    for broken in ["", "bfc1.", "bfc1.AAAA", &check[..check.len() - 1], "sk_live_1"] {
        assert_eq!(
            vault(&[&a]).standing(&id("a"), broken),
            Standing::Other,
            "{broken}"
        );
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let vault = vault(&[&line("a")]);
    let (key, wrapped) = vault.make_data_key(&project("shop"), version(1)).unwrap();
    let sealed = key
        .seal(SECRET_KEY, &SecretString::from("sk_live_1"))
        .unwrap()
        .to_string();
    let opens = |text: &str| Sealed::parse(text).is_ok_and(|sealed| key.open(SECRET_KEY, &sealed).is_ok());
    let unwraps = |text: &str| {
        WrappedDataKey::parse(text).is_ok_and(|wrapped| {
            let unwrapped = vault.unwrap(&project("shop"), wrapped.version(), &id("a"), &wrapped);
            unwrapped.is_ok()
        })
    };
    let wrapped = wrapped.to_string();
    let pepper = SecretString::from("of all projects");
    let shared = vault
        .seal_for_installation("pepper", &pepper)
        .unwrap()
        .to_string();
    let opens_shared = |text: &str| {
        SealedForInstallation::parse(text)
            .is_ok_and(|sealed| vault.open_for_installation("pepper", &sealed).is_ok())
    };
    assert!(
        opens(&sealed) && unwraps(&wrapped) && opens_shared(&shared),
        "as they are they open"
    );
    let mut tried = 0;
    for (text, opens) in [
        (&sealed, &opens as &dyn Fn(&str) -> bool),
        (&wrapped, &unwraps),
        (&shared, &opens_shared),
    ] {
        for place in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[place / 8] ^= 1 << (place % 8);
            // What is no text any more cannot even be read from the database.
            if let Ok(flipped) = String::from_utf8(bytes) {
                assert!(!opens(&flipped), "bit {place}: {flipped}");
                tried += 1;
            }
        }
        for length in 0..text.len() {
            assert!(!opens(&text[..length]), "{length} characters");
        }
        for more in ["A", "=", ".", " ", "\n"] {
            assert!(!opens(&format!("{text}{more}")), "{more:?} at its end");
        }
    }
    assert!(tried > 800, "{tried}");
}

#[test]
fn an_envelope_has_one_form() {
    let bytes = "A".repeat(80);
    assert!(is_canonical(format!("bfs1.1.{bytes}").as_bytes()));
    assert!(is_canonical(format!("bfw1.2147483647.{bytes}").as_bytes()));
    for wrong in [
        format!("bfs1.01.{bytes}"),
        format!("bfs1.+1.{bytes}"),
        format!("bfs1.0.{bytes}"),
        format!("bfs1.-1.{bytes}"),
        format!("bfs1.2147483648.{bytes}"),
        format!("bfs1..{bytes}"),
        format!("bfs2.1.{bytes}"),
        format!("BFS1.1.{bytes}"),
        format!("bfs1.1.{bytes}="),
        format!("bfs1.1.{}B", "A".repeat(37)),
        format!("bfs1.1.{}", "A".repeat(20)),
        format!("bfs1.1.{}+", "A".repeat(79)),
        format!("bfw1.1.{bytes}AAAA"),
        format!("bfs1.1.{}", "A".repeat(100_000)),
        "bfs1.1".to_owned(),
        String::new(),
    ] {
        assert!(!is_canonical(wrong.as_bytes()), "{wrong}");
    }
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_again(secret in "\\PC{0,300}", number in 1_i32.., name in "[A-Za-z0-9_-]{1,64}") {
        let lines = line("a");
        let vault = vault(&[&lines]);
        let (key, wrapped) = vault.make_data_key(&project(&name), version(number)).unwrap();
        let sealed = key.seal(SECRET_KEY, &SecretString::from(secret.as_str())).unwrap().to_string();
        prop_assert!(is_canonical(sealed.as_bytes()));
        prop_assert!(is_canonical(wrapped.to_string().as_bytes()));
        let wrapped = WrappedDataKey::parse(&wrapped.to_string()).unwrap();
        let key = vault.unwrap(&project(&name), version(number), &id("a"), &wrapped).unwrap();
        let opened = key.open(SECRET_KEY, &Sealed::parse(&sealed).unwrap()).unwrap();
        prop_assert_eq!(opened.expose_secret(), secret.as_str());
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!is_canonical(&bytes), "so much is not met by chance");
    }

    #[test]
    fn what_looks_like_an_envelope_is_read_back_as_it_was(text in "bf[isw]1\\.[0-9]{0,11}\\.[A-Za-z0-9_=.-]{0,90}") {
        for parsed in [
            Sealed::parse(&text).map(|sealed| sealed.to_string()),
            WrappedDataKey::parse(&text).map(|wrapped| wrapped.to_string()),
            SealedForInstallation::parse(&text).map(|sealed| sealed.to_string()),
        ].into_iter().flatten() {
            prop_assert_eq!(&parsed, &text);
            prop_assert!(is_canonical(text.as_bytes()));
        }
    }

    #[test]
    fn a_check_value_that_comes_from_anywhere_proves_nothing(text in "(bfc1\\.)?[A-Za-z0-9_-]{0,80}") {
        prop_assert_eq!(vault(&[&line("a")]).standing(&id("a"), &text), Standing::Other);
    }
}
