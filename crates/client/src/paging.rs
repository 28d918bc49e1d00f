//! Lists that come in pages.

use std::{fmt, sync::Arc};

use futures_util::{
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt as _, TryStreamExt as _},
};
use serde::Deserialize;

use crate::Error;

/// How many items the pages of a walk have unless the query says otherwise: a walk goes through all of them.
pub(crate) const PAGE_OF_A_WALK: u32 = 100;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Page<Item> {
    /// The page's items, newest first.
    pub items: Vec<Item>,
    /// The cursor for the page that follows, [`Cursor::After`] it; `None` when this is the last one.
    pub more_items_after: Option<String>,
    /// The cursor for the page that precedes, [`Cursor::Before`] it; `None` when this is the first one.
    pub more_items_before: Option<String>,
}

/// A place in a list, and which way to go from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// What follows the item with this identifier: older ones.
    After(String),
    /// What precedes the item with this identifier: newer ones.
    Before(String),
}

impl Cursor {
    pub(crate) fn parameter(&self) -> (&'static str, String) {
        match self {
            Self::After(id) => ("after", id.clone()),
            Self::Before(id) => ("before", id.clone()),
        }
    }
}

type Fetch<Item> = dyn Fn(Option<Cursor>) -> BoxFuture<'static, Result<Page<Item>, Error>> + Send + Sync;

/// A list that fetches its pages as they are needed. Nothing is asked for before a walk begins, and each walk begins anew.
/// While others insert and delete, a walk gives every item that lives through it exactly once.
///
/// A walk begins at the newest item, or at the query's cursor. It goes towards older items, or from [`Cursor::Before`]
/// towards newer ones. It ends after the first error.
pub struct PagedList<Item> {
    fetch: Arc<Fetch<Item>>,
    start: Option<Cursor>,
}

impl<Item: Send + 'static> PagedList<Item> {
    pub(crate) fn new<Given>(
        start: Option<Cursor>,
        fetch: impl Fn(Option<Cursor>) -> Given + Send + Sync + 'static,
    ) -> Self
    where
        Given: Future<Output = Result<Page<Item>, Error>> + Send + 'static,
    {
        let fetch = move |cursor| -> BoxFuture<'static, _> { Box::pin(fetch(cursor)) };
        Self {
            fetch: Arc::new(fetch),
            start,
        }
    }

    /// The items one by one, in the order of the walk: newest first, or from [`Cursor::Before`] oldest first.
    pub fn items(&self) -> BoxStream<'static, Result<Item, Error>> {
        let towards_newer = self.goes_towards_newer();
        self.pages()
            .map_ok(move |mut page| {
                if towards_newer {
                    page.items.reverse();
                }
                stream::iter(page.items.into_iter().map(Ok))
            })
            .try_flatten()
            .boxed()
    }

    /// The same page by page. The items of each page are newest first, whichever way the walk goes.
    pub fn pages(&self) -> BoxStream<'static, Result<Page<Item>, Error>> {
        let fetch = Arc::clone(&self.fetch);
        let towards_newer = self.goes_towards_newer();
        stream::try_unfold(Some(self.start.clone()), move |place| {
            // Nothing but a page tells whether there is another.
            let fetched = place.map(|cursor| fetch(cursor));
            async move {
                let Some(fetched) = fetched else { return Ok(None) };
                let page = fetched.await?;
                let next = if towards_newer {
                    page.more_items_before.clone().map(Cursor::Before)
                } else {
                    page.more_items_after.clone().map(Cursor::After)
                };
                Ok(Some((page, next.map(Some))))
            }
        })
        .boxed()
    }

    fn goes_towards_newer(&self) -> bool {
        matches!(self.start, Some(Cursor::Before(_)))
    }
}

impl<Item> Clone for PagedList<Item> {
    fn clone(&self) -> Self {
        Self {
            fetch: Arc::clone(&self.fetch),
            start: self.start.clone(),
        }
    }
}

impl<Item> fmt::Debug for PagedList<Item> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PagedList")
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}
