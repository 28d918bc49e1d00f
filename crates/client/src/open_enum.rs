//! Enumerations that may grow at any time: a value that is not listed is kept, never refused.

macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// Any that this version of the client does not know, as Billfold wrote it.
            Other(String),
        }

        impl $name {
            /// Every one that this version of the client knows.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),+];

            /// The value as Billfold writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    _ => Self::Other(text.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Ok(Self::from(text.as_str()))
            }
        }
    };
}

pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use crate::Provider;

    #[test]
    fn a_value_that_is_not_known_is_kept() {
        let read = |text: &str| serde_json::from_str::<Provider>(text).expect("any text is read");
        assert_eq!(read("\"stripe\""), Provider::Stripe);
        let other = read("\"new one\"");
        assert_eq!(other, Provider::Other("new one".to_owned()));
        assert_eq!(
            (other.as_str(), other.to_string().as_str()),
            ("new one", "new one")
        );
        assert_eq!(Provider::KNOWN, [Provider::Stripe]);
        serde_json::from_str::<Provider>("7").expect_err("a number is no value");
    }
}
