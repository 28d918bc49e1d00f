//! A server that is written to, its project at Stripe's stand-in, and what is sent to it.

use std::path::PathBuf;

use serde_json::json;

use crate::{
    BenchError, data,
    generator::{Outcome, Requests},
    measure::Bench,
    program::Instance,
    sqlite,
};

/// The project that is written to.
pub(super) const PROJECT: &str = "writes";

/// What its webhooks are signed with.
pub(super) const WEBHOOK_SECRET: &str = "whsec_benchmark_0000";

/// A payment method at Stripe, and whose it is or will be.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) card: String,
    pub(super) user: String,
}

/// A server on one of the databases.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) instance: Instance,
    pub(super) token: String,
    /// Saved payment methods that are not deleted, for webhooks to tell of.
    pub(super) kept: Vec<String>,
    /// How many deliveries there were: each has an event of its own.
    pub(super) delivered: usize,
    secret_key: String,
    users: usize,
    /// Where the file is, where it is SQLite.
    sqlite: Option<PathBuf>,
}

impl Stage {
    /// One on PostgreSQL.
    pub(super) async fn on_postgres(bench: &Bench<'_>) -> Result<Self, BenchError> {
        Self::start(bench, "PostgreSQL", bench.database, None).await
    }

    /// One on SQLite.
    pub(super) async fn on_sqlite(bench: &Bench<'_>) -> Result<Self, BenchError> {
        let file = bench.sqlite.strip_prefix("sqlite://").unwrap_or_default();
        Self::start(bench, "SQLite", bench.sqlite, Some(file.into())).await
    }

    async fn start(
        bench: &Bench<'_>,
        name: &'static str,
        database: &str,
        sqlite: Option<PathBuf>,
    ) -> Result<Self, BenchError> {
        // The stand-in makes an account for each key, and the publishable key is known by its ending.
        let account = format!("test_bench_{}_0000", name.to_ascii_lowercase());
        let (secret_key, publishable_key) = (format!("sk_{account}"), format!("pk_{account}"));
        let stripe = bench.stripe.url();
        let create = [
            "project",
            "create",
            PROJECT,
            "--stripe-publishable-key",
            &publishable_key,
            "--stripe-api-base",
            &stripe,
        ];
        bench.program.call(&create, database, &secret_key).await?;
        let update = ["project", "update", PROJECT, "--stripe-webhook-secret-file", "-"];
        bench.program.call(&update, database, WEBHOOK_SECRET).await?;
        Ok(Self {
            name,
            instance: bench.program.serve(database, bench.issuer).await?,
            token: bench.issuer.writing_token(PROJECT),
            kept: Vec::new(),
            delivered: 0,
            secret_key,
            users: 0,
            sqlite,
        })
    }

    /// The server's process.
    pub(super) fn process(&self) -> u32 {
        self.instance.process_id()
    }

    /// Whether its database is in PostgreSQL.
    pub(super) const fn is_postgres(&self) -> bool {
        self.sqlite.is_none()
    }

    /// The processor time of PostgreSQL. SQLite works in the server's own process.
    pub(super) fn database_cpu(&self, bench: &Bench<'_>) -> Result<u64, BenchError> {
        match self.sqlite {
            Some(_) => Ok(0),
            None => bench.database_cpu(),
        }
    }

    /// How many events of webhooks the database has.
    pub(super) async fn stored_events(&self, bench: &Bench<'_>) -> Result<u64, BenchError> {
        let statement = format!("select count(*) from webhook_events where project_id = '{PROJECT}'");
        if let Some(file) = &self.sqlite {
            return sqlite::number(file, &statement).await;
        }
        let client = data::connect(&bench.postgres.url(data::GUARDED)).await?;
        let count: i64 = client.query_one(&statement, &[]).await?.get(0);
        Ok(u64::try_from(count)?)
    }

    /// Cards of users who have none yet.
    pub(super) async fn new_users(
        &mut self,
        bench: &Bench<'_>,
        number: usize,
    ) -> Result<Vec<Item>, BenchError> {
        let users = (self.users..self.users + number).map(|user| format!("buyer_{user}"));
        self.users += number;
        self.more_cards(bench, users.collect()).await
    }

    /// A card for each of these users.
    pub(super) async fn more_cards(
        &self,
        bench: &Bench<'_>,
        users: Vec<String>,
    ) -> Result<Vec<Item>, BenchError> {
        let cards = bench.stripe.make_cards(&self.secret_key, users.len()).await?;
        let items = cards.into_iter().zip(users);
        Ok(items.map(|(card, user)| Item { card, user }).collect())
    }
}

/// What is done with payment methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Delete,
}

/// The same with each of some payment methods.
pub(super) struct Acting {
    pub(super) items: Vec<Item>,
    action: Action,
    /// What every request's head has.
    headers: String,
}

impl Acting {
    pub(super) fn new(action: Action, token: &str, items: Vec<Item>) -> Self {
        Self {
            items,
            action,
            headers: format!("host: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"),
        }
    }

    /// The payment methods that were answered for.
    pub(super) fn done(&self, outcome: &Outcome) -> Vec<Item> {
        let answers = outcome.answers.iter();
        answers
            .filter_map(|answer| self.items.get(answer.number).cloned())
            .collect()
    }
}

impl Requests for Acting {
    fn write(&self, number: usize, bytes: &mut Vec<u8>) -> bool {
        let Some(Item { card, user }) = self.items.get(number) else {
            return false;
        };
        let path = format!("/projects/{PROJECT}/paymentMethods");
        let headers = &self.headers;
        let request = match self.action {
            Action::Create => {
                let body = json!({"id": card, "user": user}).to_string();
                let length = body.len();
                format!(
                    "POST {path} HTTP/1.1\r\n{headers}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
                )
            }
            Action::Delete => format!("DELETE {path}/{card} HTTP/1.1\r\n{headers}\r\n"),
        };
        bytes.extend_from_slice(request.as_bytes());
        true
    }

    fn status(&self) -> u16 {
        match self.action {
            Action::Create => 201,
            Action::Delete => 200,
        }
    }
}
