//! Enumerations of Stripe's that may grow at any time: a name that is not listed is kept, never refused.

/// The most characters kept of a name that is not listed.
const MAXIMUM_NAME_LENGTH: usize = 64;

/// What is kept of a name that is not listed: visible ASCII only, and not too much of it.
pub(crate) fn bounded_name(name: &str) -> Box<str> {
    name.chars()
        .filter(char::is_ascii_graphic)
        .take(MAXIMUM_NAME_LENGTH)
        .collect()
}

macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// Any that is not listed here, as Stripe wrote it: at most 64 visible characters.
            Other(Box<str>),
        }

        impl $name {
            /// Every one that is listed, in the order of this list.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),+];

            /// The name as Stripe writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(name) => name,
                }
            }

            /// Reads a name as Stripe writes it; one that is not listed is kept.
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($text => Self::$variant,)+
                    _ => Self::Other(crate::open_enum::bounded_name(name)),
                }
            }
        }
    };
}

pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use super::bounded_name;

    #[test]
    fn an_unlisted_name_is_cleaned_and_bounded() {
        assert_eq!(&*bounded_name("new\n\u{1b}[31m_code"), "new[31m_code");
        assert_eq!(bounded_name(&"x".repeat(1_000)).len(), 64);
    }
}
