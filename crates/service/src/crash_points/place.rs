//! Where a trial takes place: a database of its own, with one project in it.

use billfold_domain::{Clock as _, ProjectId, SystemClock};
use billfold_store::{Database, DatabaseOptions, NewProject, StripeCredentials, WebhookSecrets};
use billfold_test_support::{APPLICATION_ROLE, PostgresDatabase, SqliteFile};

use super::{
    child::{PROJECT, projects, start},
    stripe::{PUBLISHABLE_KEY, SECRET_KEY},
};
use crate::Service;

#[derive(Clone, Copy, Debug)]
pub(super) enum Backend {
    Sqlite,
    Postgres,
}

/// What keeps the database in the world.
pub(super) enum Place {
    File(SqliteFile),
    Server(PostgresDatabase),
}

impl Place {
    pub(super) async fn fresh(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let file = SqliteFile::fresh();
                let database = Database::connect(&DatabaseOptions::new(file.url())).await;
                database.unwrap().migrate().await.unwrap();
                Self::File(file)
            }
            Backend::Postgres => Self::Server(
                PostgresDatabase::fresh(&migrations(), async |url| {
                    let database = Database::connect(&DatabaseOptions::new(url)).await?;
                    database.migrate().await?;
                    database.grant_to(APPLICATION_ROLE).await?;
                    Ok(())
                })
                .await,
            ),
        }
    }

    pub(super) fn url(&self) -> String {
        match self {
            Self::File(file) => file.url().to_owned(),
            Self::Server(server) => server.url(),
        }
    }
}

/// Every migration of PostgreSQL, to tell whether a database was made by the same ones.
fn migrations() -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let mut texts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|migration| std::fs::read_to_string(migration.unwrap().path().join("up.sql")).unwrap())
        .collect();
    texts.sort();
    texts.concat()
}

/// Makes the project, and gives a service without a reconciler.
pub(super) async fn make_project(database: &str, stripe: &str) -> Service {
    let (service, database) = start(database, stripe).await;
    let project = NewProject {
        id: ProjectId::parse(PROJECT).unwrap(),
        stripe: StripeCredentials {
            secret_key: SECRET_KEY.into(),
            publishable_key: PUBLISHABLE_KEY.to_owned(),
            account: None,
            webhook_secrets: WebhookSecrets::default(),
        },
    };
    let projects = projects(&database);
    projects.create(&project, SystemClock.now()).await.unwrap();
    service
}
