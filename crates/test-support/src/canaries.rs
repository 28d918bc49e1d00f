//! Looks for secrets where none may be: many of them at once, each in every form that it may take on its way there.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How many bytes of a needle are looked up at once. A canary must have as many, so that nothing is found by chance.
const HEAD: usize = 8;

/// How many bits tell at a glance that no needle begins at a place.
const GLANCES: usize = 1 << 20;

/// A secret, or a part of one, that must be found nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// What it is, for whoever reads that it was found. Never the secret.
    pub name: String,
    /// The secret.
    pub bytes: Vec<u8>,
}

impl Canary {
    /// A canary of this name.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let (name, bytes) = (name.into(), bytes.into());
        Self { name, bytes }
    }

    /// A long secret as its two halves, so that one that was cut short is found too.
    pub fn halves(name: &str, bytes: &[u8]) -> [Self; 2] {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        [
            Self::new(format!("{name} (first half)"), first),
            Self::new(format!("{name} (second half)"), second),
        ]
    }
}

/// A canary that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryHit {
    /// The canary's name.
    pub name: String,
    /// The form that it was found in.
    pub form: &'static str,
    /// At which byte.
    pub at: usize,
}

/// A canary in one of its forms.
#[derive(Debug)]
struct Needle {
    canary: usize,
    form: &'static str,
    bytes: Vec<u8>,
}

/// Finds canaries in bytes.
#[derive(Debug)]
pub struct CanarySearch {
    names: Vec<String>,
    needles: Vec<Needle>,
    by_head: HashMap<[u8; HEAD], Vec<usize>>,
    glances: Vec<bool>,
}

impl CanarySearch {
    /// A search for these.
    ///
    /// # Panics
    /// When a canary is so short that it would be found by chance.
    pub fn new(canaries: impl IntoIterator<Item = Canary>) -> Self {
        let mut search = Self {
            names: Vec::new(),
            needles: Vec::new(),
            by_head: HashMap::new(),
            glances: vec![false; GLANCES],
        };
        for canary in canaries {
            search.add(canary);
        }
        search
    }

    /// Looks for this one too from now on.
    ///
    /// # Panics
    /// As [`CanarySearch::new`].
    pub fn add(&mut self, Canary { name, bytes }: Canary) {
        assert!(bytes.len() >= HEAD, "the canary {name} is too short");
        let canary = self.names.len();
        self.names.push(name);
        let mut seen = HashSet::new();
        for (form, bytes) in forms(&bytes) {
            if seen.insert(bytes.clone()) {
                self.add_needle(Needle { canary, form, bytes });
            }
        }
    }

    fn add_needle(&mut self, needle: Needle) {
        let (Some(head), Some(glance)) = (head(&needle.bytes), glance(&needle.bytes)) else {
            return;
        };
        self.glances[glance] = true;
        self.by_head.entry(head).or_default().push(self.needles.len());
        self.needles.push(needle);
    }

    /// Every canary in the bytes, where it begins.
    pub fn find(&self, haystack: &[u8]) -> Vec<CanaryHit> {
        let mut hits = Vec::new();
        for at in 0..haystack.len() {
            let rest = &haystack[at..];
            if !glance(rest).is_some_and(|glance| self.glances[glance]) {
                continue;
            }
            let beginning = head(rest).and_then(|head| self.by_head.get(&head));
            for needle in beginning.into_iter().flatten().map(|place| &self.needles[*place]) {
                if rest.starts_with(&needle.bytes) {
                    hits.push(CanaryHit {
                        name: self.names[needle.canary].clone(),
                        form: needle.form,
                        at,
                    });
                }
            }
        }
        hits
    }

    /// How many canaries it looks for.
    pub fn canaries(&self) -> usize {
        self.names.len()
    }

    /// How many texts it looks for: each canary in each of its forms.
    pub fn needles(&self) -> usize {
        self.needles.len()
    }
}

/// The first bytes; `None` where there are not enough.
fn head(bytes: &[u8]) -> Option<[u8; HEAD]> {
    bytes.first_chunk().copied()
}

/// A number made of the first three bytes.
fn glance(bytes: &[u8]) -> Option<usize> {
    let [first, second, third] = *bytes.first_chunk()?;
    Some((usize::from(first) << 12 ^ usize::from(second) << 6 ^ usize::from(third)) % GLANCES)
}

/// A secret in every form that programs write bytes in.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |write: fn(u8) -> String| -> Vec<u8> {
        let written: String = secret.iter().map(|byte| write(*byte)).collect();
        written.into_bytes()
    };
    let mut forms = vec![
        ("as it is", secret.to_vec()),
        ("in hexadecimal", each(|byte| format!("{byte:02x}"))),
        ("in hexadecimal", each(|byte| format!("{byte:02X}"))),
        ("percent-encoded", each(|byte| format!("%{byte:02X}"))),
        ("percent-encoded", each(|byte| format!("%{byte:02x}"))),
        ("percent-encoded", each(percent_encode)),
        ("percent-encoded", each(form_encode)),
        ("as JSON", each(|byte| format!("\\u{byte:04x}"))),
        ("as JSON", each(json_escape)),
        ("as a list of bytes", {
            let list = format!("{secret:?}");
            list.trim_matches(['[', ']']).as_bytes().to_vec()
        }),
        ("escaped as bytes", secret.escape_ascii().to_string().into_bytes()),
    ];
    for skipped in 0..3 {
        for encoded in in_base64(secret, skipped) {
            // The same within JSON whose writer escapes slashes.
            let escaped = encoded.replace('/', "\\/").into_bytes();
            forms.push(("in base64", escaped));
            forms.push(("in base64", encoded.into_bytes()));
        }
    }
    forms
}

