//! `billfold migrate`

use billfold_store::{Database, DatabaseOptions};
use clap::Args;

use super::{CommandError, DatabaseArguments, print};

#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    database: DatabaseArguments,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<(), CommandError> {
        let database = Database::connect(&DatabaseOptions::new(self.database.database_url)).await?;
        let report = database.migrate().await?;
        if report.applied.is_empty() {
            print("The database is up to date.\n")?;
        }
        for version in report.applied {
            print(&format!("Applied {version}.\n"))?;
        }
        Ok(())
    }
}
