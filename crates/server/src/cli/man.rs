//! `billfold man`

use std::path::PathBuf;

use clap::Args;

use super::{CommandError, print};

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Where to write the pages, one for each command, such as ~/.local/share/man/man1. Without it: prints the main page.
    #[arg(value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, billfold: clap::Command) -> Result<(), CommandError> {
        let Some(directory) = self.directory else {
            let mut page = Vec::new();
            // `help` has no page of its own.
            let billfold = billfold.disable_help_subcommand(true);
            clap_mangen::Man::new(billfold).render(&mut page)?;
            return Ok(print(&String::from_utf8(page)?)?);
        };
        clap_mangen::generate_to(billfold, &directory).map_err(|error| {
            let directory = directory.display();
            format!(
                "the pages cannot be written to {directory}: {error}; make the directory, or name another"
            )
        })?;
        Ok(())
    }
}