/// The characters that stand for the secret alone in base64 of a longer text, in which so many bytes (in threes) come
/// before it, in both alphabets.
fn in_base64(secret: &[u8], before: usize) -> [String; 2] {
    let mut text = vec![0; before];
    text.extend_from_slice(secret);
    // Each character stands for six bits; those that share bits with a neighbour are left out.
    let (first, end) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
    [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]
        .map(|encoded| encoded[first..end].to_owned())
}

fn percent_encode(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

fn form_encode(byte: u8) -> String {
    match byte {
        b' ' => "+".to_owned(),
        byte => percent_encode(byte),
    }
}

fn json_escape(byte: u8) -> String {
    match byte {
        b'"' | b'\\' | b'/' => format!("\\{}", char::from(byte)),
        0..0x20 | 0x7f.. => format!("\\u{byte:04x}"),
        byte => char::from(byte).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const SECRET: &str = "sk_test_4f/0 a+b=c~Z?>";

    fn search() -> CanarySearch {
        CanarySearch::new([
            Canary::new("another", *b"nothing like it"),
            Canary::new("the key", SECRET),
        ])
    }

    #[track_caller]
    fn found(text: impl AsRef<[u8]>) -> &'static str {
        let hits = search().find(text.as_ref());
        let hit = hits.first().expect("it should be found");
        assert_eq!(hit.name, "the key");
        hit.form
    }

    #[test]
    fn a_secret_is_found_where_it_stands() {
        let text = format!("a line of a log with {SECRET} in it, and {SECRET}");
        let places: Vec<usize> = search().find(text.as_bytes()).iter().map(|hit| hit.at).collect();
        assert_eq!(places, [21, 55]);
        assert_eq!(found(SECRET), "as it is");
    }

    #[test]
    fn it_is_found_in_base64_wherever_it_stands_in_the_text() {
        for before in ["", "x", "xy", "xyz", "Bearer "] {
            let text = format!("{before}{SECRET}:after");
            assert_eq!(found(STANDARD.encode(&text)), "in base64", "{before}");
            assert_eq!(found(URL_SAFE.encode(&text)), "in base64", "{before}");
            assert_eq!(found(STANDARD.encode(&text).replace('/', "\\/")), "in base64");
        }
    }

    #[test]
    fn it_is_found_in_every_other_form() {
        for (form, text) in [
            ("percent-encoded", "sk_test_4f%2F0%20a%2Bb%3Dc~Z%3F%3E"),
            ("percent-encoded", "sk_test_4f%2F0+a%2Bb%3Dc~Z%3F%3E"),
            ("as JSON", r"sk_test_4f\/0 a+b=c~Z?>"),
            ("in hexadecimal", "736b5f746573745f34662f3020612b623d637e5a3f3e"),
            ("in hexadecimal", "736B5F746573745F34662F3020612B623D637E5A3F3E"),
        ] {
            assert_eq!(found(format!("({text})")), form, "{text}");
        }
        assert_eq!(found(format!("{:?}", SECRET.as_bytes())), "as a list of bytes");
        let mut percent = String::new();
        let mut json = String::new();
        for byte in SECRET.bytes() {
            let _ = write!(percent, "%{byte:02x}");
            let _ = write!(json, "\\u{byte:04x}");
        }
        assert_eq!(found(percent), "percent-encoded");
        assert_eq!(found(json), "as JSON");
    }

    #[test]
    fn bytes_that_are_no_text_are_found_as_rust_writes_them() {
        let key = [0x00, 0xff, 0x10, b'"', 0x80, 0x81, 0x82, 0x83, b'a'];
        let search = CanarySearch::new([Canary::new("a key", key)]);
        for text in [
            format!("{key:?}"),
            key.escape_ascii().to_string(),
            STANDARD.encode(key),
            "\\x00ff10228081828361".to_owned(),
        ] {
            assert_eq!(search.find(text.as_bytes()).len(), 1, "{text}");
        }
    }

    #[test]
    fn one_that_was_cut_short_is_found_by_its_half() {
        let secret = b"0123456789abcdefghijklmnopqrstuv";
        let search = CanarySearch::new(Canary::halves("a secret", secret));
        let names = |text: &str| -> Vec<String> {
            let hits = search.find(text.as_bytes());
            hits.into_iter().map(|hit| hit.name).collect()
        };
        assert_eq!(names("0123456789abcdefghij…"), ["a secret (first half)"]);
        assert_eq!(names("…ghijklmnopqrstuv"), ["a secret (second half)"]);
        assert_eq!(names("0123456789abcdeghijklmnopqrstu"), [""; 0]);
    }

    #[test]
    fn what_is_no_secret_is_not_found() {
        let text = format!("{}{}", &SECRET[1..], &SECRET[..SECRET.len() - 1]);
        assert_eq!(search().find(text.as_bytes()), []);
        assert_eq!((search().canaries(), search().find(b"").len()), (2, 0));
        assert!(search().needles() > 20);
    }

    #[test]
    #[should_panic(expected = "the canary four digits is too short")]
    fn a_canary_that_would_be_found_by_chance_is_refused() {
        CanarySearch::new([Canary::new("four digits", "4242")]);
    }
}
