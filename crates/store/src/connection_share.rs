//! A bound on how many of the database's connections the work of one project has at once.

use std::{
    future::Future,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Database, StoreError, connection_use::Wait, database::Engine};

tokio::task_local! {
    static SHARE: ConnectionShare;
}

/// A project's share of the connections that write. What runs [within](ConnectionShare::within) it has no more of them at
/// once, and waits in its own queue for the next, so that others find one free.
///
/// It goes with the task and not with each call, since whoever orders the calls does not know which of them need a
/// connection.
#[derive(Clone, Debug)]
pub struct ConnectionShare(Arc<Semaphore>);

/// A connection, and its place in a share.
pub(crate) struct Shared<Connection> {
    connection: Connection,
    _place: Option<OwnedSemaphorePermit>,
}

impl Database {
    /// A new share: half of PostgreSQL's connections, and in SQLite, which has one, a place in its queue.
    pub fn connection_share(&self) -> ConnectionShare {
        let connections = match &self.engine {
            Engine::Postgres(postgres) => (postgres.maximum_connections() / 2).max(1),
            Engine::Sqlite(_) => 1,
        };
        ConnectionShare(Arc::new(Semaphore::new(connections)))
    }
}

impl ConnectionShare {
    /// Runs work whose calls to the database take their connections from this share.
    pub async fn within<T>(self, work: impl Future<Output = T>) -> T {
        SHARE.scope(self, work).await
    }
}

/// Takes a connection, after a place in the share of the task if it has one. [`StoreError::Unavailable`] when there is no
/// place within the time.
pub(crate) async fn take<Connection, Error: Into<StoreError>>(
    patience: Duration,
    connection: impl Future<Output = Result<Connection, Error>>,
) -> Result<Shared<Connection>, StoreError> {
    let wait = Wait::begin();
    let taken = take_in_turn(patience, connection).await;
    wait.end(taken.is_ok());
    taken
}

async fn take_in_turn<Connection, Error: Into<StoreError>>(
    patience: Duration,
    connection: impl Future<Output = Result<Connection, Error>>,
) -> Result<Shared<Connection>, StoreError> {
    let place = match SHARE.try_with(|share| Arc::clone(&share.0)) {
        Ok(share) => {
            let place = tokio::time::timeout(patience, share.acquire_owned()).await;
            let place = place.map_err(|_| {
                StoreError::Unavailable("the project has its share of connections already".to_owned())
            })?;
            place.ok()
        }
        Err(_) => None,
    };
    Ok(Shared {
        connection: connection.await.map_err(Into::into)?,
        _place: place,
    })
}

impl<Connection> Shared<Connection> {
    /// The connection alone; its place is free.
    pub(crate) fn into_inner(self) -> Connection {
        self.connection
    }
}

impl<Connection: Deref> Deref for Shared<Connection> {
    type Target = Connection::Target;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<Connection: DerefMut> DerefMut for Shared<Connection> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}
