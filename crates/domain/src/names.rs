//! Closed sets whose members have names.

/// Gives the members of a closed set their names, and back.
macro_rules! names {
    ($type:ident { $($(#[$meta:meta])* $member:ident = $name:literal,)+ }) => {
        impl $type {
            /// Its name in rows and answers.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $name,)+
                }
            }

            /// The member of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$member),)+
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use names;
