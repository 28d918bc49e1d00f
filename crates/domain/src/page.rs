//! Pages of a list that is ordered newest first.

use crate::{PaymentMethodId, PaymentMethodTypes, UserId};

/// How many items a page may have: 0 to 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit(u8);

/// The number of items asked for is outside 0 to 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an integer from 0 to 200")]
pub struct PageLimitError;

impl PageLimit {
    /// The limit where none is given: 10.
    pub const DEFAULT: Self = Self(10);
    /// The largest limit: 200.
    pub const MAXIMUM: Self = Self(200);

    /// Takes a number of items for a limit when it is at most 200.
    pub fn new(items: u8) -> Result<Self, PageLimitError> {
        if items <= Self::MAXIMUM.0 {
            Ok(Self(items))
        } else {
            Err(PageLimitError)
        }
    }

    /// The number of items.
    pub const fn items(self) -> usize {
        self.0 as usize
    }
}

/// Where in the list a page lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position<Id = PaymentMethodId> {
    /// At the newest item.
    Start,
    /// The items immediately following (older than) this one.
    After(Id),
    /// The items immediately preceding (newer than) this one, still newest first.
    Before(Id),
}

/// Which page of which payment methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Only this user's, or everyone's.
    pub user: Option<UserId>,
    /// Only of these types.
    pub types: PaymentMethodTypes,
    /// Where the page lies.
    pub position: Position,
    /// How many items it may have.
    pub limit: PageLimit,
}

/// A page, newest first, and whether the list goes on at either end under the same filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, at most as many as the limit.
    pub items: Vec<T>,
    /// Whether items follow the last one. False when there are no items.
    pub has_more_after: bool,
    /// Whether items precede the first one. False when there are no items.
    pub has_more_before: bool,
}
