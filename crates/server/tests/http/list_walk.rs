//! Walking a list while others insert and delete: every item that lived through the walk is shown exactly once.

use std::collections::BTreeSet;

use crate::{
    list::page,
    support::{Backend, Server, on_every_database},
};

on_every_database!(
    a_walk_forwards_shows_what_lived_through_it_once,
    a_walk_backwards_shows_what_lived_through_it_once,
);

/// What a walk met: everything shown, in order, and what was deleted or made on the way.
struct Walk {
    shown: Vec<String>,
    there_before: Vec<String>,
    touched: BTreeSet<String>,
}

impl Walk {
    /// Walks pages of two; after each, the item that the next page follows is deleted, one further on too, and a new
    /// one is made.
    async fn run(server: &Server, cursor: &str, start: Option<String>) -> Self {
        let (there_before, ..) = page(server, "?limit=200").await;
        let mut walk = Self {
            shown: Vec::new(),
            there_before: there_before.clone(),
            touched: BTreeSet::new(),
        };
        let mut query = match start {
            Some(start) => {
                walk.shown.push(start.clone());
                format!("?limit=2&{cursor}={start}")
            }
            None => "?limit=2".to_owned(),
        };
        for step in 0..there_before.len() {
            let (items, before, after) = page(server, &query).await;
            walk.shown.extend(items);
            let next = if cursor == "after" { after } else { before };
            let Some(next) = next.as_str() else { break };
            query = format!("?limit=2&{cursor}={next}");
            let mut doomed = vec![next.to_owned()];
            let unseen = there_before
                .iter()
                .find(|id| !walk.shown.contains(id) && !walk.touched.contains(*id));
            // Every second time, so that some are left to be shown.
            if step % 2 == 0 {
                doomed.extend(unseen.cloned());
            }
            for id in doomed {
                server.delete(&id).await.expect(200);
                walk.touched.insert(id);
            }
            walk.touched.insert(server.saved_card("usr_bob").await);
        }
        walk
    }

    fn assert_once(&self) {
        let distinct: BTreeSet<_> = self.shown.iter().collect();
        assert_eq!(distinct.len(), self.shown.len(), "shown twice: {:?}", self.shown);
        let lived: Vec<_> = self
            .there_before
            .iter()
            .filter(|id| !self.touched.contains(*id))
            .collect();
        assert!(lived.len() >= 3, "the walk should leave some alive: {lived:?}");
        for id in lived {
            assert!(self.shown.contains(id), "{id} was not shown: {:?}", self.shown);
        }
    }
}

async fn server_with_cards(backend: Backend) -> (Server, String) {
    let server = Server::start(backend).await;
    let oldest = server.saved_card("usr_alice").await;
    for _ in 0..13 {
        server.saved_card("usr_alice").await;
    }
    (server, oldest)
}

async fn a_walk_forwards_shows_what_lived_through_it_once(backend: Backend) {
    let (server, _) = server_with_cards(backend).await;
    Walk::run(&server, "after", None).await.assert_once();
}

async fn a_walk_backwards_shows_what_lived_through_it_once(backend: Backend) {
    let (server, oldest) = server_with_cards(backend).await;
    Walk::run(&server, "before", Some(oldest)).await.assert_once();
}
