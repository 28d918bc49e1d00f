//! The lines that master keys are read from.

use billfold_vault::{MasterKeys, MasterKeysError};
use proptest::prelude::*;

use crate::support::{id, line};

fn error(text: &str) -> MasterKeysError {
    MasterKeys::parse(text).err().unwrap()
}

fn names(text: &str) -> Vec<String> {
    let keys = MasterKeys::parse(text).unwrap();
    assert_eq!(keys.all().next().unwrap().id(), keys.current().id());
    keys.all().map(|key| key.id().to_string()).collect()
}

#[test]
fn the_first_line_is_the_current_key() {
    let (a, b, c) = (line("2026-11"), line("b_B"), line("c"));
    assert_eq!(names(&a), ["2026-11"]);
    assert_eq!(names(&format!("{a}\n{b}\n{c}\n")), ["2026-11", "b_B", "c"]);
    assert_eq!(names(&format!("{b},{a}")), ["b_B", "2026-11"]);
    assert_eq!(names(&format!("\n  {b}\r\n\n{a}  \n\n")), ["b_B", "2026-11"]);
}

#[test]
fn what_is_wrong_is_told_by_its_line_and_without_the_key() {
    let (a, other_a, b) = (line("a"), line("a"), line("b"));
    let key = a.split_once(':').unwrap().1;
    for (text, expected) in [
        (String::new(), MasterKeysError::Empty),
        ("\n , \n".to_owned(), MasterKeysError::Empty),
        (key.to_owned(), MasterKeysError::NoColon { line: 1 }),
        (format!(":{key}"), MasterKeysError::BadId { line: 1 }),
        (format!("{b}\na b:{key}"), MasterKeysError::BadId { line: 2 }),
        (
            format!("{}:{key}", "a".repeat(65)),
            MasterKeysError::BadId { line: 1 },
        ),
        (
            format!("c:{}", &key[..43]),
            MasterKeysError::NotBase64 { line: 1 },
        ),
        (format!("c:{key}:"), MasterKeysError::NotBase64 { line: 1 }),
        (
            "c:c2hvcnQ=".to_owned(),
            MasterKeysError::WrongLength { line: 1, length: 5 },
        ),
        (
            format!("c:{}", "QUJD".repeat(11)),
            MasterKeysError::WrongLength { line: 1, length: 33 },
        ),
        (
            "c:".to_owned(),
            MasterKeysError::WrongLength { line: 1, length: 0 },
        ),
        (
            format!("c:{}=", "A".repeat(43)),
            MasterKeysError::Placeholder { line: 1 },
        ),
        (
            format!("{a}\n{b}\n{other_a}"),
            MasterKeysError::DuplicateId { line: 3, id: id("a") },
        ),
        (format!("{a}\nb:{key}"), MasterKeysError::DuplicateKey { line: 2 }),
    ] {
        let told = error(&text);
        assert_eq!(told, expected, "{text}");
        assert!(!told.to_string().contains(&key[..8]), "{told}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_or_say_what_it_was_given(text in "([a-z]{0,4}:?[A-Za-z0-9+/=]{0,48}[\n,]?){0,4}") {
        if let Err(error) = MasterKeys::parse(&text) {
            let told = error.to_string();
            let long = text.split(['\n', ',', ':']).filter(|part| part.len() > 12);
            for part in long {
                prop_assert!(!told.contains(part), "{}", told);
            }
        }
    }
}
