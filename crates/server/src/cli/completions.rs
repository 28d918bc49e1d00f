//! `billfold completions`

use clap::Args;
use clap_complete::{Shell, generate};

use super::{CommandError, print};

#[derive(Debug, Args)]
#[command(after_help = "Put it where your shell looks, such as:\n  \
                  billfold completions bash >~/.local/share/bash-completion/completions/billfold")]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, mut billfold: clap::Command) -> Result<(), CommandError> {
        let mut script = Vec::new();
        generate(self.shell, &mut billfold, "billfold", &mut script);
        Ok(print(&String::from_utf8(script)?)?)
    }
}
