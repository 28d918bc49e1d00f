//! PostgreSQL: a pool for transactions, and connections for single reads that many requests share.
//!
//! Every transaction and every read of a tenant's rows says which project it is for, since row-level security shows the rows
//! of that project and no others. A transaction says it when it begins; a read says it in the statement itself, since the
//! statements of several requests interleave on a shared connection.

mod connector;
mod readers;
mod servers;
mod session;

use std::{future::Future, sync::Arc, time::Duration};

use billfold_domain::ProjectId;
use deadpool::{
    Runtime,
    managed::{QueueMode, Timeouts},
};
use diesel::QueryResult;
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Object, Pool},
    },
};
use futures_util::FutureExt as _;
use tokio::runtime::Handle;

use self::{
    connector::Connector,
    readers::{Readers, Slot},
};
use crate::{DatabaseOptions, DatabasePooler, StoreError, connection_share};

#[cfg(test)]
pub(crate) use self::connector::SESSION_OPTIONS;
pub(crate) use self::session::Session;

#[derive(Clone)]
pub(crate) struct Postgres {
    pool: Pool<AsyncPgConnection>,
    readers: Arc<Readers>,
    connector: Arc<Connector>,
    pooler: Option<DatabasePooler>,
    timeout: Duration,
}

/// A connection to run one reading statement on.
pub(crate) enum Reader {
    /// One that other requests use too, between this one's statements.
    Shared(Arc<AsyncPgConnection>),
    /// One of its own, in a transaction: behind a pooler, only a transaction has one session from its beginning to its end.
    Own(Session),
}

impl Reader {
    pub(crate) fn connection(&self) -> &AsyncPgConnection {
        match self {
            Self::Shared(connection) => connection,
            Self::Own(session) => session.shared_connection(),
        }
    }
}

