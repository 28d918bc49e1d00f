//! A running server with everything around it.

mod builder;
mod callers;
mod instances;

use std::{net::SocketAddr, sync::Arc};

use billfold_auth::DevelopmentIssuer;
use billfold_domain::{Origin, ProjectId, ProjectScope};
use billfold_sandbox::Sandbox;
use billfold_server::application::Application;
use billfold_service::Service;
use billfold_store::{Database, Projects};
use billfold_test_support::TcpProxy;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use builder::ServerBuilder;

use super::{
    ManualClock, StripeAccount, canaries::LastLook, client::SeenRequestIds, database::TestDatabase,
    master_keys,
};

/// The page that may call the account API unless a test says otherwise.
pub(crate) const PAGE_ORIGIN: &str = "https://app.example.com";

/// A running server. It and all that belongs to it end when it is dropped.
pub(crate) struct Server {
    pub(crate) clock: Arc<ManualClock>,
    application: Application,
    sandbox: Sandbox,
    database: TestDatabase,
    issuer: DevelopmentIssuer,
    client: reqwest::Client,
    seen: SeenRequestIds,
    _directory: TempDir,
    _last_look: LastLook,
}

impl Server {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.application.address()
    }

    /// The use cases, for those that no request asks for.
    pub(crate) fn service(&self) -> &Service {
        self.application.service()
    }

    /// The server's database.
    pub(crate) fn database(&self) -> &Database {
        &self.database.database
    }

    /// The projects in the server's database.
    pub(crate) fn projects(&self) -> Projects {
        master_keys::projects(self.database())
    }

    /// The account of a project in the sandbox.
    pub(crate) fn stripe(&self, project: &str) -> StripeAccount {
        StripeAccount::of_project(&self.client, &self.sandbox.url(), project)
    }

    /// What one of the sandbox's control endpoints says, of accounts that are no project's own too.
    pub(crate) async fn sandbox_says(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.sandbox.url()));
        let answer = request.send().await.expect("the sandbox should answer");
        answer.json().await.expect("the sandbox should answer in JSON")
    }

    /// All that the database holds; `None` for one in memory.
    pub(crate) async fn stored(&self) -> Option<String> {
        self.database.contents().await
    }

    /// Runs statements behind the server's back. PostgreSQL only.
    pub(crate) async fn sql(&self, statements: &str) {
        self.database.execute(statements).await;
    }

    /// What a project owns. A test is its own authorisation.
    #[expect(clippy::disallowed_methods, reason = "a test is its own authorisation")]
    pub(crate) fn scope(project: &str) -> ProjectScope {
        ProjectScope::authorized(project_id(project))
    }

    /// What stands between the server and its database.
    pub(crate) fn database_proxy(&self) -> &TcpProxy {
        let proxy = self.database.proxy.as_ref();
        proxy.expect("the server should have been started behind a proxy")
    }
}

pub(crate) fn origin(text: &str) -> Origin {
    Origin::parse(text).expect("the origin should be one")
}

pub(crate) fn project_id(name: &str) -> ProjectId {
    ProjectId::parse(name).expect("the project's name should be valid")
}
