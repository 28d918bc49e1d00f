//! Pages of Stripe's lists, which run from the newest to the oldest.

use serde::Deserialize;

use crate::wire::Unreadable;

/// A page of at most 100 items, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripePage<T> {
    /// The items. Give the last one's identifier as `starting_after` to get the next page.
    pub items: Vec<T>,
    /// Whether older items follow.
    pub has_more: bool,
}

/// A list as Stripe writes it.
#[derive(Deserialize)]
pub(crate) struct ListJson<T> {
    data: Vec<T>,
    has_more: bool,
}

impl<J> ListJson<J> {
    pub(crate) fn into_page<T>(
        self,
        read: impl FnMut(J) -> Result<T, Unreadable>,
    ) -> Result<StripePage<T>, Unreadable> {
        Ok(StripePage {
            items: self.data.into_iter().map(read).collect::<Result<_, _>>()?,
            has_more: self.has_more,
        })
    }
}