impl Postgres {
    pub(crate) async fn connect(options: &DatabaseOptions) -> Result<Self, StoreError> {
        let connector = Arc::new(Connector::new(options)?);
        let mut manager = ManagerConfig::default();
        manager.recycling_method = RecyclingMethod::Fast;
        let for_pool = Arc::clone(&connector);
        manager.custom_setup = Box::new(move |_| {
            let connector = Arc::clone(&for_pool);
            async move { connector.connect(&connector.runtime).await }.boxed()
        });
        let pool = Pool::builder(AsyncDieselConnectionManager::new_with_config(
            options.url.as_str(),
            manager,
        ))
        .max_size(options.maximum_connections)
        // The one that was given back last has its statements planned and its memory at hand.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(options.timeout),
            create: Some(options.timeout),
            recycle: Some(options.timeout),
        })
        .build()
        .map_err(|error| StoreError::Configuration(error.to_string()))?;
        let postgres = Self {
            pool,
            readers: Arc::new(Readers::new(options.read_connections.max(1))),
            connector,
            pooler: options.pooler,
            timeout: options.timeout,
        };
        drop(postgres.reader().await?);
        Ok(postgres)
    }

    /// A connection of one's own, outside any transaction. Not behind a pooler, where there is no such thing.
    pub(crate) async fn session(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        if self.pooler.is_some() {
            return Err(StoreError::Configuration(
                "this needs a session of its own, which a pooler of transactions does not give: use an address of \
                 PostgreSQL itself"
                    .to_owned(),
            ));
        }
        Ok(self.pool.get().await?)
    }

    /// Begins a transaction that sees the rows of this project, or of none.
    pub(crate) async fn begin(&self, project: Option<&ProjectId>) -> Result<Session, StoreError> {
        let connection = connection_share::take(self.timeout, self.pool.get()).await?;
        Session::begin(connection, project, None, self.pooler).await
    }

    /// The same, in the turn of a name: see [`crate::turns`].
    pub(crate) async fn begin_in_turn(&self, project: &ProjectId, turn: &str) -> Result<Session, StoreError> {
        let connection = connection_share::take(self.timeout, self.pool.get()).await?;
        Session::begin(connection, Some(project), Some(turn), self.pooler).await
    }

    /// Ends a transaction whose statements were sent at once, for the case that nothing stands in the way. `None` where
    /// something did: then nothing was done, and they should be tried one by one, which tells what it was.
    pub(crate) async fn end_batch<T>(
        &self,
        session: Session,
        outcome: Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match outcome {
            Ok(Some(done)) => self.end(session, Ok(Some(done))).await,
            Err(error @ (StoreError::Unavailable(_) | StoreError::ReadOnly(_))) => {
                self.end(session, Err(error)).await
            }
            Ok(None) | Err(_) => {
                session.roll_back().await;
                Ok(None)
            }
        }
    }

    /// Ends a transaction as its outcome says. Where the server takes no writes any more, every connection to it is given up:
    /// another is the primary, and what this one shows grows old.
    pub(crate) async fn end<T>(
        &self,
        session: Session,
        outcome: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = session.end(outcome).await;
        if matches!(outcome, Err(StoreError::ReadOnly(_))) {
            self.pool.retain(|_, _| false);
            self.readers.give_up_all();
        }
        outcome
    }

    pub(crate) fn maximum_connections(&self) -> usize {
        self.pool.status().max_size
    }

    pub(crate) fn pool_status(&self) -> deadpool::Status {
        self.pool.status()
    }

    /// A connection for one reading statement. Only single statements may run on it: those of other requests come between.
    pub(crate) async fn reader(&self) -> Result<Reader, StoreError> {
        if self.pooler.is_some() {
            return self.begin(None).await.map(Reader::Own);
        }
        let (slot, runtime) = self.readers.slot(&self.connector.runtime);
        if let Some(connection) = &*slot.connection.read() {
            return Ok(Reader::Shared(Arc::clone(connection)));
        }
        // The wait for one's turn counts too: of many callers each would else wait for all before it to fail.
        tokio::time::timeout(self.timeout, self.fill(&slot, &runtime))
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("no connection in time".to_owned())))
            .map(Reader::Shared)
    }

    async fn fill(&self, slot: &Slot, runtime: &Handle) -> Result<Arc<AsyncPgConnection>, StoreError> {
        let _only_one = slot.connecting.lock().await;
        if let Some(connection) = &*slot.connection.read() {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(self.connector.connect(runtime).await?);
        *slot.connection.write() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// How often a read may be tried: every shared connection may be a broken one, and is found out by one attempt.
    pub(crate) fn read_attempts(&self) -> usize {
        self.readers.shared() + 1
    }

    /// Waits for the rows of a read, and no longer than for any; `None` where they did not come in time.
    pub(crate) async fn in_time<Row>(
        &self,
        rows: impl Future<Output = QueryResult<Vec<Row>>>,
    ) -> Option<Result<Vec<Row>, StoreError>> {
        let answer = tokio::time::timeout(self.timeout, rows).await.ok()?;
        Some(answer.map_err(StoreError::from))
    }

    /// Ends a read, and says `None` where it should be tried once more: the connection was broken, and has been given up.
    /// Takes one from the attempts that are left.
    pub(crate) async fn finish_read<Row>(
        &self,
        reader: Reader,
        attempts_left: &mut usize,
        answer: Option<Result<Vec<Row>, StoreError>>,
    ) -> Option<Result<Vec<Row>, StoreError>> {
        let Some(answer) = answer else {
            self.give_up(reader);
            return Some(Err(StoreError::Unavailable("no answer in time".to_owned())));
        };
        match answer {
            Err(StoreError::Unavailable(message)) => {
                self.give_up(reader);
                *attempts_left = attempts_left.saturating_sub(1);
                (*attempts_left == 0).then_some(Err(StoreError::Unavailable(message)))
            }
            answer => Some(match reader {
                Reader::Shared(_) => answer,
                Reader::Own(session) => self.end(session, answer).await,
            }),
        }
    }

    /// A session that is dropped within its transaction is closed by that.
    fn give_up(&self, reader: Reader) {
        if let Reader::Shared(connection) = reader {
            self.readers.give_up(&connection);
        }
    }
}
